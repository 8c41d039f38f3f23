"""An untrained network for experiments on shapes, independent of the user's own network."""

from __future__ import annotations

import torch
from torch import nn
from torchvision.models import resnet34


def untrained_resnet34(classes: int, seed: int = 21) -> nn.Module:
    """Return a ResNet-34 with random weights, in evaluation mode, the same for the same seed.

    Its shapes are those of a trained network, and only shapes decide whether leaving out `keepdim=True` raises an
    error or gives a wrong map. The global random state is not changed.

    Parameters
    ----------
    classes : the number of logits.
    seed : of the random weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return resnet34(weights=None, num_classes=classes).eval()
