"""The order of the classes, and what `decode` reverses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from fastai.data.core import DataLoaders
from fastai.torch_core import TensorImage
from torch import Tensor

from analysis.chapter.execution import Execution, execute
from analysis.chapter.subject import Subject


def classes_in_order(dls: DataLoaders) -> list[tuple[int, Any]]:
    """Return (position in the network's output, label) of every class."""
    return list(enumerate(dls.vocab))


def class_order(dls: DataLoaders) -> Execution[list[tuple[int, Any]]]:
    """Answer question 8."""
    return execute(classes_in_order, dls)


@dataclass(frozen=True)
class DecodedPicture:
    """A picture as the network receives it and as a person sees it.

    Attributes
    ----------
    normalised : (H, W, 3) uint8, the normalised tensor drawn as it is: values outside 0 to 1 are cut off.
    decoded : (H, W, 3) uint8.
    ranges : (name, lowest, highest, mean) of the tensor and of the decoded picture, and of each channel of both.
    share_outside : share of the normalised values outside 0 to 1.
    """

    normalised: np.ndarray
    decoded: np.ndarray
    ranges: tuple[tuple[str, float, float, float], ...]
    share_outside: float


def decode(dls: DataLoaders, x: Tensor) -> TensorImage:
    """Reverse what the pipeline did to a batch and return its first picture."""
    return TensorImage(dls.train.decode((x,))[0][0])


def decode_picture(subject: Subject, dls: DataLoaders) -> Execution[DecodedPicture]:
    """Answer question 9."""
    execution = execute(decode, dls, subject.x)
    decoded = execution.result.as_subclass(torch.Tensor).float().cpu()
    normalised = subject.x[0].float().cpu()
    ranges = []
    for name, values in (("normalised", normalised), ("decoded", decoded)):
        ranges.append(_range(name, values))
        ranges += [
            _range(f"{name}, {colour}", values[channel]) for channel, colour in enumerate(("red", "green", "blue"))
        ]
    outside = ((normalised < 0) | (normalised > 1)).float().mean()
    picture = DecodedPicture(
        normalised=(normalised.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy(),
        decoded=decoded.clamp(0, 255).round().to(torch.uint8).permute(1, 2, 0).numpy(),
        ranges=tuple(ranges),
        share_outside=float(outside),
    )
    return Execution(execution.source, picture)


def _range(name: str, values: Tensor) -> tuple[str, float, float, float]:
    return name, float(values.min()), float(values.max()), float(values.mean())
