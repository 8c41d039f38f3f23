"""`python -m analysis words`, on the tiny run of words."""

from __future__ import annotations

import io
import math
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from analysis.commands.cli import main, make_parser
from analysis.commands.words import run as run_words
from analysis.errors import CamLensError
from analysis.runs import PROBES, Run


def printed(run: Run, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    run_words(make_parser().parse_args(["words", "--run", str(run.path), *words]))
    return capsys.readouterr().out.splitlines()


def test_the_ranked_table(tiny_words_run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "words.csv"
    lines = printed(tiny_words_run, capsys, "--top", "4", "--min-reviews", "2", "--out", str(file))
    assert "validation reviews, by cam at blocks." in lines[0]
    assert "rather than" in lines[0]
    assert "Student's t, with the review as the unit" in lines[1]
    table = pd.read_csv(file)
    sizes = table["mean"].abs().tolist()
    assert sizes == sorted(sizes, reverse=True)
    assert (table["reviews"] >= 2).all()
    assert [line.split()[0] for line in lines[-4:]] == table["word"].head(4).tolist()
    assert lines[-5].split()[:3] == ["word", "mean", "low"]


def test_one_reviews_words(
    tiny_words_run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = printed(tiny_words_run, capsys, "--text", "A <b>good</b> film, not bad.")
    assert lines[0].startswith("Predicted: ")
    assert lines[2].startswith("Words ")
    start = next(place for place, line in enumerate(lines) if line.split()[:2] == ["word", "start"])
    rows = [line.split() for line in lines[start + 1 :]]
    assert [(row[0], row[1]) for row in rows] == [
        ("A", "0"), ("good", "5"), ("film", "14"), (",", "18"), ("not", "20"), ("bad", "24"), (".", "27"),
    ]  # fmt: skip
    total = float(lines[2].split()[1])
    assert sum(float(row[2]) for row in rows) == pytest.approx(total, abs=1e-3)
    monkeypatch.setattr("sys.stdin", io.StringIO("good film"))
    assert printed(tiny_words_run, capsys, "--text", "-", "--top", "1")[-2].split()[:2] == ["word", "start"]


def test_other_methods_layers_and_phrases(tiny_words_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert "an estimate" in printed(tiny_words_run, capsys, "--text", "good", "--method", "gradient")[2]
    assert "an estimate" in printed(tiny_words_run, capsys, "--text", "good", "--layer", "embedding")[2]
    first = printed(tiny_words_run, capsys, "--length", "2", "--min-reviews", "2", "--method", "gradient")[0]
    assert "in at least 2 of " in first
    assert "by gradient at embedding" in first


def test_mistakes_and_truth(tiny_words_run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "to the wrong class" in printed(tiny_words_run, capsys, "--mistakes")[0]
    file = tmp_path / "curves.csv"
    lines = printed(tiny_words_run, capsys, "--truth", "3", "--out", str(file))
    assert lines[0].startswith("Areas under the curves of 3 reviews; random: 10 orders a review, seed 21")
    table = pd.read_csv(file).set_index("area")
    assert table.loc["deletion", "reviews"] == 3
    assert not math.isnan(table.loc["insertion_gain", "low"])


def test_control_characters_are_spelled_out(tiny_words_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    out = "\n".join(printed(tiny_words_run, capsys, "--text", "good \x1b[31m\u202e film"))
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "\\x1b" in out


def test_texts_without_words(tiny_words_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("", "   ", "<br />"):
        assert "rests on the bias alone." in printed(tiny_words_run, capsys, "--text", text)[3]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--top", "0"], "--top is 0"),
        (["--against", "positive"], "--against needs --target"),
        (["--target", "nonsense"], "there is no class 'nonsense'"),
        (["--text", "good", "--layer", "blocks.9"], "no layer 'blocks.9'"),
        (["--layer", "blocks.0"], "no exact CAM at 'blocks.0'"),
        (["--min-reviews", "1"], "min_reviews is 1"),
        (["--length", "0"], "at least one word"),
        (["--truth", "0"], "--truth is 0"),
    ],
)
def test_options_that_do_not_fit_say_why(
    tiny_words_run: Run, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    with pytest.raises(CamLensError, match=message):
        printed(tiny_words_run, capsys, *words)


def test_an_inner_layers_cam_is_a_probes_or_none(
    tiny_words_run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--text", "good", "--layer", "embedding", "--method", "cam"]
    assert "By cam at embedding. CAM of a linear probe" in "\n".join(printed(tiny_words_run, capsys, *words))
    monkeypatch.setattr("analysis.learner.probes.files.probes_of", lambda run: {})
    with pytest.raises(CamLensError, match="No CAM at embedding: The network has no class weights"):
        printed(tiny_words_run, capsys, *words)


def test_damaged_probes_are_refused_with_their_cure(
    tiny_words_run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(tiny_words_run.path, folder)
    data = (folder / PROBES).read_bytes()
    (folder / PROBES).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))  # still readable, but other numbers
    assert main(["words", "--run", str(folder), "--text", "good"]) == 2
    said = capsys.readouterr().err
    assert re.search(f"{PROBES} was changed since .* sha256 does not match.*fit --source .* --force", said)


def test_the_command_line_knows_it(tiny_words_run: Run, tiny_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["words", "--run", str(tiny_words_run.path), "--text", "good"]) == 0
    assert "Predicted: " in capsys.readouterr().out
    assert main(["words", "--run", str(tiny_run.path)]) == 2
    assert "not of words" in capsys.readouterr().err
