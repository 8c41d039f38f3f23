"""Which outputs of a network's modules are feature maps of its input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class LayerInfo:
    """A module whose output is (B, channels, height, width).

    Attributes
    ----------
    name : the module's path as `model.named_modules()` spells it, for instance "layer3" or "0.4".
    channels, height, width : the shape of its output for one image.
    stride : input pixels that one cell covers along the height, rounded.
    """

    name: str
    channels: int
    height: int
    width: int
    stride: int


def layer_info(name: str, output: Tensor, x: Tensor) -> LayerInfo:
    """Return the description of a layer with this output (B, C, h, w) for the input x (B, 3, H, W)."""
    channels, height, width = output.shape[1:]
    return LayerInfo(name, channels, height, width, max(1, round(x.shape[2] / height)))


def why_not_spatial(module: nn.Module, output: Any, x: Tensor) -> str | None:
    """Return the reason why a module's output is not a (B, C, h, w) feature map of x; None where it is one.

    Channels-last outputs (B, h, w, C), as inside ConvNeXt and Swin blocks, have four dimensions too. They are
    recognised by their module (Linear, or LayerNorm over the last dimension), or by an aspect ratio that differs
    from the input's by more than one cell.
    """
    if not isinstance(output, Tensor):
        return f"its output is a {type(output).__name__}, not one tensor; choose a module inside it or around it"
    if output.ndim == 3:
        return (
            f"its output has shape {_shape(output)}, tokens rather than (B, C, h, w); say how they lie on the "
            "picture, for instance reshape=TokenGrid(14, 14, prefix=1) for a ViT with one class token"
        )
    if output.ndim != 4:
        return f"its output has shape {_shape(output)}, not (B, C, h, w)"
    height, width = output.shape[2:]
    if isinstance(module, nn.Linear) or type(module) is nn.LayerNorm:
        return f"its output {_shape(output)} has the channels last (reshape=channels_last brings them forward)"
    if abs(height * x.shape[3] - width * x.shape[2]) > max(x.shape[2:]):
        return (
            f"its output {_shape(output)} does not have the input's aspect ratio (channels last? then "
            "reshape=channels_last)"
        )
    return None


def _shape(output: Tensor) -> str:
    return f"({', '.join(['B', *map(str, output.shape[1:])])})"
