"""What the recipes of all kinds share, on a kind that exists only here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from analysis.recipes.base import RecipeBase, RecipeError, check_training, given_fields, one_of


@dataclass(frozen=True)
class SoundRecipe(RecipeBase):
    kind: ClassVar[str] = "sounds"
    source: str = "birds"
    path: str | None = None
    task: str = "species"
    arch: str = "small"
    seed: int = 1
    epochs: int = 2


def test_the_json_has_the_fields_in_order_of_their_names():
    assert SoundRecipe().to_json() == (
        '{"arch": "small", "epochs": 2, "path": null, "seed": 1, "source": "birds", "task": "species"}'
    )


def test_the_digest_is_the_start_of_a_sha256_of_the_json():
    assert SoundRecipe().digest() == hashlib.sha256(SoundRecipe().to_json().encode()).hexdigest()[:8]
    assert len({SoundRecipe().digest(), SoundRecipe(epochs=3).digest(), SoundRecipe("bells").digest()}) == 3


def test_a_kind_must_say_its_names_and_its_options():
    for method in (SoundRecipe().run_name, SoundRecipe().options):
        with pytest.raises(NotImplementedError):
            method()


def test_one_of_names_what_is_possible():
    one_of("head", "book", ("linear", "book"))
    with pytest.raises(RecipeError, match="head is 'big'; possible here: linear, book"):
        one_of("head", "big", ("linear", "book"))


POSSIBLE = {"epochs": 1, "freeze_epochs": 0, "batch_size": 2, "base_lr": 0.5, "seed": 0}


@pytest.mark.parametrize("changes", [{}, {"seed": 2**32 - 1}, {"base_lr": 1e-9}, {"freeze_epochs": 9}])
def test_trainings_that_are_possible(changes: dict):
    check_training(**{**POSSIBLE, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"freeze_epochs": -1}, "freeze_epochs at least 0"),
        ({"batch_size": 1}, "batch_size must be at least 2"),
        ({"seed": -1}, "seed is -1; give a whole number from 0 to 4294967295"),
        ({"seed": 2**32}, "seed is 4294967296"),
        ({"base_lr": 0.0}, "base_lr is 0.0"),
        ({"base_lr": 1.0}, "a number between 0 and 1"),
    ],
)
def test_trainings_that_are_not_possible(changes: dict, message: str):
    with pytest.raises(RecipeError, match=message):
        check_training(**{**POSSIBLE, **changes})


def test_given_fields_are_those_with_a_value_and_paths_are_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert given_fields(SoundRecipe, "birds", {"epochs": 3, "path": None}) == {"epochs": 3}
    assert given_fields(SoundRecipe, "birds", {"path": "mine"}) == {"path": str(tmp_path / "mine")}
    assert given_fields(SoundRecipe, "birds", {"path": "~/mine"}) == {"path": "/home/me/mine"}
    with pytest.raises(RecipeError, match="'birds' is one of sounds, for which there is no head, size"):
        given_fields(SoundRecipe, "birds", {"size": 1, "head": "book", "epochs": 1})
