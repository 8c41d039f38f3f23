"""The file that holds a run's linear probes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from analysis.explain.errors import ExplainError
from analysis.explain.probe import Probe
from analysis.runs import PROBES, Run, check_digest

_FORMAT = "camlens-probes-1"


def save_probes(probes: Mapping[str, Probe], folder: Path) -> Path:
    """Write probes by layer name to `probes.safetensors` in a folder, and return that file.

    The accuracies stand as JSON in its header.
    """
    tensors = {f"{layer}/weight": probe.weight for layer, probe in probes.items()}
    tensors |= {f"{layer}/bias": probe.bias for layer, probe in probes.items()}
    accuracies = {layer: probe.accuracy for layer, probe in probes.items()}
    path = Path(folder) / PROBES
    save_file(
        {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()},
        path,
        metadata={"format": _FORMAT, "accuracy": json.dumps(accuracies)},
    )
    return path


def probes_of(run: Run) -> dict[str, Probe]:
    """A run's probes; raises RunError where the file is not the one that the run's manifest names."""
    check_digest(run, PROBES, run.how_to_retrain())
    return load_probes(run.path)


def load_probes(folder: Path) -> dict[str, Probe]:
    """Read what `save_probes` wrote, in the order it was saved; nothing where no probes were saved.

    Raises ExplainError where the file is damaged or holds something else.
    """
    path = Path(folder) / PROBES
    if not path.is_file():
        return {}
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                raise ExplainError(f"{path} does not hold linear probes; remove it and fit them again")
            return {
                layer: Probe(file.get_tensor(f"{layer}/weight"), file.get_tensor(f"{layer}/bias"), accuracy)
                for layer, accuracy in json.loads(metadata["accuracy"]).items()
            }
    except SafetensorError as error:
        raise ExplainError(f"{path} is damaged ({error}); remove it and fit the probes again") from error
