"""The command that trains a learner."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from analysis.commands.cli import main, make_parser
from analysis.commands.fit import recipe_of
from analysis.recipes.images import ImageRecipe
from analysis.runs import Run, RunError
from tests.tiny import REPOSITORY, fit_command


def test_a_finished_fit_says_where_the_run_is(
    tiny_run: Run, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
):
    words = fit_command(tiny_folder, tiny_run.path)[3:]
    words[words.index("json")] = "text"
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "100% The run " in out
    assert f"on 12 validation pictures: {tiny_run.path}" in out


@pytest.mark.parametrize(
    "recipe",
    [
        ImageRecipe.for_source("demo", epochs=2),
        ImageRecipe.for_source("pets", task="breeds", head="book", size=160, seed=4, base_lr=0.003),
        ImageRecipe.for_source("folder", path="/my photos", arch="resnet50", pretrained=False, batch_size=8),
    ],
)
def test_the_options_of_a_recipe_ask_for_it(recipe: ImageRecipe, monkeypatch: pytest.MonkeyPatch):
    asked: list[ImageRecipe] = []

    def remember(recipe: ImageRecipe, *rest: object) -> None:
        asked.append(recipe)
        raise RunError("enough")

    monkeypatch.setattr("analysis.fitting.fit.fit", remember)
    assert main(["fit", *recipe.options()]) == 2
    assert asked == [recipe]


def test_a_child_process_ends_with_its_parent(tiny_folder: Path, tmp_path: Path):
    process = subprocess.Popen(
        [*fit_command(tiny_folder, tmp_path / "run"), "--die-with-parent"], cwd=REPOSITORY, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["stage"] == "data"
    process.stdin.close()  # what the operating system does when the parent ends
    assert process.wait(20) == 3
    assert not (tmp_path / "run").exists()
    process.stdout.close()
    if process.stderr is not None:
        process.stderr.close()


def test_json_progress_is_all_that_standard_output_holds(tiny_folder: Path, tmp_path: Path):
    done = subprocess.run(
        fit_command(tiny_folder, tmp_path / "run"), cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["stage"] == "done"
    assert done.stderr == ""


def test_a_recipe_named_in_words_is_the_same_recipe():
    for recipe in (
        ImageRecipe.for_source("pets", task="breeds", head="book", size=160, epochs=3, seed=7),
        ImageRecipe.for_source(
            "folder", path="/a/b c", arch="resnet18", pretrained=False, batch_size=8, base_lr=0.003
        ),
    ):
        assert recipe_of(make_parser().parse_args(["fit", *recipe.options()])) == recipe
