"""The demo as a whole: pictures drawn again, twins, and what a killed run leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.data.demo import dataset as demo
from analysis.data.demo.dataset import demo_folder, draw, make_demo, twin
from analysis.data.demo.plan import plan
from analysis.data.demo.truth import read_truth
from tests.tiny import FEW_PICTURES


def test_another_seed_draws_other_pictures() -> None:
    other = replace(FEW_PICTURES, seed=22)
    common = sorted(set(plan(FEW_PICTURES)) & set(plan(other)))
    assert common
    assert not np.array_equal(
        draw(common[0], parameters=FEW_PICTURES).image, draw(common[0], parameters=other).image
    )
    assert demo_folder(Path("home"), FEW_PICTURES) != demo_folder(Path("home"), other)


def test_the_twin_differs_from_the_file_only_in_the_blocks_that_the_shortcut_reaches(folder: Path) -> None:
    stem = next(s for s, p in plan(FEW_PICTURES).items() if p.shortcut)
    file = np.asarray(Image.open(folder / "images" / f"{stem}.jpg"))
    changed = np.any(file != twin(stem, parameters=FEW_PICTURES), axis=-1)
    blocks = draw(stem, parameters=FEW_PICTURES).shortcut_area.reshape(28, 8, 28, 8).any((1, 3))
    assert changed.any()
    assert not changed[~np.kron(blocks, np.ones((8, 8), bool))].any()


def test_a_picture_without_the_shortcut_is_its_own_twin(folder: Path) -> None:
    stem = next(s for s, p in plan(FEW_PICTURES).items() if not p.shortcut)
    assert np.array_equal(
        np.asarray(Image.open(folder / "images" / f"{stem}.jpg")), twin(stem, parameters=FEW_PICTURES)
    )


def test_an_unknown_stem_says_what_names_look_like() -> None:
    with pytest.raises(KeyError, match="no picture 'unicorn_1'"):
        draw("unicorn_1")


def test_a_complete_folder_is_left_alone(folder: Path) -> None:
    assert demo.is_current(folder, FEW_PICTURES)
    assert not demo.is_current(folder)
    before = (folder / "images" / next(iter(read_truth(folder)))).stat().st_mtime_ns
    assert make_demo(folder, parameters=FEW_PICTURES) == folder / "images"
    assert (folder / "images" / next(iter(read_truth(folder)))).stat().st_mtime_ns == before


def test_a_killed_run_leaves_nothing_that_breaks_the_next(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    code = (
        "import sys; from pathlib import Path; from analysis.data.demo.dataset import make_demo; "
        "from analysis.data.demo.plan import DemoParameters\n"
        "make_demo(Path(sys.argv[1]), lambda d, n: print(d, flush=True), DemoParameters(n_train=800), workers=2)"
    )
    repository = str(Path(demo.__file__).parents[3])
    run = subprocess.Popen(
        [sys.executable, "-c", code, str(root)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": repository},
    )
    assert run.stdout is not None
    run.stdout.readline()
    run.stdout.readline()
    run.kill()
    run.wait()
    run.stdout.close()
    assert not root.exists()
    assert list(tmp_path.glob("demo.tmp-*"))
    make_demo(root, parameters=FEW_PICTURES, workers=1)
    assert len(read_truth(root)) == 36
    assert not list(tmp_path.glob("demo.tmp-*"))


def test_a_folder_without_the_right_marker_is_made_again(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    (root / "images").mkdir(parents=True)
    (root / "images" / "beagle_1.jpg").write_bytes(b"half a pictu")
    (root / demo.MARKER).write_text(json.dumps({"digest": "of another generator"}))
    make_demo(root, parameters=FEW_PICTURES, workers=1)
    assert Image.open(root / "images" / "beagle_1.jpg").size == (224, 224)


def test_two_at_once_draw_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    original = demo.draw_all
    monkeypatch.setattr(demo, "draw_all", lambda *a: (drawn.append(1), original(*a))[1])
    threads = [
        threading.Thread(target=make_demo, args=(tmp_path / "demo", None, FEW_PICTURES, 1)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(drawn) == 1
    assert len(read_truth(tmp_path / "demo")) == 36


def test_the_generator_needs_no_torch() -> None:
    code = "import sys, analysis.data.demo.dataset; sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    repository = Path(demo.__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=repository, check=False).returncode == 0
