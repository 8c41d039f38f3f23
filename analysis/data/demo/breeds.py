"""The demo's breeds: build and coats of each, and the blend of two builds."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from analysis.data.demo.canvas import Array, Colour

# Half of a skull's outline, from crown to chin, and ears of seven points: from the inner base over the tip to the
# outer base, and back. In half skull widths; x points outward, y down.
CAT_SKULL = [(0, -0.84), (0.48, -0.78), (0.84, -0.42), (0.99, 0.1), (0.84, 0.5), (0.48, 0.78), (0, 0.88)]
DOG_SKULL = [(0, -0.9), (0.46, -0.85), (0.79, -0.48), (0.84, 0.02), (0.7, 0.46), (0.48, 0.86), (0, 1.04)]
LONG_SKULL = [(0, -0.92), (0.42, -0.86), (0.7, -0.5), (0.73, 0.0), (0.6, 0.5), (0.44, 1.0), (0, 1.18)]
CAT_EAR = [(0.2, -0.72), (0.4, -1.08), (0.74, -1.5), (0.9, -1.08), (0.97, -0.5), (0.88, -0.3), (0.5, -0.5)]
TALL_EAR = [(0.16, -0.72), (0.42, -1.2), (0.86, -1.66), (1.06, -1.12), (1.0, -0.4), (0.88, -0.25), (0.5, -0.5)]
PRICK_EAR = [(0.22, -0.74), (0.36, -1.02), (0.6, -1.3), (0.78, -1.04), (0.84, -0.6), (0.78, -0.4), (0.5, -0.55)]
SMALL_EAR = [(0.34, -0.7), (0.46, -0.94), (0.66, -1.1), (0.8, -0.94), (0.88, -0.6), (0.8, -0.45), (0.55, -0.55)]
DROP_EAR = [(0.4, -0.86), (0.72, -0.96), (1.06, -0.66), (1.24, 0.02), (1.1, 0.62), (0.84, 0.44), (0.68, -0.24)]
LONG_EAR = [(0.38, -0.7), (0.78, -0.82), (1.1, -0.4), (1.3, 0.5), (1.14, 1.26), (0.82, 1.0), (0.66, 0.0)]
FOLD_EAR = [(0.36, -0.88), (0.66, -1.06), (0.98, -0.82), (1.1, -0.4), (0.98, -0.1), (0.82, -0.3), (0.6, -0.5)]


@dataclass(frozen=True)
class Build:
    """The shape of an animal: numbers and outlines, all of which can be blended.

    Lengths of the head are in half skull widths, those of the body in body heights. `skull` (7, 2) and `ear`
    (7, 2) are outlines like those above; `girth`, `leg`, `tail_length`, `whiskers` and `jowl` are factors.
    """

    skull: Array
    ear: Array
    eye_x: float = 0.4
    eye_y: float = -0.06
    eye_rx: float = 0.235
    eye_ry: float = 0.2
    eye_slant: float = 0.22
    pupil: float = 0.32  # width of the pupil as a share of the eye: a slit for cats
    muzzle_w: float = 0.34
    muzzle_h: float = 0.24
    muzzle_y: float = 0.46
    nose_w: float = 0.12
    nose_h: float = 0.09
    nose_y: float = 0.28
    whiskers: float = 1.0
    jowl: float = 0.0
    fluff: float = 0.04  # length of hair on the outline, in half skull widths
    head: float = 0.43  # half skull width in body heights
    girth: float = 1.0
    leg: float = 1.0
    tail_length: float = 1.0
    tail_width: float = 0.065
    tail_curl: float = 0.4  # 0 straight, 1 rolled over the back

    def blend(self, other: Build, amount: float) -> Build:
        """Return a mixture of two builds: `amount` 0 is this one, 1 the other, in every number and outline."""
        mixed = {
            f.name: (1 - amount) * getattr(self, f.name) + amount * getattr(other, f.name) for f in fields(self)
        }
        return Build(**mixed)


@dataclass(frozen=True)
class Coat:
    """Colours (0..255) of fur, eyes, nose and ears, and the name of the fur's pattern in `demo_fur`."""

    base: Colour
    second: Colour
    light: Colour
    pattern: str
    iris: Colour
    nose: Colour = (205, 120, 118)
    inner_ear: Colour = (214, 158, 150)


@dataclass(frozen=True)
class Breed:
    """A breed: name as in Oxford-IIIT Pet (a capital first letter means cat), build, and coats to choose from."""

    name: str
    build: Build
    coats: tuple[Coat, ...]

    @property
    def species(self) -> str:
        """Return "cat" or "dog"."""
        return "cat" if self.name[0].isupper() else "dog"


def _array(points: list[tuple[float, float]]) -> Array:
    return np.array(points, dtype=np.float64)


