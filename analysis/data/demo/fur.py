"""Fur of a body part: the coat's pattern, the texture of hair, and light and shade."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from analysis.data.demo.breeds import Build, Coat
from analysis.data.demo.canvas import SIZE, Array, Colour, Patch, furry, mix, noise, paint, rasterise, step


@dataclass(frozen=True)
class Frame:
    """The coordinates of a body part: u and v are 0 at its centre and -1 and 1 at the ends of its two axes.

    Attributes
    ----------
    centre : (2,) in pixels
    across, down : (2,), the vectors from the centre to u = 1 and to v = 1, in pixels
    """

    centre: Array
    across: Array
    down: Array

    def coordinates(self, patch: Patch) -> tuple[Array, Array]:
        """Return u and v (h, w) of a patch's pixels."""
        x, y = patch.grid()
        dx, dy = x - np.float32(self.centre[0]), y - np.float32(self.centre[1])
        a, d = self.across, self.down
        aa, dd = float(a @ a), float(d @ d)
        u = dx * np.float32(a[0] / aa) + dy * np.float32(a[1] / aa)
        v = dx * np.float32(d[0] / dd) + dy * np.float32(d[1] / dd)
        return u, v


@dataclass
class Fur:
    """A brush for one animal, with a record of the pixels that the animal covers.

    Attributes
    ----------
    canvas : (SIZE, SIZE, 3) float32, painted in place
    coat, build : of the animal
    rng : random numbers of its hair and patterns
    light : x and y of the direction towards the light
    hair : length of the hair on the outline, in pixels
    coverage : (SIZE, SIZE) float32, how far the animal covers each pixel, 0..1
    """

    canvas: Array
    coat: Coat
    build: Build
    rng: np.random.Generator
    light: tuple[float, float]
    hair: float
    coverage: Array = field(default_factory=lambda: np.zeros((SIZE, SIZE), np.float32))

    def cover(self, patch: Patch) -> None:
        """Add a patch to the animal's coverage."""
        if not patch.empty:
            under = self.coverage[patch.rows, patch.columns]
            under += (1 - under) * patch.alpha

    def plain(self, outline: Array, colour: Colour | Array, opacity: float = 1.0) -> None:
        """Paint skin, an eye or a nose in one colour; an opaque shape counts as part of the animal."""
        patch = rasterise(outline)
        paint(self.canvas, patch, colour, opacity)
        if opacity > 0.9:
            self.cover(patch)

    def part(self, outline: Array, kind: str, frame: Frame, tone: float = 1.0, hair: float = 1.0) -> None:
        """Paint a part of the body with pattern, hair and shade.

        Parameters
        ----------
        outline : (n, 2) in pixels
        kind : "body", "chest", "leg", "tail", "head" or "ear"; patterns depend on it
        frame : the part's coordinates
        tone : brightness; limbs on the far side are darker
        hair : factor of the hair's length
        """
        patch = rasterise(furry(outline, self.hair * hair, self.rng))
        if patch.empty:
            return
        u, v = frame.coordinates(patch)
        colour = self._colour(kind, u, v)
        paint(self.canvas, patch, colour * (self._shade(u, v, frame) * np.float32(tone))[..., None])
        self.cover(patch)

    def _shade(self, u: Array, v: Array, frame: Frame) -> Array:
        turn = float(np.arctan2(frame.down[1], frame.down[0]))
        streaks = noise(f"hair{round(turn / np.pi * 8) % 8}", u.shape, self.rng)
        a, d = frame.across, frame.down
        lx, ly = self.light
        # A frame can be turned and mirrored, the light cannot.
        slope_u = (a[0] * lx + a[1] * ly) / np.hypot(*a)
        slope_v = (d[0] * lx + d[1] * ly) / np.hypot(*d)
        radial = np.clip(u * u + v * v - np.float32(0.25), 0, 1.3)
        depth = 0.06 + min(0.05, 0.25 * self.build.fluff)
        shade = 1.03 + 0.17 * (u * slope_u + v * slope_v) - 0.2 * radial + depth * streaks
        return np.clip(shade, 0.35, 1.35).astype(np.float32)

    def _colour(self, kind: str, u: Array, v: Array) -> Array:
        coat = self.coat
        fine = noise("mottle", u.shape, self.rng)
        coarse = noise("blot", u.shape, self.rng)
        colour = mix(coat.base, coat.second, step(0.35 * coarse + 0.12 * fine, 0.5, 0.8) * np.float32(0.28))
        if kind in ("body", "leg"):
            colour = mix(colour, coat.light, step(v + 0.1 * fine, 1.0, 0.7) * np.float32(0.4))
        paint_pattern = _PATTERNS[coat.pattern]
        return paint_pattern(coat, kind, u, v, fine, coarse, colour)


