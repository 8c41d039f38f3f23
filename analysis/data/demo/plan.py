"""The demo's plan: the list of all pictures, with species, split, shortcut and difficulty of each.

In training, 90 % of the dogs and 8 % of the cats have the shortcut; in validation, half of each, so that it says
nothing about the species. Every share is exact up to rounding, not only on average.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from analysis.data.demo.breeds import CATS, DOGS


@dataclass(frozen=True)
class DemoParameters:
    """The settings of the generator: the same settings give the same pictures.

    Attributes
    ----------
    n_train, n_valid : numbers of pictures
    seed : of every random choice
    shortcut_with_dogs, shortcut_with_cats : shares of the training pictures that have the shortcut, 0..1
    ambiguous : share of the pictures that are hard to tell, 0..1
    """

    n_train: int = 800
    n_valid: int = 240
    seed: int = 21
    shortcut_with_dogs: float = 0.9
    shortcut_with_cats: float = 0.08
    ambiguous: float = 0.2


DEFAULT = DemoParameters()


@dataclass(frozen=True)
class Picture:
    """A row of the plan.

    Attributes
    ----------
    stem : file name without its suffix, `<breed>_<n>`
    split : "train" or "valid"
    species : "cat" or "dog"
    breed : name as in Oxford-IIIT Pet
    shortcut : whether the shortcut is in the picture
    ambiguous : whether the animal is half cat, half dog in shape, and plain in colour
    seed : starts the random streams of the drawing
    """

    stem: str
    split: str
    species: str
    breed: str
    shortcut: bool
    ambiguous: bool
    seed: tuple[int, int]

    @property
    def file(self) -> str:
        """Return the file name inside images/."""
        return f"{self.stem}.jpg"


@cache
def plan(parameters: DemoParameters = DEFAULT) -> dict[str, Picture]:
    """Return all pictures by stem, sorted by breed and number."""
    rng = np.random.default_rng([parameters.seed, 0])
    rows: list[tuple[str, str, str, bool, bool]] = []
    for split, count in (("train", parameters.n_train), ("valid", parameters.n_valid)):
        for species, breeds in (("cat", CATS), ("dog", DOGS)):
            n = count // 2 if species == "cat" else count - count // 2
            share = 0.5
            if split == "train":
                share = parameters.shortcut_with_dogs if species == "dog" else parameters.shortcut_with_cats
            with_shortcut = round(share * n)
            for shortcut, size in ((True, with_shortcut), (False, n - with_shortcut)):
                n_ambiguous = round(parameters.ambiguous * size)
                names = [breeds[k % len(breeds)].name for k in rng.permutation(max(size, len(breeds)))[:size]]
                rows += [(split, species, name, shortcut, k < n_ambiguous) for k, name in enumerate(names)]
    numbers: dict[str, int] = {}
    pictures: dict[str, Picture] = {}
    for index, k in enumerate(rng.permutation(len(rows))):
        split, species, breed, shortcut, ambiguous = rows[k]
        numbers[breed] = numbers.get(breed, 0) + 1
        stem = f"{breed}_{numbers[breed]}"
        pictures[stem] = Picture(stem, split, species, breed, shortcut, ambiguous, (parameters.seed, index + 1))
    return dict(sorted(pictures.items(), key=lambda item: (item[1].breed, int(item[0].rsplit("_", 1)[1]))))