_CAT = Build(_array(CAT_SKULL), _array(CAT_EAR))
_LONGHAIR = replace(_CAT, fluff=0.13, girth=1.12, tail_width=0.12)
_DOG = Build(
    _array(DOG_SKULL),
    _array(DROP_EAR),
    eye_x=0.36,
    eye_y=-0.2,
    eye_rx=0.125,
    eye_ry=0.125,
    eye_slant=0.05,
    pupil=0.62,
    muzzle_w=0.47,
    muzzle_h=0.44,
    muzzle_y=0.56,
    nose_w=0.23,
    nose_h=0.16,
    nose_y=0.3,
    whiskers=0.0,
    jowl=0.5,
    fluff=0.04,
    head=0.44,
    girth=1.1,
    leg=1.22,
    tail_length=0.8,
    tail_width=0.075,
    tail_curl=0.5,
)
_PRICK = replace(_DOG, ear=_array(PRICK_EAR), muzzle_w=0.42, jowl=0.1, tail_curl=1.0, tail_width=0.11, leg=1.1)
_SPITZ = replace(_PRICK, fluff=0.15, girth=1.22, tail_width=0.15)

_BROWN: Colour = (74, 44, 24)
_GREEN, _YELLOW, _COPPER, _BLUE = (132, 176, 84), (214, 184, 70), (206, 128, 40), (104, 170, 222)
_WHITE: Colour = (240, 236, 228)
_BLACK: Colour = (44, 42, 46)
_DARK_NOSE: Colour = (38, 32, 34)
_SKIN: Colour = (176, 138, 128)


def _dog_coat(base: Colour, second: Colour, light: Colour, pattern: str, nose: Colour = _DARK_NOSE) -> Coat:
    return Coat(base, second, light, pattern, _BROWN, nose, _SKIN)


CATS: tuple[Breed, ...] = (
    Breed(
        "Abyssinian",
        replace(_CAT, ear=_array(TALL_EAR), girth=0.92),
        (
            Coat((186, 128, 78), (112, 70, 42), (226, 190, 148), "ticked", _GREEN),
            Coat((170, 140, 104), (108, 84, 62), (222, 204, 176), "ticked", _YELLOW),
        ),
    ),
    Breed(
        "Bengal",
        _CAT,
        (
            Coat((206, 156, 96), (78, 48, 30), (240, 220, 184), "spotted", _GREEN),
            Coat((190, 168, 136), (70, 56, 46), (236, 226, 206), "spotted", _YELLOW),
        ),
    ),
    Breed(
        "Birman",
        _LONGHAIR,
        (
            Coat((232, 218, 196), (92, 70, 60), (248, 242, 230), "points", _BLUE),
            Coat((228, 222, 214), (120, 118, 128), (248, 246, 240), "points", _BLUE),
        ),
    ),
    Breed(
        "Bombay",
        _CAT,
        (Coat((50, 46, 50), (32, 30, 34), (78, 72, 74), "solid", _COPPER, (58, 48, 50), (98, 78, 80)),),
    ),
    Breed(
        "British_Shorthair",
        replace(_CAT, ear=_array(SMALL_EAR), girth=1.2, head=0.46, fluff=0.06),
        (
            Coat((126, 134, 150), (96, 102, 118), (160, 166, 180), "solid", _COPPER, (92, 92, 104)),
            Coat((176, 172, 168), (78, 78, 84), (220, 216, 210), "tabby", _GREEN),
        ),
    ),
    Breed("Egyptian_Mau", _CAT, (Coat((188, 186, 180), (66, 64, 68), (228, 226, 220), "spotted", _GREEN),)),
    Breed(
        "Maine_Coon",
        replace(_LONGHAIR, ear=_array(TALL_EAR)),
        (
            Coat((150, 116, 82), (62, 44, 34), (226, 206, 176), "tabby", _YELLOW),
            Coat((196, 142, 88), (136, 82, 44), (240, 222, 194), "tabby", _GREEN),
            Coat((58, 52, 54), (40, 36, 38), _WHITE, "bicolour", _GREEN),
        ),
    ),
    Breed(
        "Persian",
        replace(_LONGHAIR, ear=_array(SMALL_EAR), fluff=0.17, nose_y=0.14, muzzle_y=0.34),
        (
            Coat((236, 230, 218), (204, 192, 174), (250, 248, 242), "solid", _COPPER),
            Coat((222, 184, 138), (192, 146, 100), (242, 224, 196), "solid", _COPPER),
        ),
    ),
    Breed("Ragdoll", _LONGHAIR, (Coat((224, 212, 196), (110, 92, 86), (250, 246, 240), "points", _BLUE),)),
    Breed(
        "Russian_Blue",
        replace(_CAT, girth=0.94),
        (Coat((132, 142, 158), (100, 108, 126), (164, 172, 186), "solid", _GREEN, (110, 104, 116)),),
    ),
    Breed(
        "Siamese",
        replace(_CAT, ear=_array(TALL_EAR), girth=0.86, tail_width=0.05),
        (Coat((226, 208, 180), (66, 50, 46), (242, 232, 214), "points", _BLUE, (70, 56, 56), (120, 92, 88)),),
    ),
)

