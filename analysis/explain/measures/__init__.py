"""The registry of metrics of maps: a new one is a function and a `Metric` in a file here, named in this list."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from analysis.explain.measures.base import NEEDS, Metric

# In the order in which they are shown; a family shares a file.
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
    """Compute every metric that needs exactly what is given; the arguments are named as in `NEEDS`.

    Returns {metric: number}, nan where a number is not defined. Raises ValueError for a map or a reference that is
    not (h, w), or where the two differ in shape.

    Example
    -------
    >>> measure(map=np.eye(2), reference=np.eye(2))["correlation"]
    1.0
    """
    shapes = {need: given[need].shape for need in ("map", "reference") if need in given}
    if len(set(shapes.values())) > 1 or any(len(shape) != 2 for shape in shapes.values()):
        told = " and ".join(f"{need} {shape}" for need, shape in shapes.items())
        raise ValueError(f"maps must be (h, w), of one layer where there are two; got {told}")
    return {metric.name: metric.of(given) for metric in metrics_of(given)}
