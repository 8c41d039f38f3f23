"""Which layers of a network have a map."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from analysis.explain.engine.feature_map import LayerInfo
from analysis.explain.engine.inputs import plain_input
from analysis.explain.engine.preparation import anatomy_of
from analysis.explain.errors import LayerError


def explainable_layers(model: nn.Module, x: Tensor) -> list[LayerInfo]:
    """Return every named module whose output is a (B, C, h, w) map of more than one cell, in forward order.

    The order is that of the modules' first output, so a container comes after its last child. A module that is
    called several times is listed once, with the shape of its last call, to which its maps belong. The tokens of
    a vision transformer count as a map where the network's attributes say how they are arranged.

    Parameters
    ----------
    model : any classifier; it is not changed.
    x : (B, 3, H, W), normalised, on the model's device.

    Raises
    ------
    ExplainError : x does not fit the model.
    LayerError : no layer has a map.
    """
    x = plain_input(model, x)
    layers = anatomy_of(model, x).layers()
    if not layers:
        raise LayerError(
            f"no layer of {type(model).__name__} outputs a (B, C, h, w) feature map for an input of shape "
            f"{tuple(x.shape)}; explain needs a convolutional network and a large enough picture"
        )
    return layers


def stage_layers(model: nn.Module, x: Tensor) -> list[LayerInfo]:
    """Return the stages of a network: one layer for each change of shape along its trunk, in forward order.

    This is the short list that is usually wanted; `explainable_layers` lists all layers with a map, and has the
    same arguments and errors. For resnet34 the stages are relu, layer1 .. layer4; in fastai's body 0.2, 0.4 ..
    0.7.
    """
    return trunk(explainable_layers(model, x))


def trunk(layers: Sequence[LayerInfo]) -> list[LayerInfo]:
    """Return the stages among the layers that have a map, in forward order.

    A container is replaced by its children where it is only a wrapper (the one child of its parent) or where its
    children have three or more resolutions (a `features` or `blocks` that holds all stages). The modules that
    remain are read in forward order; of neighbours with the same (C, h, w) only the last is kept.
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
    """Return the names of the trunk's layers inside one container."""
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
    """Return the path of the direct child of `prefix` that contains `name`."""
    depth = prefix.count(".") + 1 if prefix else 0
    return ".".join(name.split(".")[: depth + 1])


def _shape(info: LayerInfo) -> tuple[int, int, int]:
    return info.channels, info.height, info.width
