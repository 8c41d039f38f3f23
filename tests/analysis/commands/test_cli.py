"""All commands: their help, and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.commands.cli import COMMANDS, main


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]):
    names = [command.__name__.rsplit(".", 1)[1] for command in COMMANDS]
    assert names == ["fit", "evaluate", "explain", "planted", "words", "runs"]
    for words in (["--help"], *[[name, "--help"] for name in names]):
        with pytest.raises(SystemExit, match="0"):
            main(words)
        assert "usage: python -m analysis" in capsys.readouterr().out


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
