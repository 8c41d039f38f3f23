"""How the tokens of a transformer are arranged as a map over the image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from analysis.explain.errors import LayerError

ToMap = Callable[[Tensor], Tensor]
Reshape = ToMap | Mapping[str, ToMap | None] | None


@dataclass(frozen=True)
class TokenGrid:
    """Arrange tokens (B, prefix + height * width, C) as a map (B, C, height, width), row by row.

    Attributes
    ----------
    height, width : cells of the map.
    prefix : the number of tokens at the front that belong to no cell (class token, registers); they are left out.
    """

    height: int
    width: int
    prefix: int = 0

    def __call__(self, tokens: Tensor) -> Tensor:
        """Return the map (B, C, height, width); raises LayerError where the number of tokens does not fit."""
        if tokens.ndim != 3 or tokens.shape[1] != self.prefix + self.height * self.width:
            raise LayerError(
                f"{self} expects tokens of shape (B, {self.prefix + self.height * self.width}, C); the layer "
                f"outputs {tuple(tokens.shape)}"
            )
        return tokens[:, self.prefix :].transpose(1, 2).unflatten(2, (self.height, self.width))

    def inverse(self, values: Tensor, tokens: Tensor) -> Tensor:
        """Return `tokens` (B, N, C), those of the grid replaced by `values` (B, C, height, width)."""
        return torch.cat([tokens[:, : self.prefix], values.flatten(2).transpose(1, 2)], dim=1)


class _ChannelsLast:
    """Turn (B, h, w, C) into (B, C, h, w)."""

    def __call__(self, output: Tensor) -> Tensor:
        if output.ndim != 4:
            raise LayerError(f"channels_last expects (B, h, w, C); the layer outputs {tuple(output.shape)}")
        return output.permute(0, 3, 1, 2)

    def inverse(self, values: Tensor, output: Tensor) -> Tensor:
        return values.permute(0, 2, 3, 1)


channels_last = _ChannelsLast()


def network_reshape(network: nn.Module, output: Any, x: Tensor) -> ToMap | None:
    """Return the reshape that follows from the network's own attributes, or None where there is none.

    It is known for the vision transformers of torchvision (`patch_size`, one class token) and timm
    (`num_prefix_tokens`, `patch_embed.patch_size`), and for the channels-last feature maps of the Swin
    transformers of both libraries.
    """
    if not isinstance(output, Tensor):
        return None
    for module in _outermost(network):
        if output.ndim == 4 and "Swin" in type(module).__name__:
            height, width = output.shape[1:3]
            fits = abs(height * x.shape[3] - width * x.shape[2]) <= max(x.shape[2:])
            return channels_last if fits and _is_norm_size(module, output.shape[3]) else None
        if output.ndim == 3 and hasattr(module, "num_prefix_tokens") and hasattr(module, "patch_embed"):
            return _grid(output, x, module.patch_embed.patch_size, int(module.num_prefix_tokens))  # type: ignore[union-attr, arg-type]
        if output.ndim == 3 and type(module).__name__ == "VisionTransformer" and hasattr(module, "patch_size"):
            return _grid(output, x, module.patch_size, 1)
    return None


def reshape_of(reshape: Reshape, layer: str) -> ToMap | None:
    """Return the caller's reshape for one layer, or None."""
    return reshape.get(layer) if isinstance(reshape, Mapping) else reshape


def _outermost(network: nn.Module) -> list[nn.Module]:
    """Return the network, the modules that it only wraps, and its direct children."""
    modules = [network]
    while len(children := list(modules[-1].children())) == 1:
        modules.append(children[0])
    return modules + [child for child in network.children() if child not in modules]


def _is_norm_size(swin: nn.Module, channels: int) -> bool:
    """Return whether a Swin normalises this many channels; its attention weights have another number."""
    norms = (norm for norm in swin.modules() if isinstance(norm, nn.LayerNorm))
    return any(list(norm.normalized_shape) == [channels] for norm in norms)


def _grid(output: Tensor, x: Tensor, patch: Any, prefix: int) -> TokenGrid | None:
    high, wide = patch if isinstance(patch, tuple) else (patch, patch)
    grid = TokenGrid(x.shape[2] // high, x.shape[3] // wide, prefix)
    return grid if output.shape[1] == prefix + grid.height * grid.width else None
