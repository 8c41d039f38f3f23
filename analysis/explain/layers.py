"""Which layers of a network have a map to show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerInfo:
    """A module whose output is (B, channels, height, width).

    `name` is the module's path as `model.named_modules()` spells it ("layer3", "0.4"). `stride` is the
    number of input pixels that one cell covers along the height, rounded.
    """

    name: str
    channels: int
    height: int
    width: int
    stride: int