# Patterns. Each returns the colour (h, w, 3) of a part, from its kind, its coordinates u and v, fine and coarse
# noise (h, w), and `colour` (h, w, 3), the coat without the pattern.


def _solid(coat: Coat, kind: str, u: Array, v: Array, fine: Array, coarse: Array, colour: Array) -> Array:
    return colour


def _ticked(coat: Coat, kind: str, u: Array, v: Array, fine: Array, coarse: Array, colour: Array) -> Array:
    fleck = step(fine + 0.4 * coarse, 0.4, 0.9) * np.float32(0.3)
    colour = mix(colour, coat.second, fleck)
    if kind == "head":
        colour = _tabby_face(coat, u, v, colour, 0.5)
        colour = mix(colour, coat.light, step(v, 0.45, 0.2) * np.float32(0.7))
    return colour


def _tabby_face(coat: Coat, u: Array, v: Array, colour: Array, amount: float) -> Array:
    """Add the M on the forehead and the stripes on the cheeks."""
    bars = step(np.cos(np.abs(u) * 17), 0.35, 0.35) * step(-v, 0.34, 0.1) * step(-np.abs(u), -0.62, 0.1)
    cheeks = step(np.sin((v - 0.25 * np.abs(u)) * 16), 0.5, 0.3) * step(np.abs(u), 0.62, 0.1)
    return mix(colour, coat.second, np.maximum(bars, cheeks) * np.float32(amount))


def _tabby(coat: Coat, kind: str, u: Array, v: Array, fine: Array, coarse: Array, colour: Array) -> Array:
    if kind == "head":
        colour = _tabby_face(coat, u, v, colour, 0.85)
        return mix(colour, coat.light, step(v - 0.3 * np.abs(u), 0.28, 0.16) * np.float32(0.75))
    if kind == "chest":
        return mix(colour, coat.light, 0.45)
    if kind == "ear":
        return mix(colour, coat.second, 0.3)
    along, pace = (v, 9.0) if kind == "leg" else (u, 10.0)
    stripes = step(np.sin(along * np.float32(pace) + 0.9 * coarse + 0.35 * fine), 0.3, 0.4)
    fade = 1.0 if kind == "tail" else step(-v + 0.2 * fine, -0.55, 0.5)
    return mix(colour, coat.second, stripes * fade * np.float32(0.85))


def _spotted(coat: Coat, kind: str, u: Array, v: Array, fine: Array, coarse: Array, colour: Array) -> Array:
    if kind == "tail":
        return _tabby(coat, kind, u, v, fine, coarse, colour)
    if kind == "head":
        colour = _tabby_face(coat, u, v, colour, 0.8)
        return mix(colour, coat.light, step(v - 0.3 * np.abs(u), 0.3, 0.16) * np.float32(0.75))
    return mix(colour, coat.second, step(fine, 0.85, 0.2) * np.float32(0.9))


