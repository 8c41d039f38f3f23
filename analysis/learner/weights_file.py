"""The file of a network's weights, without pickle."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from analysis.runs import WEIGHTS, Run, RunError, check_digest, sha256


def save_weights(model: nn.Module, folder: Path) -> str:
    """Write the model's tensors to `weights.safetensors` in `folder` and return the file's sha256."""
    state = {name: value.detach().cpu().contiguous().clone() for name, value in model.state_dict().items()}
    path = folder / WEIGHTS
    save_file(state, path, metadata={"format": "pt"})
    return sha256(path)


def load_weights(model: nn.Module, run: Run, device: torch.device) -> None:
    """Read the weights of a run into a model, and switch it to evaluation mode.

    Raises
    ------
    RunError : the file is missing or damaged, or its tensors do not fit the model
    """
    path = run.path / WEIGHTS
    try:
        model.load_state_dict(load_file(path, device=str(device)))
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error}). {run.how_to_retrain()}") from error
    except (RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split()).rstrip(".")  # torch lists the tensors in lines of their own
        raise RunError(f"{path} does not fit the recipe: {reason}. {run.how_to_retrain()}") from error
    model.eval()


def check_weights(run: Run) -> None:
    """Raise RunError where the file's sha256 is not that of the manifest."""
    check_digest(run, WEIGHTS, run.how_to_retrain())