DOGS: tuple[Breed, ...] = (
    Breed(
        "basset_hound",
        replace(_DOG, ear=_array(LONG_EAR), skull=_array(LONG_SKULL), leg=0.72, jowl=1.0),
        (_dog_coat((168, 108, 64), (60, 46, 42), _WHITE, "saddle"),),
    ),
    Breed(
        "beagle",
        _DOG,
        (
            _dog_coat((186, 122, 68), (52, 44, 44), _WHITE, "saddle"),
            _dog_coat((204, 150, 92), (176, 118, 66), _WHITE, "bicolour"),
        ),
    ),
    Breed(
        "boxer",
        replace(_DOG, ear=_array(FOLD_EAR), muzzle_w=0.54, jowl=0.9),
        (_dog_coat((188, 130, 80), (52, 42, 40), _WHITE, "mask"),),
    ),
    Breed(
        "german_shorthaired",
        replace(_DOG, skull=_array(LONG_SKULL), leg=1.3),
        (_dog_coat((96, 64, 48), (72, 48, 38), (222, 214, 204), "bicolour", (70, 48, 42)),),
    ),
    Breed(
        "great_pyrenees",
        replace(_DOG, fluff=0.14, girth=1.25),
        (_dog_coat((234, 228, 216), (206, 192, 168), (248, 246, 240), "solid"),),
    ),
    Breed(
        "leonberger",
        replace(_DOG, fluff=0.13, girth=1.2, tail_width=0.11),
        (_dog_coat((184, 128, 78), (58, 44, 40), (216, 172, 122), "mask"),),
    ),
    Breed(
        "pomeranian",
        replace(_SPITZ, ear=_array(SMALL_EAR), fluff=0.2, muzzle_w=0.34, muzzle_h=0.34),
        (_dog_coat((218, 152, 88), (180, 114, 60), (244, 212, 168), "urajiro"),),
    ),
    Breed(
        "pug",
        replace(
            _DOG,
            ear=_array(FOLD_EAR),
            skull=_array(CAT_SKULL),
            eye_rx=0.17,
            eye_ry=0.17,
            muzzle_w=0.5,
            muzzle_h=0.34,
            muzzle_y=0.46,
            leg=0.85,
            jowl=0.9,
            tail_curl=1.0,
            nose_y=0.2,
        ),
        (_dog_coat((214, 184, 142), (46, 40, 40), (228, 206, 170), "mask"),),
    ),
    Breed(
        "saint_bernard",
        replace(_DOG, fluff=0.09, girth=1.25, jowl=1.0),
        (_dog_coat((168, 98, 56), (66, 46, 40), _WHITE, "bicolour"),),
    ),
    Breed("samoyed", _SPITZ, (_dog_coat((240, 236, 228), (220, 208, 190), (252, 250, 246), "solid"),)),
    Breed(
        "shiba_inu",
        replace(_PRICK, fluff=0.06),
        (
            _dog_coat((204, 138, 78), (164, 100, 52), (246, 232, 208), "urajiro"),
            _dog_coat(_BLACK, (70, 52, 42), (232, 208, 174), "urajiro"),
        ),
    ),
)

# Coats of both species: these colours do not show which of the two an animal is.
PLAIN_COATS: tuple[Coat, ...] = (
    Coat((64, 58, 60), (44, 40, 42), (92, 86, 86), "solid", (150, 116, 60), (56, 46, 48), (108, 86, 86)),
    Coat((206, 170, 124), (168, 128, 84), (236, 214, 180), "solid", (150, 116, 60), (96, 66, 62), (198, 150, 138)),
    Coat((140, 132, 128), (104, 98, 98), (186, 180, 174), "solid", (150, 130, 70), (76, 66, 70), (180, 142, 138)),
    Coat(
        (232, 226, 214), (202, 192, 176), (248, 246, 240), "solid", (140, 120, 70), (120, 86, 84), (212, 164, 154)
    ),
    Coat((60, 54, 56), (44, 40, 42), _WHITE, "bicolour", (140, 116, 60), (66, 52, 54), (140, 108, 106)),
    Coat((150, 106, 72), (112, 74, 48), (228, 206, 178), "urajiro", (140, 110, 56), (74, 54, 52), (180, 134, 124)),
)

BREEDS: dict[str, Breed] = {breed.name: breed for breed in CATS + DOGS}
