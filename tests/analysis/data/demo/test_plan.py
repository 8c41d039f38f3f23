"""The plan: exact shares, the shortcut's link to the species, and names that do not give the split away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.data.demo.breeds import BREEDS
from analysis.data.demo.plan import DEFAULT, DemoParameters, plan


def test_the_shortcut_goes_with_dogs_in_training_and_with_neither_in_validation() -> None:
    rows = list(plan(DEFAULT).values())
    assert len(rows) == DEFAULT.n_train + DEFAULT.n_valid

    def share(split: str, species: str) -> float:
        return float(np.mean([p.shortcut for p in rows if p.split == split and p.species == species]))

    assert share("train", "dog") == pytest.approx(0.9, abs=0.005)
    assert share("train", "cat") == pytest.approx(DEFAULT.shortcut_with_cats, abs=0.005)
    assert share("valid", "dog") == share("valid", "cat") == 0.5
    for split in ("train", "valid"):
        assert np.mean([p.species == "cat" for p in rows if p.split == split]) == 0.5
    for shortcut in (False, True):
        for species in ("cat", "dog"):
            hard = [p.ambiguous for p in rows if (p.split, p.species, p.shortcut) == ("valid", species, shortcut)]
            assert (len(hard), sum(hard)) == (60, 12)  # a fifth


def test_names_do_not_tell_the_split() -> None:
    numbers = {
        s: [int(p.stem.rsplit("_", 1)[1]) for p in plan(DEFAULT).values() if p.split == s]
        for s in ("train", "valid")
    }
    assert abs(np.mean(numbers["train"]) - np.mean(numbers["valid"])) < 4


def test_every_breed_is_numbered_from_one_without_gaps_and_in_order() -> None:
    by_breed: dict[str, list[int]] = {}
    for stem, picture in plan(DEFAULT).items():
        assert (picture.stem, picture.file) == (stem, f"{stem}.jpg")
        assert picture.species == BREEDS[picture.breed].species
        name, number = stem.rsplit("_", 1)
        assert name == picture.breed
        by_breed.setdefault(name, []).append(int(number))
    assert set(by_breed) == set(BREEDS)
    assert list(by_breed) == sorted(by_breed)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in by_breed.values())


def test_every_picture_has_random_numbers_of_its_own() -> None:
    seeds = [picture.seed for picture in plan(DEFAULT).values()]
    assert len(set(seeds)) == len(seeds)
    other = plan(replace(DEFAULT, seed=22))
    assert not set(seeds) & {picture.seed for picture in other.values()}


def test_the_plan_follows_from_its_parameters_alone() -> None:
    small = DemoParameters(n_train=10, n_valid=5, seed=4)
    first = plan(small)
    plan.cache_clear()
    assert plan(small) == first
    assert sum(picture.split == "train" for picture in first.values()) == 10
    assert first.keys() != plan(replace(small, seed=5)).keys()
