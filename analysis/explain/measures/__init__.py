"""The registry of metrics of maps. To add one, put a function and a `Metric` in a file here and list the file."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from analysis.explain.measures.base import NEEDS, Metric

# In the order in which they are shown; related metrics share a file.
FILES = ("agreement", "localisation")

METRICS: dict[str, Metric] = {
    metric.name: metric
    for file in FILES
    for metric in vars(import_module(f"{__name__}.{file}")).values()
    if isinstance(metric, Metric)
}

__all__ = ["FILES", "METRICS", "NEEDS", "Metric", "measure", "metrics_of"]


def metrics_of(needs: Iterable[str]) -> list[Metric]:
    """Return the metrics that need exactly these of `NEEDS`, in the registry's order."""
    wanted = frozenset(needs)
    return [metric for metric in METRICS.values() if metric.needs == wanted]


def measure(**given: Any) -> dict[str, float]:
    """Compute every metric that needs exactly the given arguments, which are named as in `NEEDS`.

    Returns {metric: number}, nan where a number is not defined. Raises ValueError for a map or a reference that is
    not (h, w), or where their shapes differ.

    Example
    -------
    >>> measure(map=np.eye(2), reference=np.eye(2))["correlation"]
    1.0
    """
    shapes = {need: given[need].shape for need in ("map", "reference") if need in given}
    if len(set(shapes.values())) > 1 or any(len(shape) != 2 for shape in shapes.values()):
        got = " and ".join(f"{need} {shape}" for need, shape in shapes.items())
        raise ValueError(f"maps must be (h, w), of one layer where there are two; got {got}")
    return {metric.name: metric.of(given) for metric in metrics_of(given)}
