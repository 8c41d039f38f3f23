"""The chapter's network for experiments on shapes, whatever the user's own network is."""

from __future__ import annotations

import torch
from torch import nn
from torchvision.models import resnet34


def untrained_resnet34(classes: int, seed: int = 21) -> nn.Module:
    """A ResNet-34 with random weights, in eval mode, the same for the same seed.

    Its shapes are the trained network's, and shapes are all that decides whether leaving out
    `keepdim=True` raises or is silently wrong. The global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return resnet34(weights=None, num_classes=classes).eval()
