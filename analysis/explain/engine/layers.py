"""Which layers of a network have a map to show."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from analysis.explain.engine.feature_map import LayerInfo
from analysis.explain.engine.inputs import plain_input
from analysis.explain.engine.prepared import anatomy_of
from analysis.explain.errors import LayerError


def explainable_layers(model: nn.Module, x: Tensor) -> list[LayerInfo]:
    """Return every named module with one (B, C, h, w) output of more than one cell, in forward order.

    The order is that of the modules' first output, so a container comes after its last child. A module
    that is called several times stands once, with the shape of its last call, which is the one its maps
    belong to. Tokens of a vision transformer that says how they lie on the picture count as maps.

    x is (B, 3, H, W), normalised, on the model's device. The model itself is not touched.
    Raises ExplainError where x does not fit the model, LayerError where no layer qualifies.
    """
    x = plain_input(model, x)
    found = anatomy_of(model, x).layers()
    if not found:
        raise LayerError(
            f"no layer of {type(model).__name__} outputs a (B, C, h, w) feature map for an input of shape "
            f"{tuple(x.shape)}; explain needs a convolutional network and a large enough picture"
        )
    return found


def stage_layers(model: nn.Module, x: Tensor) -> list[LayerInfo]:
    """Return the stages of a network: one layer for each change of shape along its trunk, in forward order.

    This is the short list that one usually wants; `explainable_layers` has all the layers with a map. Arguments
    and errors as there. resnet34 gives relu, layer1 .. layer4; fastai's body of it 0.2, 0.4 .. 0.7.
    """
    return trunk(explainable_layers(model, x))


def trunk(layers: Sequence[LayerInfo]) -> list[LayerInfo]:
    """Choose the stages among the layers that have a map.

    Containers are opened as long as they are a mere wrapper (alone on their level) or run through three
    or more resolutions (a `features` or `blocks` of all stages); what is left (a stem's modules, a stage)
    is read in forward order, and of a run with the same (C, h, w) only the last layer stays.
    """
    infos = {layer.name: layer for layer in layers}
    order = {layer.name: position for position, layer in enumerate(layers)}
    stages: list[LayerInfo] = []
    for info in map(infos.__getitem__, sorted(_open("", infos), key=order.__getitem__)):
        if stages and _shape(stages[-1]) == _shape(info):
            stages.pop()
        stages.append(info)
    return stages


def _open(prefix: str, infos: dict[str, LayerInfo]) -> list[str]:
    """Names of the trunk's layers below one container."""
    children = list(dict.fromkeys(_child(name, prefix) for name in infos if _below(name, prefix)))
    names: list[str] = []
    for child in children:
        grandchildren = {_child(name, child) for name in infos if _below(name, child)}
        resolutions = {(infos[name].height, infos[name].width) for name in grandchildren if name in infos}
        wrapper = len(children) == 1 and len(grandchildren) > 0
        if child not in infos or wrapper or len(resolutions) >= 3:
            names += _open(child, infos)
        else:
            names.append(child)
    return names


def _below(name: str, prefix: str) -> bool:
    return name != prefix and (not prefix or name.startswith(prefix + "."))


def _child(name: str, prefix: str) -> str:
    """The path of the direct child of `prefix` on the way to `name`."""
    depth = prefix.count(".") + 1 if prefix else 0
    return ".".join(name.split(".")[: depth + 1])


def _shape(info: LayerInfo) -> tuple[int, int, int]:
    return info.channels, info.height, info.width
