"""Maps of other libraries, to compare ours with."""

from __future__ import annotations

from typing import Any

import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from tests.analysis.explain.networks import classifier

RECTIFIED = "0.2"  # a ReLU of `classifier`, as large as the picture: the peers' enlarging changes nothing there


def loud(classes: int = 3) -> nn.Sequential:
    """The classifier with logits so large that the small numbers the peers add to denominators do not count."""
    net = classifier(inplace=False, classes=classes)
    with torch.no_grad():
        net[1][4].weight.mul_(1000)
    return net


def torchcams(method: type, net: nn.Module, x: Tensor, layer: str, target: int, **options: Any) -> Tensor:
    """(B, h, w): torch-cam's map, its positive part."""
    with method(net, layer, **options) as extractor:
        return extractor([target] * len(x), net(x), normalized=False)[0].detach()


def jacobgils(method: type, net: nn.Module, x: Tensor, layer: str, target: int, **options: Any) -> Tensor:
    """(B, H, W) float32: pytorch-grad-cam's map as it comes, the positive part scaled to 0..1."""
    with method(model=net, target_layers=[net.get_submodule(layer)]) as cam:
        shown = cam(input_tensor=x.clone(), targets=[ClassifierOutputTarget(target)] * len(x), **options)
    return torch.from_numpy(shown)


def as_shown(maps: Tensor) -> Tensor:
    """Ours as pytorch-grad-cam shows its own."""
    positive = maps.clamp(min=0)
    positive = positive - positive.amin((1, 2), keepdim=True)
    return (positive / (1e-7 + positive.amax((1, 2), keepdim=True))).float()
