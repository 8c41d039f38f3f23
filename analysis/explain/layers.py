"""Which layers of a network have a map to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from analysis.explain.errors import LayerError
from analysis.explain.modes import evaluating, hooked, plain_input


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


def layer_info(name: str, output: Tensor, x: Tensor) -> LayerInfo:
    """Describe one layer by its output (B, C, h, w) for the input x (B, 3, H, W)."""
    channels, height, width = output.shape[1:]
    return LayerInfo(name, channels, height, width, max(1, round(x.shape[2] / height)))


def why_not_spatial(module: nn.Module, output: Any, x: Tensor) -> str | None:
    """Why a module's output is not a (B, C, h, w) feature map of x, in words, or None where it is one.

    Channels-last outputs (B, h, w, C), as inside ConvNeXt and Swin blocks, are four-dimensional too. They
    are told by the modules that make them (Linear, LayerNorm over the last dimension) and by an aspect
    ratio that is not the input's, to within one cell.
    """
    if not isinstance(output, Tensor):
        return f"its output is a {type(output).__name__}, not one tensor"
    if output.ndim != 4:
        return f"its output has shape {tuple(output.shape)}, not (B, C, h, w)"
    height, width = output.shape[2:]
    if isinstance(module, nn.Linear) or type(module) is nn.LayerNorm:
        return f"its output {tuple(output.shape)} has the channels last"
    if abs(height * x.shape[3] - width * x.shape[2]) > max(x.shape[2:]):
        return f"its output {tuple(output.shape)} does not have the input's aspect ratio (channels last?)"
    return None


def has_extent(output: Tensor) -> bool:
    """More than one cell: a pooled 1 x 1 output has no map."""
    return output.shape[2] * output.shape[3] > 1


def explainable_layers(model: nn.Module, x: Tensor) -> list[LayerInfo]:
    """Every named module with one (B, C, h, w) output of more than one cell, in forward order.

    The order is that of the modules' first output, so a container stands behind its last child. A module
    that is called several times stands once, with the shape of its last call, which is the one its maps
    belong to.

    x is (B, 3, H, W), normalised, on the model's device. The model's mode is restored; nothing is stored.
    Raises ExplainError where x does not fit the model, LayerError where no layer qualifies.
    """
    x = plain_input(model, x)
    found: dict[str, LayerInfo] = {}

    def note(name: str, module: nn.Module, output: Any) -> None:
        if why_not_spatial(module, output, x) is None and has_extent(output):
            found[name] = layer_info(name, output, x)

    modules = {name: module for name, module in model.named_modules() if name}
    with evaluating(model), torch.no_grad(), hooked(modules, note):
        model(x)
    if not found:
        raise LayerError(
            f"no layer of {type(model).__name__} puts out a (B, C, h, w) feature map for an input of shape "
            f"{tuple(x.shape)}; explain needs a convolutional network and a large enough picture"
        )
    return list(found.values())


def stage_layers(layers: Sequence[LayerInfo]) -> list[LayerInfo]:
    """The layers a person slides through: one for each change of shape along the trunk of the network.

    Containers are opened as long as they are a mere wrapper (alone on their level) or run through three
    or more resolutions (a `features` or `blocks` of all stages); what is left (a stem's modules, a stage)
    is taken in forward order, and runs of the same (C, h, w) are collapsed to their last layer.
    resnet34 gives relu, layer1 .. layer4; fastai's body of it 0.2, 0.4 .. 0.7.
    """
    infos = {layer.name: layer for layer in layers}
    order = {layer.name: position for position, layer in enumerate(layers)}
    trunk = sorted(_open("", infos), key=order.__getitem__)
    stages: list[LayerInfo] = []
    for info in map(infos.__getitem__, trunk):
        if stages and _shape(stages[-1]) == _shape(info):
            stages.pop()
        stages.append(info)
    return stages


def _open(prefix: str, infos: dict[str, LayerInfo]) -> list[str]:
    """Names of the trunk's layers below one container."""
    children = list(dict.fromkeys(_child(name, prefix) for name in infos if _below(name, prefix)))
    trunk: list[str] = []
    for child in children:
        grandchildren = {_child(name, child) for name in infos if _below(name, child)}
        resolutions = {(infos[name].height, infos[name].width) for name in grandchildren if name in infos}
        wrapper = len(children) == 1 and len(grandchildren) > 0
        if child not in infos or wrapper or len(resolutions) >= 3:
            trunk += _open(child, infos)
        else:
            trunk.append(child)
    return trunk


def _below(name: str, prefix: str) -> bool:
    return name != prefix and (not prefix or name.startswith(prefix + "."))


def _child(name: str, prefix: str) -> str:
    """The path of the direct child of `prefix` on the way to `name`."""
    depth = prefix.count(".") + 1 if prefix else 0
    return ".".join(name.split(".")[: depth + 1])


def _shape(info: LayerInfo) -> tuple[int, int, int]:
    return info.channels, info.height, info.width
