"""A folder of the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from analysis.data.folder import load_folder
from analysis.data.labelled import DataError
from analysis.progress import ProgressEvent


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)


def test_sub_folders_are_classes(tmp_path: Path):
    for number in range(10):
        picture(tmp_path / ("oak" if number < 5 else "fir") / f"{number}.PNG")
    picture(tmp_path / "extra" / "oak" / "11.png")
    picture(tmp_path / ".cache" / "hidden.png")
    picture(tmp_path / "loose.png")
    (tmp_path / "notes.txt").write_text("not an image")
    images = load_folder(tmp_path)
    labels = dict(zip(images.files, images.labels, strict=True))
    assert labels["oak/0.PNG"] == "oak"
    assert labels["extra/oak/11.png"] == "oak"
    assert len(labels) == 11
    assert images.vocabulary() == ["fir", "oak"]
    assert images.skipped == (("loose.png", "It lies outside the class folders."),)
    assert 1 <= sum(images.valid) < 11


def test_file_names_are_labels_where_there_are_no_sub_folders(tmp_path: Path):
    for name in ("red_fox_1", "red_fox_2", "hen_1", "hen_2", "hen_33", "photo"):
        picture(tmp_path / f"{name}.jpg")
    images = load_folder(tmp_path)
    assert images.vocabulary() == ["hen", "red_fox"]
    assert dict(zip(images.files, images.labels, strict=True))["red_fox_2.jpg"] == "red_fox"
    assert [file for file, _ in images.skipped] == ["photo.jpg"]


def test_the_split_follows_the_seed_and_holds_about_a_fifth(tmp_path: Path):
    for number in range(100):
        picture(tmp_path / f"{'ab'[number % 2]}_{number}.png")
    images = load_folder(tmp_path, seed=3)
    assert load_folder(tmp_path, seed=3) == images
    assert load_folder(tmp_path, seed=4).valid != images.valid
    assert 10 <= sum(images.valid) <= 30


def test_files_keep_their_side_when_others_come_and_go(tmp_path: Path):
    for number in range(30):
        picture(tmp_path / f"{'ab'[number % 2]}_{number}.png")
    before = load_folder(tmp_path)
    for number in range(0, 12, 3):
        (tmp_path / f"{'ab'[number % 2]}_{number}.png").unlink()
    for number in range(100, 140):
        picture(tmp_path / f"{'ab'[number % 2]}_{number}.png")
    after = load_folder(tmp_path)
    sides, now = (dict(zip(images.files, images.valid, strict=True)) for images in (before, after))
    both = sides.keys() & now.keys()
    assert len(both) == 26
    assert {file: sides[file] for file in both} == {file: now[file] for file in both}


def test_damaged_files_are_skipped_with_their_reason(tmp_path: Path):
    for number in range(8):
        picture(tmp_path / f"{'ab'[number % 2]}_{number}.png")
    Image.effect_noise((64, 64), 50).save(tmp_path / "a_0.png")
    whole = (tmp_path / "a_0.png").read_bytes()
    (tmp_path / "a_0.png").write_bytes(whole[: len(whole) // 2])
    seen: list[ProgressEvent] = []
    images = load_folder(tmp_path, report=seen.append)
    assert "a_0.png" not in images.files
    assert images.skipped[0][0] == "a_0.png"
    assert "damaged" in images.skipped[0][1]
    assert seen
    assert seen[0].stage == "data"


def test_what_cannot_be_used_says_why_and_what_to_do(tmp_path: Path):
    with pytest.raises(DataError, match="does not exist"):
        load_folder(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is a file; give the folder"):
        load_folder(tmp_path / "file")
    with pytest.raises(DataError, match=r"No images under .*sub-folder"):
        load_folder(tmp_path)
    for number in range(6):
        picture(tmp_path / "only" / f"{number}.png")
    with pytest.raises(DataError, match="the label 'only'; two are needed"):
        load_folder(tmp_path)
    for number in range(2, 6):
        (tmp_path / "only" / f"{number}.png").unlink()
    picture(tmp_path / "other" / "1.png")
    with pytest.raises(DataError, match="3 images .* too few to split"):
        load_folder(tmp_path)
    for path in tmp_path.rglob("*.png"):
        path.write_bytes(b"x")
    with pytest.raises(DataError, match=r"No image under .* can be used\. Left out: 3 files, first only/0\.png"):
        load_folder(tmp_path)


def test_a_class_that_the_split_leaves_without_training_images_is_refused(tmp_path: Path):
    for number in range(9):
        picture(tmp_path / f"many_{number}.png")
    picture(tmp_path / "rare_1.png")
    # with one of ten images of the class, some seeds put it into the validation set
    refused = []
    for seed in range(40):
        try:
            load_folder(tmp_path, seed=seed)
        except DataError as error:
            refused.append(str(error))
    assert 0 < len(refused) < 40
    assert all("no image of rare is left for training" in message for message in refused)
