"""Weights on the disk: the same tensors come back, and another file is refused with a reason."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from analysis.learner.weights_file import check_weights, load_weights, save_weights
from analysis.runs import WEIGHTS, Run, RunError, open_run

CPU = torch.device("cpu")


def network(width: int = 4) -> nn.Sequential:
    torch.manual_seed(width)
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.Flatten())


@pytest.fixture
def run(tiny_run: Run, tmp_path: Path) -> Run:
    """The tiny run, to be changed."""
    return open_run(shutil.copytree(tiny_run.path, tmp_path / "run"))


def test_every_tensor_comes_back_into_a_network_in_evaluation_mode(run: Run):
    model = network().to(memory_format=torch.channels_last)
    model[1].running_mean += 0.5
    save_weights(model, run.path)
    back = network().train()
    with torch.no_grad():
        back[0].weight.zero_()
    load_weights(back, run, CPU)
    assert not any(module.training for module in back.modules())
    for name, value in model.state_dict().items():
        assert torch.equal(back.state_dict()[name], value), name


def test_the_digest_is_that_of_the_file_and_its_tensors_are_plain(tmp_path: Path):
    shared = nn.Linear(3, 3)
    digest = save_weights(nn.Sequential(shared, shared), tmp_path)  # safetensors refuses tensors that share memory
    assert digest == hashlib.sha256((tmp_path / WEIGHTS).read_bytes()).hexdigest()
    assert set(load_file(tmp_path / WEIGHTS)) == {"0.weight", "0.bias", "1.weight", "1.bias"}


def test_weights_of_another_network_and_damaged_ones_are_refused(run: Run):
    save_weights(network(5), run.path)
    with pytest.raises(RunError, match=r"does not fit the recipe: .*size mismatch.*\)\. Train it again") as raised:
        load_weights(network(4), run, CPU)
    assert "\n" not in str(raised.value)
    (run.path / WEIGHTS).write_bytes(b"\x80\x04pickle")
    with pytest.raises(RunError, match="does not fit the recipe"):
        load_weights(network(4), run, CPU)
    (run.path / WEIGHTS).unlink()
    with pytest.raises(RunError, match=r"weights\.safetensors cannot be read .*No such file.*Train it again"):
        load_weights(network(4), run, CPU)


def test_only_the_manifests_weights_pass_the_check(run: Run):
    check_weights(run)
    save_weights(network(), run.path)
    with pytest.raises(RunError, match="sha256 does not match"):
        check_weights(run)
