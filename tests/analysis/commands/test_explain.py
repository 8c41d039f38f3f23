"""The command that writes maps to a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.commands.cli import main
from analysis.runs import Run


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


def test_a_failed_export_leaves_no_file(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def full(file: object, **arrays: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("analysis.explain.report.maps_file.np.savez_compressed", full)
    words = ["explain", "--run", str(tiny_run.path), "--images", "sea_1.png", "--out", str(tmp_path / "maps.npz")]
    assert main(words) == 2
    assert "No space left" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
