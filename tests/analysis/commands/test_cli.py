"""The command line."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.commands.cli import main, run_path
from analysis.recipes.images import ImageRecipe
from analysis.runs import Run, RunError, runs_root
from tests.tiny import REPOSITORY, fit_command


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_name_lies_among_the_runs_and_a_path_is_a_path():
    assert run_path("mine") == runs_root() / "mine"
    assert run_path("./mine") == Path("mine")
    assert run_path("/a/b") == Path("/a/b")
    assert run_path("~/mine") == Path.home() / "mine"
    assert run_path(".") == Path()


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]):
    for words in (["--help"], *[[name, "--help"] for name in ("fit", "evaluate", "explain", "runs")]):
        with pytest.raises(SystemExit, match="0"):
            main(words)
        assert "usage: python -m analysis" in capsys.readouterr().out


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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fit", "--source", "folder"], "A path goes with the source 'folder'"),
        (["fit", "--source", "folder", "--path", "/nowhere/at/all"], "does not exist"),
        (["fit", "--source", "pets", "--task", "folder"], "possible here: species, breeds"),
        (["fit", "--size", "5"], "32 to 1024"),
        (["fit", "--seed", "-1"], "seed is -1"),
        (["evaluate", "--run", "/nowhere/at/all"], "holds no run"),
        (["explain", "--run", "nothing-of-this-name", "--out", "x.npz"], "holds no run"),
    ],
)
def test_what_a_user_can_cure_is_one_message_and_exit_code_2(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: ")
    assert message in said.err
    assert len(said.err.splitlines()) == 1
    if words[0] != "explain":
        assert main([*words, "--progress", "json"]) == 2
        last = lines(capsys.readouterr().out)[-1]
        assert last["stage"] == "error"
        assert message in str(last["message"])


def test_a_folder_that_cannot_be_written_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path / "file" / "home"))
    assert main(["runs"]) == 2
    assert "file" in capsys.readouterr().err


def test_runs_are_listed_with_their_error_rates(tiny_run: Run, capsys: pytest.CaptureFixture[str]):
    (runs_root() / "wrecked").mkdir()
    try:
        assert main(["runs"]) == 0
    finally:
        (runs_root() / "wrecked").rmdir()
    out = capsys.readouterr().out
    assert f"{tiny_run.name}  images  {tiny_run.manifest.created}  error rate 0." in out
    assert "wrecked  cannot be used: " in out


def test_one_damaged_run_does_not_hide_the_others(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name in ("a", "b", "c"):
        shutil.copytree(tiny_run.path, tmp_path / "runs" / name)
    (tmp_path / "runs" / "b" / "predictions.parquet").write_bytes(b"PAR1")
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))
    assert main(["runs"]) == 0
    first, *said = capsys.readouterr().out.splitlines()
    assert first.startswith("3 runs in ")
    a, b, c = sorted(said)
    assert b.startswith("b  cannot be used: ")
    assert all("error rate 0." in line for line in (a, c))


def test_a_run_that_a_killed_fit_moved_aside_is_listed_and_said_to_be_back(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    shutil.copytree(tiny_run.path, tmp_path / "runs" / ".old-mine")
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))
    assert main(["runs"]) == 0
    said = capsys.readouterr().out
    assert "The run mine is back" in said
    assert "mine  images  " in said


@pytest.mark.parametrize("number", ["0", "-3"])
def test_explain_refuses_what_it_cannot_do_before_it_loads_anything(
    number: str, tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("analysis.sweeps.maps.load", lambda run: pytest.fail("it loaded the learner"))
    words = ["explain", "--run", str(tiny_run.path), "--out"]
    assert main([*words, str(tmp_path / "maps.npz"), "--errors", number]) == 2
    assert f"mistakes to explain is {number}; give at least 1" in capsys.readouterr().err
    assert main([*words, str(tmp_path)]) == 2
    assert f"{tmp_path} is a folder; name a file" in capsys.readouterr().err


def test_a_failed_export_leaves_no_file(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def full(file: object, **arrays: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("analysis.sweeps.maps.np.savez_compressed", full)
    words = ["explain", "--run", str(tiny_run.path), "--images", "sea_1.png", "--out", str(tmp_path / "maps.npz")]
    assert main(words) == 2
    assert "No space left" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_evaluate_works_by_name_and_by_path(tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = shutil.copytree(tiny_run.path, tmp_path / "copied")
    assert main(["evaluate", "--run", tiny_run.name]) == 0
    assert "on 12 validation pictures" in capsys.readouterr().out
    assert main(["evaluate", "--run", str(path), "--force", "--progress", "json"]) == 0
    assert lines(capsys.readouterr().out)[0]["stage"] == "evaluate"


def test_explain_writes_the_mistakes_of_highest_loss(
    tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    table = tiny_run.predictions()
    wrong = table[table["label"] != table["predicted"]].sort_values("loss", ascending=False)
    assert len(wrong) >= 2, "the tiny learner must make mistakes for this test"
    out = tmp_path / "deep" / "maps.npz"
    words = ["explain", "--run", str(tiny_run.path), "--errors", "2", "--methods", "gradcam", "cam"]
    assert main([*words, "--target", "contrast", "--out", str(out)]) == 0
    assert "Maps of 2 images" in capsys.readouterr().out
    with np.load(out) as maps:
        assert maps["images"].tolist() == wrong["path"].head(2).tolist()
        names = maps["class_names"].tolist()
        assert [names[i] for i in maps["targets"]] == wrong["predicted"].head(2).tolist()
        assert [names[i] for i in maps["against"]] == wrong["label"].head(2).tolist()
        # with a linear head Grad-CAM x cells is CAM, and the mean of CAM is the difference of the logits
        cells = maps["0.7/cam"][0].size
        np.testing.assert_allclose(maps["0.7/gradcam"] * cells, maps["0.7/cam"], rtol=1e-4, atol=1e-5)
        assert maps["logits"].shape == (2, 2)


def test_explain_takes_named_layers_and_other_images(
    tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    Image.new("RGB", (100, 80), "red").save(tmp_path / "other.png")
    words = ["explain", "--run", str(tiny_run.path), "--images", "sea_1.png", str(tmp_path / "other.png")]
    out = ["--layers", "0.5", "0.6", "--out", str(tmp_path / "maps.npz")]
    assert main([*words, "--target", "sea", *out]) == 0
    with np.load(tmp_path / "maps.npz") as maps:
        assert maps["0.5/gradcam"].shape == (2, 8, 8)
        assert maps["0.6/gradcam"].shape == (2, 4, 4)
        assert maps["targets"].tolist() == [1, 1]
        assert "against" not in maps
    capsys.readouterr()
    for target, message in (("true", "true class of"), ("fish", "'fish'; possible: predicted, true, contrast")):
        assert main([*words, "--target", target, *out]) == 2
        assert message in capsys.readouterr().err
    assert main([*words, "--methods", "gradcma", *out]) == 2
    assert "gradcam" in capsys.readouterr().err
    assert main([*words, "--layers", "0.55", "--out", str(tmp_path / "maps.npz")]) == 2
    assert "0.55" in capsys.readouterr().err


def test_explain_names_the_maps_it_cannot_make(tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["explain", "--run", str(tiny_run.path), "--images", "sea_1.png", "--methods", "cam", "gradcam"]
    out = tmp_path / "maps.npz"
    assert main([*words, "--layers", "0.5", "0.7", "--out", str(out)]) == 0
    note, last = capsys.readouterr().out.splitlines()
    assert note.startswith("note: no map by cam at layer 0.5: no CAM at '0.5': the network has class weights only")
    assert last == f"Maps of 1 images: {out}"
    with np.load(out) as maps:
        assert {name for name in maps if "/" in name} == {"0.5/gradcam", "0.7/cam", "0.7/gradcam"}
    out.unlink()
    assert main([*words[:-1], "--layers", "0.5", "--out", str(out)]) == 2
    assert "no CAM at '0.5'" in capsys.readouterr().err
    assert not out.exists()


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
    events = lines(done.stdout)
    assert events[-1]["stage"] == "done"
    assert done.stderr == ""


def test_a_recipe_named_in_words_is_the_same_recipe():
    from analysis.commands.cli import _parser, _recipe

    for recipe in (
        ImageRecipe.for_source("pets", task="breeds", head="book", size=160, epochs=3, seed=7),
        ImageRecipe.for_source(
            "folder", path="/a/b c", arch="resnet18", pretrained=False, batch_size=8, base_lr=0.003
        ),
    ):
        assert _recipe(_parser().parse_args(["fit", *recipe.options()])) == recipe
