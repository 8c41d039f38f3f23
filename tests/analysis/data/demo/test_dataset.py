"""The demo on the disk: layout, truth, determinism, twins, annotations, and what a killed run leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import distance_transform_cdt

from analysis.data.demo import dataset as demo
from analysis.data.demo.dataset import DemoParameters, demo_folder, draw, make_demo, split_of, truth, twin
from analysis.data.demo.plan import plan

FEW = DemoParameters(n_train=24, n_valid=12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "demo"
    make_demo(root, parameters=FEW, workers=1)
    return root


def file_bytes(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_the_folder_has_the_layout_of_oxford_iiit_pet(folder: Path) -> None:
    rows = truth(folder)
    assert {p.name for p in (folder / "images").iterdir()} == set(rows)
    assert len(rows) == 36
    for file, row in rows.items():
        stem = file.removesuffix(".jpg")
        with Image.open(folder / "images" / file) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (224, 224))
        assert (row.species == "cat") == file[0].isupper()
        assert stem.rsplit("_", 1)[0] == row.breed
        with Image.open(folder / "annotations/trimaps" / f"{stem}.png") as trimap:
            assert trimap.mode == "L"
            assert set(np.unique(np.asarray(trimap))) == {1, 2, 3}
        tree = ElementTree.parse(folder / "annotations/xmls" / f"{stem}.xml")
        x0, y0, x1, y1 = (int(tree.findtext(f"object/bndbox/{k}") or -1) for k in ("xmin", "ymin", "xmax", "ymax"))
        assert 0 <= x0 < x1 < 224
        assert 0 <= y0 < y1 < 224
        assert (tree.findtext("filename"), tree.findtext("object/name")) == (file, row.species)
        assert (folder / "annotations/shortcuts" / f"{stem}.png").exists() == row.shortcut


def test_the_border_is_within_two_pixels_of_the_outline(folder: Path) -> None:
    for stem in list(plan(FEW))[::6]:
        mask = draw(stem, parameters=FEW).mask
        # distances that count a diagonal step as one; beyond the edge of the picture nothing changes
        inward = distance_transform_cdt(np.pad(mask, 3, "edge"), "chessboard")[3:-3, 3:-3]
        outward = distance_transform_cdt(np.pad(~mask, 3, "edge"), "chessboard")[3:-3, 3:-3]
        expected = np.where(inward > 2, 1, np.where(mask | (outward <= 2), 3, 2))
        with Image.open(folder / "annotations/trimaps" / f"{stem}.png") as trimap:
            np.testing.assert_array_equal(np.asarray(trimap), expected)


def test_truth_is_the_plan(folder: Path) -> None:
    for file, row in truth(folder).items():
        picture = plan(FEW)[file.removesuffix(".jpg")]
        assert (row.split, row.breed, row.shortcut, row.ambiguous) == (
            picture.split, picture.breed, picture.shortcut, picture.ambiguous,
        )  # fmt: skip
    assert sum(split_of(folder).values()) == 12


def test_same_seed_same_files_whatever_the_number_of_processes(folder: Path, tmp_path: Path) -> None:
    make_demo(tmp_path / "demo", parameters=FEW, workers=2)
    assert file_bytes(tmp_path / "demo") == file_bytes(folder)


def test_another_seed_draws_other_pictures() -> None:
    other = replace(FEW, seed=22)
    common = sorted(set(plan(FEW)) & set(plan(other)))
    assert common
    assert not np.array_equal(draw(common[0], parameters=FEW).image, draw(common[0], parameters=other).image)
    assert demo_folder(Path("home"), FEW) != demo_folder(Path("home"), other)


def test_the_file_is_the_drawing(folder: Path) -> None:
    stem = next(s for s, p in plan(FEW).items() if p.shortcut)
    drawing = draw(stem, parameters=FEW)
    file = np.asarray(Image.open(folder / "images" / f"{stem}.jpg")).astype(int)
    assert np.abs(file - drawing.image).mean() < 4  # JPEG loss only
    assert np.array_equal(file, twin(stem, shortcut=True, parameters=FEW))
    mask = np.asarray(Image.open(folder / "annotations/shortcuts" / f"{stem}.png")) > 0
    assert np.array_equal(mask, drawing.shortcut_mask)


def test_the_twin_differs_from_the_file_only_in_the_blocks_that_the_shortcut_reaches(folder: Path) -> None:
    stem = next(s for s, p in plan(FEW).items() if p.shortcut)
    file = np.asarray(Image.open(folder / "images" / f"{stem}.jpg"))
    changed = np.any(file != twin(stem, parameters=FEW), axis=-1)
    blocks = draw(stem, parameters=FEW).shortcut_area.reshape(28, 8, 28, 8).any((1, 3))
    assert changed.any()
    assert not changed[~np.kron(blocks, np.ones((8, 8), bool))].any()


def test_a_picture_without_the_shortcut_is_its_own_twin(folder: Path) -> None:
    stem = next(s for s, p in plan(FEW).items() if not p.shortcut)
    assert np.array_equal(np.asarray(Image.open(folder / "images" / f"{stem}.jpg")), twin(stem, parameters=FEW))


def test_an_unknown_stem_says_what_names_look_like() -> None:
    with pytest.raises(KeyError, match="no picture 'unicorn_1'"):
        draw("unicorn_1")


def test_progress_counts_up_to_the_end(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    make_demo(tmp_path / "demo", lambda done, total: seen.append((done, total)), FEW, workers=2)
    counts = [done for done, _ in seen]
    assert counts == sorted(counts)
    assert seen[0] == (0, 36)
    assert seen[-1] == (36, 36)


def test_a_complete_folder_is_left_alone(folder: Path) -> None:
    assert demo.is_current(folder, FEW)
    assert not demo.is_current(folder)
    before = (folder / "images" / next(iter(truth(folder)))).stat().st_mtime_ns
    assert make_demo(folder, parameters=FEW) == folder / "images"
    assert (folder / "images" / next(iter(truth(folder)))).stat().st_mtime_ns == before


def test_a_killed_run_leaves_nothing_that_breaks_the_next(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    code = (
        "import sys; from pathlib import Path; from analysis.data.demo.dataset import *\n"
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
    make_demo(root, parameters=FEW, workers=1)
    assert len(truth(root)) == 36
    assert not list(tmp_path.glob("demo.tmp-*"))


def test_a_folder_without_the_right_marker_is_made_again(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    (root / "images").mkdir(parents=True)
    (root / "images" / "beagle_1.jpg").write_bytes(b"half a pictu")
    (root / demo.MARKER).write_text(json.dumps({"digest": "of another generator"}))
    make_demo(root, parameters=FEW, workers=1)
    assert Image.open(root / "images" / "beagle_1.jpg").size == (224, 224)


def test_two_at_once_draw_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    original = demo._draw_all
    monkeypatch.setattr(demo, "_draw_all", lambda *a: (drawn.append(1), original(*a))[1])
    threads = [threading.Thread(target=make_demo, args=(tmp_path / "demo", None, FEW, 1)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(drawn) == 1
    assert len(truth(tmp_path / "demo")) == 36


def test_a_failing_helper_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo.sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="draws the demo failed"):
        make_demo(tmp_path / "demo", parameters=FEW, workers=2)
    assert not (tmp_path / "demo").exists()


def test_the_generator_needs_no_torch() -> None:
    code = "import sys, analysis.data.demo.dataset; sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    repository = Path(demo.__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=repository, check=False).returncode == 0
