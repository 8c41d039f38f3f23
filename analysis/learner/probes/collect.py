"""The features that a linear probe is fitted on: average-pooled activations of every picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa
from torch import Tensor, nn

from analysis.explain.errors import ExplainError
from analysis.explain.trace import capture
from analysis.progress import Report, silent
from analysis.sweep import array_of, sweep, table_of

E = TypeVar("E")


def collect_features(
    model: nn.Module,
    examples: Sequence[E],
    read: Callable[[list[list[E]]], Iterable[Tensor]],
    layer_names: Sequence[str],
    batch_size: int = 64,
    report: Report = silent,
) -> dict[str, np.ndarray]:
    """Average the activations of every layer over the picture, for every picture.

    Parameters
    ----------
    examples : the pictures, as `read` knows them
    read : from batches of examples to a tensor (B, 3, H, W) for each, on the model's device
    report : receives stage "probes"; raise from it to stop

    Returns
    -------
    {layer: (N, C) float32}, in the order of the examples.

    Raises
    ------
    ExplainError : there are no examples
    """
    if not examples:
        raise ExplainError("there are no images to collect features from")

    def pool(x: Tensor) -> pa.Table:
        activations = capture(model, x, list(layer_names), gradients=False).activations
        return table_of(
            {name: values.mean(dim=(2, 3)).float().cpu().numpy() for name, values in activations.items()}
        )

    message = "Collecting features of images for the probes, {done} of {total}"
    table = sweep(
        examples, pool, batch_size=batch_size, read=read, report=report, stage="probes", message=message
    ).table()
    return {name: array_of(table, name) for name in layer_names}
