"""The Pets photos: fastai's cache, the book's split, and photos that cannot be read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fastai.data.external import URLs
from PIL import Image

from analysis.data.labelled import DataError
from analysis.data.pets import load_pets
from analysis.data.source import class_names, is_cat


def test_labels_and_split_are_those_of_the_books_dataloaders(pets_cache: Path):
    from fastai.data.external import untar_data
    from fastai.data.transforms import get_image_files
    from fastai.vision.augment import Resize
    from fastai.vision.data import ImageDataLoaders

    path = untar_data(URLs.PETS) / "images"
    dls = ImageDataLoaders.from_name_func(
        path, get_image_files(path), valid_pct=0.2, seed=21, label_func=is_cat, item_tfms=Resize(64), num_workers=0
    )
    images = load_pets("species", seed=21)
    ours = dict(zip(images.files, images.valid, strict=True))
    assert {file for file, held in ours.items() if held} == {item.name for item in dls.valid_ds.items}
    assert {file for file, held in ours.items() if not held} == {item.name for item in dls.train_ds.items}
    assert images.vocabulary() == list(dls.vocab) == [False, True]
    assert len(images.files) == 962
    assert sum(images.valid) == 192
    assert images.skipped == ()
    labels = dict(zip(images.files, images.labels, strict=True))
    assert all(dls.vocab[int(label)] == labels[item.name] for item, (_, label) in zip(
        dls.valid_ds.items[:5], dls.valid_ds, strict=False
    ))  # fmt: skip


def test_the_breeds_are_37_classes_on_the_same_split(pets_cache: Path):
    breeds, species = load_pets("breeds"), load_pets("species")
    assert len(breeds.vocabulary()) == 37
    assert class_names("breeds", breeds.vocabulary())[0] == "Abyssinian"
    assert (breeds.files, breeds.valid) == (species.files, species.valid)
    assert load_pets("species", seed=22).valid != species.valid


def write_photos(folder: Path, count: int = 12) -> Path:
    (folder / "images").mkdir(parents=True)
    for number in range(count):
        name = "Bengal" if number % 2 else "pug"
        Image.new("RGB", (8, 8)).save(folder / "images" / f"{name}_{number}.jpg")
    return folder


def test_unreadable_photos_are_skipped_and_move_no_other_photo(fastai_home: Path):
    folder = write_photos(fastai_home / "data" / "oxford-iiit-pet")
    whole = load_pets()
    broken = whole.files[4]
    (folder / "images" / broken).write_bytes(b"broken")
    images = load_pets()
    assert [file for file, _ in images.skipped] == [broken]
    expected = {file: held for file, held in zip(whole.files, whole.valid, strict=True) if file != broken}
    assert dict(zip(images.files, images.valid, strict=True)) == expected


def test_a_cache_without_photos_is_named(fastai_home: Path):
    folder = write_photos(fastai_home / "data" / "oxford-iiit-pet")
    for path in (folder / "images").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(DataError, match="12 of 12 files .* Delete .*oxford-iiit-pet and start again"):
        load_pets()
    shutil.rmtree(folder / "images")
    with pytest.raises(DataError, match=r"holds no images\. Delete"):
        load_pets()
