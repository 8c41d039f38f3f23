"""What is explained: seeded networks with 37 classes, seeded pictures, and the stages of a network."""

from __future__ import annotations

import timm
import torch
import torch.nn.functional as F
import torchvision.models as zoo
from torch import Tensor, nn

from analysis.explain import stage_layers

CLASSES = 37
NETWORKS = ("resnet34", "resnet50", "efficientnet_lite0")


def network(name: str, device: torch.device) -> nn.Module:
    """A network in evaluation mode with seeded random weights, parameters requiring gradients as built."""
    torch.manual_seed(0)
    if hasattr(zoo, name):
        model = getattr(zoo, name)(weights=None, num_classes=CLASSES)
    else:
        model = timm.create_model(name, pretrained=False, num_classes=CLASSES)
    return model.eval().to(device)


def pictures(count: int, size: int, device: torch.device) -> Tensor:
    """Seeded pictures (count, 3, size, size): soft blobs with grain, as unlike one another as photographs."""
    seeded = torch.Generator().manual_seed(1)
    blobs = torch.randn(count, 3, 8, 8, generator=seeded)
    grain = torch.randn(count, 3, size, size, generator=seeded)
    return (F.interpolate(blobs, size=(size, size), mode="bicubic") + 0.3 * grain).to(device)


def last_four_stages(model: nn.Module, x: Tensor) -> list[str]:
    """Names of the last four stages, the deepest last."""
    return [info.name for info in stage_layers(model, x)][-4:]
