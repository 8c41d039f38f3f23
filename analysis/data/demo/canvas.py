"""Anti-aliased drawing on a float canvas: outlines, strokes, hair, shadows, noise.

Coordinates are picture pixels, x to the right and y down. A canvas is a float32 array (SIZE, SIZE, 3) with
values 0..255. A shape is rasterised at `SUPERSAMPLE` times the resolution, inside its bounding box only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter

SIZE = 224
SUPERSAMPLE = 3
TILE = 256

Array = NDArray[np.floating[Any]]
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Patch:
    """A rasterised shape.

    Attributes
    ----------
    rows, columns : slices of the canvas, the shape's bounding box
    alpha : (h, w) float32, how far the shape covers each pixel there, 0..1; of size zero outside the canvas
    """

    rows: slice
    columns: slice
    alpha: Array

    @property
    def empty(self) -> bool:
        """Return whether the shape lies outside the canvas."""
        return self.alpha.size == 0

    def grid(self) -> tuple[Array, Array]:
        """Return the pixel centres x (1, w) and y (h, 1) of the patch, in canvas pixels."""
        x = np.arange(self.columns.start, self.columns.stop, dtype=np.float32)[None, :] + 0.5
        y = np.arange(self.rows.start, self.rows.stop, dtype=np.float32)[:, None] + 0.5
        return x, y


def smooth(points: ArrayLike, steps: int = 8, closed: bool = True) -> Array:
    """Return a Catmull-Rom curve through points.

    Parameters
    ----------
    points : (n, 2)
    steps : number of curve points for each point
    closed : whether the curve returns to the first point; else it ends at the last

    Returns
    -------
    (n * steps, 2) when closed, else ((n - 1) * steps + 1, 2)
    """
    p = np.asarray(points, dtype=np.float64)
    if closed:
        before, after, after2 = np.roll(p, 1, 0), np.roll(p, -1, 0), np.roll(p, -2, 0)
        start = p
    else:
        padded = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
        before, start, after, after2 = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = (np.arange(steps) / steps)[None, :, None]
    b, s, a, a2 = (q[:, None, :] for q in (before, start, after, after2))
    curve = 0.5 * (2 * s + (a - b) * t + (2 * b - 5 * s + 4 * a - a2) * t**2 + (3 * s - b - 3 * a + a2) * t**3)
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, p[-1:]])


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0, n: int = 40) -> Array:
    """Return the outline (n, 2) of an ellipse, turned by `angle` radians."""
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    px, py = rx * np.cos(t), ry * np.sin(t)
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([x + c * px - s * py, y + s * px + c * py], 1)


def rectangle(x0: float, y0: float, x1: float, y1: float) -> Array:
    """Return the four corners (4, 2) of an upright rectangle."""
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=np.float64)


def taper(path: ArrayLike, widths: ArrayLike) -> Array:
    """Return the outline of a round-ended stroke along `path` (n, 2); its half-width runs through `widths`."""
    p = np.asarray(path, dtype=np.float64)
    profile = np.asarray(widths, dtype=np.float64)
    half = np.interp(np.linspace(0, 1, len(p)), np.linspace(0, 1, len(profile)), profile)[:, None]
    along = np.gradient(p, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    normal = np.stack([-along[:, 1], along[:, 0]], 1)
    bend = np.linspace(-np.pi / 2, np.pi / 2, 9)[1:-1, None]
    cap = p[-1] + half[-1] * (np.cos(bend) * along[-1] - np.sin(bend) * normal[-1])
    return np.concatenate([p + normal * half, cap, (p - normal * half)[::-1]])


def furry(outline: Array, length: float, rng: np.random.Generator) -> Array:
    """Return `outline` with hair: a point every 1.3 pixels, moved outward by up to `length` pixels, in tufts."""
    if length < 0.2:
        return outline
    closed = np.concatenate([outline, outline[:1]])
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    n = max(12, int(arc[-1] / 1.3))
    at = np.linspace(0, arc[-1], n, endpoint=False)
    p = np.stack([np.interp(at, arc, closed[:, 0]), np.interp(at, arc, closed[:, 1])], 1)
    along = np.roll(p, -1, 0) - np.roll(p, 1, 0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    area = np.sum(p[:, 0] * np.roll(p[:, 1], -1) - np.roll(p[:, 0], -1) * p[:, 1])
    outward = np.stack([along[:, 1], -along[:, 0]], 1) * np.sign(area)
    push = rng.random(n) * np.where(np.arange(n) % 2 == 0, 1.0, 0.15) * length
    # Hair hangs down: the tip of a longer tuft lies lower.
    return p + outward * push[:, None] + np.array([0.0, 0.35]) * push[:, None]


def rasterise(outline: Array) -> Patch:
    """Return the anti-aliased patch of a filled polygon (n, 2), cut off at the edge of the canvas."""
    x0, y0 = (max(0, int(np.floor(v)) - 1) for v in outline.min(0))
    x1, y1 = (min(SIZE, int(np.ceil(v)) + 1) for v in outline.max(0))
    if x1 <= x0 or y1 <= y0:
        return Patch(slice(0, 0), slice(0, 0), np.zeros((0, 0), np.float32))
    image = Image.new("L", ((x1 - x0) * SUPERSAMPLE, (y1 - y0) * SUPERSAMPLE))
    moved = (outline - (x0, y0)) * SUPERSAMPLE - 0.5
    ImageDraw.Draw(image).polygon(moved.ravel().tolist(), fill=255)
    alpha = np.asarray(image.reduce(SUPERSAMPLE), dtype=np.float32) * np.float32(1 / 255)
    return Patch(slice(y0, y1), slice(x0, x1), alpha)


def lines(segments: list[Array], width: float) -> Patch:
    """Return the patch of open polylines, each (n, 2), that all have the same `width` in pixels."""
    points = np.concatenate(segments)
    x0, y0 = (max(0, int(np.floor(v - width)) - 1) for v in points.min(0))
    x1, y1 = (min(SIZE, int(np.ceil(v + width)) + 1) for v in points.max(0))
    if x1 <= x0 or y1 <= y0:
        return Patch(slice(0, 0), slice(0, 0), np.zeros((0, 0), np.float32))
    image = Image.new("L", ((x1 - x0) * 2, (y1 - y0) * 2))
    pen = ImageDraw.Draw(image)
    for segment in segments:
        pen.line(((segment - (x0, y0)) * 2).ravel().tolist(), fill=255, width=max(1, round(width * 2)))
    alpha = np.asarray(image.reduce(2), dtype=np.float32) * np.float32(1 / 255)
    return Patch(slice(y0, y1), slice(x0, x1), alpha)


def blur(alpha: Array, radius: float) -> Array:
    """Return a plane of values 0..1 after a Gaussian blur of `radius` pixels."""
    image = Image.fromarray((np.clip(alpha, 0, 1) * 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32) * np.float32(1 / 255)


def paint(canvas: Array, patch: Patch, colour: Array | Colour, opacity: float = 1.0) -> None:
    """Paint a patch on `canvas`, in place.

    Parameters
    ----------
    colour : three numbers 0..255, or (h, w, 3) for each pixel of the patch
    opacity : 0 leaves the canvas as it is, 1 covers it where alpha is 1
    """
    if patch.empty:
        return
    under = canvas[patch.rows, patch.columns]
    under += (patch.alpha * np.float32(opacity))[..., None] * (np.asarray(colour, dtype=np.float32) - under)


def fill(canvas: Array, outline: Array, colour: Array | Colour, opacity: float = 1.0) -> Patch:
    """Rasterise a polygon (n, 2), paint it on `canvas` in place, and return its patch."""
    patch = rasterise(outline)
    paint(canvas, patch, colour, opacity)
    return patch


def soft_shadow(canvas: Array, outline: Array, radius: float, strength: float) -> Array:
    """Darken `canvas` in place under a blurred polygon; return the shadow (SIZE, SIZE), exactly 0 outside it."""
    patch = rasterise(outline)
    plane = np.zeros((SIZE, SIZE), np.float32)
    plane[patch.rows, patch.columns] = patch.alpha
    plane = blur(plane, radius) * np.float32(strength)
    canvas *= 1 - plane[..., None]
    return plane


@cache
def _tile(kind: str) -> Array:
    """Return noise (2 * TILE, 2 * TILE) of mean 0 and deviation 1.

    It repeats seamlessly after TILE pixels and is stored twice in each direction: every cut of it is a slice.
    """
    rng = np.random.default_rng(sum(map(ord, kind)))
    spectrum = np.fft.rfft2(rng.standard_normal((TILE, TILE)))
    fy, fx = np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None, :]
    if kind.startswith("hair"):
        angle = int(kind[4:]) * np.pi / 8
        along, across = fx * np.cos(angle) + fy * np.sin(angle), fy * np.cos(angle) - fx * np.sin(angle)
        shape = np.exp(-((along * 15) ** 2) / 2 - ((across * 2.0) ** 2) / 2)
    else:
        scale = {"soft": 90.0, "cloud": 50.0, "blot": 34.0, "mottle": 9.0, "grain": 0.0}[kind]
        shape = np.exp(-((fx**2 + fy**2) * scale**2) / 2)
        shape[0, 0] = 0
    plane = np.fft.irfft2(spectrum * shape, s=(TILE, TILE))
    plane = (plane - plane.mean()) / plane.std()
    # Rounded, because FFT libraries differ in the last bits.
    return np.tile(np.round(plane * 128) / 128, (2, 2)).astype(np.float32)


def noise(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return a random (h, w) cut of a noise tile, as a view.

    Parameters
    ----------
    kind : "soft", "cloud", "blot", "mottle" or "grain", from coarse to fine; or "hair0" to "hair7", streaks
        along a direction of that many eighths of 180 degrees
    """
    y, x = (int(v) for v in rng.integers(0, TILE, 2))
    return _tile(kind)[y : y + shape[0], x : x + shape[1]]


def step(value: Array, edge: float, width: float) -> Array:
    """Return a smooth step: 0 below `edge - width`, 1 above `edge + width`."""
    t = np.clip((value - np.float32(edge - width)) / np.float32(2 * width), 0, 1)
    return t * t * (3 - 2 * t)


def mix(first: Array | Colour, second: Array | Colour, amount: Array | float) -> Array:
    """Return `first` mixed with `second`: amount 0 is the first, 1 the second; (h, w) gives each pixel its own."""
    a, b = np.asarray(first, dtype=np.float32), np.asarray(second, dtype=np.float32)
    share = np.asarray(amount, dtype=np.float32)
    if share.ndim == 2:
        share = share[..., None]
    return a + share * (b - a)


def ramp(canvas: Array, top: int, bottom: int, first: Array | Colour, last: Array | Colour) -> None:
    """Fill the rows `top` to `bottom` of `canvas`, in place, with a vertical gradient."""
    t = np.linspace(0, 1, max(1, bottom - top), dtype=np.float32)[:, None]
    canvas[top:bottom] = mix(first, last, t)