def _points(coat: Coat, kind: str, u: Array, v: Array, fine: Array, coarse: Array, colour: Array) -> Array:
    if kind in ("ear", "tail"):
        return mix(colour, coat.second, 0.9)
    if kind == "head":
        mask = 1 - step(np.hypot(u * np.float32(1.15), v - np.float32(0.2)) + 0.06 * fine, 0.62, 0.3)
        return mix(colour, coat.second, mask * np.float32(0.88))
    if kind == "leg":
        return mix(colour, coat.second, step(v + 0.1 * fine, 0.25, 0.5) * np.float32(0.85))
    return mix(colour, coat.light, 0.25)


def _bicolour(coat: Coat, kind: str, u: Array, v: Array, fine: Array, coarse: Array, colour: Array) -> Array:
    if kind == "chest":
        return mix(colour, coat.light, 0.95)
    if kind == "leg":
        return mix(colour, coat.light, step(v + 0.12 * coarse, -0.05, 0.18))
    if kind == "head":
        blaze = step(v * np.float32(0.55) - np.abs(u) + 0.05 * fine, -0.1, 0.07)
        return mix(colour, coat.light, np.maximum(blaze, step(v - 0.5 * np.abs(u), 0.42, 0.08)) * np.float32(0.95))
    if kind == "body":
        return mix(colour, coat.light, step(v * np.float32(0.6) + 0.5 * coarse, 0.4, 0.1) * np.float32(0.95))
    if kind == "tail":
        return mix(colour, coat.light, step(u, 0.55, 0.15))
    return colour


def _saddle(coat: Coat, kind: str, u: Array, v: Array, fine: Array, coarse: Array, colour: Array) -> Array:
    if kind == "body":
        colour = mix(colour, coat.second, step(-v + 0.2 * coarse, -0.1, 0.2) * np.float32(0.92))
        return mix(colour, coat.light, step(v + 0.1 * coarse, 0.68, 0.12) * np.float32(0.95))
    if kind == "tail":
        return mix(mix(colour, coat.second, 0.7), coat.light, step(u, 0.35, 0.15))
    if kind == "ear":
        return mix(colour, coat.second, 0.25)
    return _bicolour(coat, kind, u, v, fine, coarse, colour)


def _mask(coat: Coat, kind: str, u: Array, v: Array, fine: Array, coarse: Array, colour: Array) -> Array:
    if kind == "ear":
        return mix(colour, coat.second, 0.75)
    if kind == "head":
        mask = 1 - step(np.hypot(u * np.float32(1.3), v - np.float32(0.5)) + 0.06 * fine, 0.52, 0.16)
        return mix(colour, coat.second, mask * np.float32(0.85))
    if kind == "chest":
        return mix(colour, coat.light, 0.6)
    return colour


def _urajiro(coat: Coat, kind: str, u: Array, v: Array, fine: Array, coarse: Array, colour: Array) -> Array:
    """Paint cheeks, muzzle, chest and belly pale, as on a Shiba Inu."""
    if kind == "head":
        cheeks = step(v + 0.35 * np.abs(u) + 0.05 * fine, 0.42, 0.12)
        brows = 1 - step(np.hypot(np.abs(u) - np.float32(0.34), v + np.float32(0.42)), 0.1, 0.06)
        return mix(colour, coat.light, np.maximum(cheeks, brows * np.float32(0.8)) * np.float32(0.92))
    if kind == "chest":
        return mix(colour, coat.light, 0.9)
    if kind in ("body", "leg"):
        return mix(colour, coat.light, step(v + 0.05 * fine, 0.66, 0.3) * np.float32(0.9))
    if kind == "tail":
        return mix(colour, coat.light, step(v, 0.1, 0.4) * np.float32(0.8))
    return colour


_PATTERNS = {
    "solid": _solid,
    "ticked": _ticked,
    "tabby": _tabby,
    "spotted": _spotted,
    "points": _points,
    "bicolour": _bicolour,
    "saddle": _saddle,
    "mask": _mask,
    "urajiro": _urajiro,
}
