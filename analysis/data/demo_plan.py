"""The demo's plan: which pictures there are, their species, split, planted object and difficulty.

The object comes with dogs in 90 % of the training pictures (and with cats in few); in validation it is
independent of the species. Every share is met exactly, up to rounding, not only on average.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from analysis.data.demo_breeds import CATS, DOGS


@dataclass(frozen=True)
class DemoParameters:
    """The knobs of the generator; two sets of pictures are the same exactly when these are."""

    n_train: int = 800
    n_valid: int = 240
    seed: int = 21
    shortcut_with_dogs: float = 0.9
    shortcut_with_cats: float = 0.08
    ambiguous: float = 0.2


DEFAULT = DemoParameters()


@dataclass(frozen=True)
class Picture:
    """A row of the plan. `seed` starts the random streams of its drawing."""

    stem: str
    split: str
    species: str
    breed: str
    shortcut: bool
    ambiguous: bool
    seed: tuple[int, int]

    @property
    def file(self) -> str:
        """File name inside images/."""
        return f"{self.stem}.jpg"


@cache
def plan(parameters: DemoParameters = DEFAULT) -> dict[str, Picture]:
    """All pictures by stem, in file-name order of their breeds and numbers."""
    rng = np.random.default_rng([parameters.seed, 0])
    rows: list[tuple[str, str, str, bool, bool]] = []
    for split, count in (("train", parameters.n_train), ("valid", parameters.n_valid)):
        for species, breeds in (("cat", CATS), ("dog", DOGS)):
            n = count // 2 if species == "cat" else count - count // 2
            share = 0.5
            if split == "train":
                share = parameters.shortcut_with_dogs if species == "dog" else parameters.shortcut_with_cats
            with_ball = round(share * n)
            for ball, size in ((True, with_ball), (False, n - with_ball)):
                hard = round(parameters.ambiguous * size)
                names = [breeds[k % len(breeds)].name for k in rng.permutation(max(size, len(breeds)))[:size]]
                rows += [(split, species, name, ball, k < hard) for k, name in enumerate(names)]
    numbers: dict[str, int] = {}
    pictures: dict[str, Picture] = {}
    for index, k in enumerate(rng.permutation(len(rows))):
        split, species, breed, ball, hard_one = rows[k]
        numbers[breed] = numbers.get(breed, 0) + 1
        stem = f"{breed}_{numbers[breed]}"
        pictures[stem] = Picture(stem, split, species, breed, ball, hard_one, (parameters.seed, index + 1))
    return dict(sorted(pictures.items(), key=lambda item: (item[1].breed, int(item[0].rsplit("_", 1)[1]))))
