"""The breeds: names and species of Oxford-IIIT Pet, colours and patterns that can be painted, blends."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from analysis.data.demo.breeds import BREEDS, CATS, DOGS, PLAIN_COATS, Build, Coat
from analysis.data.demo.fur import _PATTERNS

# the 37 classes of the data set, from its paper (Parkhi et al. 2012, table 1)
OXFORD_CATS = (
    "Abyssinian Bengal Birman Bombay British_Shorthair Egyptian_Mau Maine_Coon Persian Ragdoll Russian_Blue "
    "Siamese Sphynx"
)
OXFORD_DOGS = (
    "american_bulldog american_pit_bull_terrier basset_hound beagle boxer chihuahua english_cocker_spaniel "
    "english_setter german_shorthaired great_pyrenees havanese japanese_chin keeshond leonberger "
    "miniature_pinscher newfoundland pomeranian pug saint_bernard samoyed scottish_terrier shiba_inu "
    "staffordshire_bull_terrier wheaten_terrier yorkshire_terrier"
)


def test_names_and_species_are_those_of_oxford_iiit_pet() -> None:
    assert {breed.name for breed in CATS} <= set(OXFORD_CATS.split())
    assert {breed.name for breed in DOGS} <= set(OXFORD_DOGS.split())
    assert {breed.species for breed in CATS} == {"cat"}
    assert {breed.species for breed in DOGS} == {"dog"}
    assert len(BREEDS) == len(CATS) + len(DOGS) == 22


@pytest.mark.parametrize("coat", [*PLAIN_COATS, *(coat for breed in BREEDS.values() for coat in breed.coats)])
def test_every_coat_can_be_painted(coat: Coat) -> None:
    assert coat.pattern in _PATTERNS
    for field in fields(coat):
        if field.name != "pattern":
            colour = np.array(getattr(coat, field.name))
            assert colour.shape == (3,)
            assert colour.min() >= 0
            assert colour.max() <= 255


@pytest.mark.parametrize("name", BREEDS)
def test_a_skull_runs_from_crown_to_chin_and_an_ear_has_seven_points(name: str) -> None:
    build = BREEDS[name].build
    assert build.skull.shape == build.ear.shape == (7, 2)
    assert build.skull[0, 0] == build.skull[-1, 0] == 0  # both ends on the middle line
    assert (build.skull[1:-1, 0] > 0).all()
    assert (np.diff(build.skull[:, 1]) > 0).all()
    assert (build.ear[:, 0] > 0).all()


def test_a_blend_mixes_every_number_and_outline() -> None:
    cat, dog = BREEDS["Siamese"].build, BREEDS["basset_hound"].build
    for field in fields(Build):
        first, second = np.asarray(getattr(cat, field.name)), np.asarray(getattr(dog, field.name))
        for amount in (0, 0.25, 1):
            mixed = np.asarray(getattr(cat.blend(dog, amount), field.name))
            np.testing.assert_allclose(mixed, first + amount * (second - first), err_msg=field.name)


def test_a_blend_leaves_its_parents_as_they_are() -> None:
    cat = BREEDS["Bengal"].build
    copy = replace(cat, skull=cat.skull.copy(), ear=cat.ear.copy())
    cat.blend(BREEDS["pug"].build, 0.5)
    np.testing.assert_array_equal(cat.skull, copy.skull)
    np.testing.assert_array_equal(cat.ear, copy.ear)
