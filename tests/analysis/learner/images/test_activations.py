"""Activation statistics: fastai's numbers against hand-made ones, both fits kept, and the way to disk and back."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from analysis.learner.images.activations import RecordActivations, load_activations
from analysis.runs import ACTIVATIONS, Run, RunError, open_run


def test_the_numbers_of_one_output_by_hand():
    recorder = RecordActivations(lambda model, x: [], 8)
    output = torch.tensor([-1.0, 0.0, 0.05, 0.3, 4.0, 20.0]).reshape(1, 1, 2, 3)
    found = recorder.hook(nn.Identity(), (), output)
    assert found["mean"] == pytest.approx(23.35 / 6)
    assert found["near_zero"] == pytest.approx(3 / 6)  # -1 counts as near zero too
    assert found["std"] == pytest.approx(np.std(output.numpy(), ddof=1))
    counts = np.zeros(40)
    counts[[0, 1, 16]] = 2, 1, 1  # bins of a quarter; -1 and 20 lie outside
    np.testing.assert_array_equal(found["hist"], counts)


def test_only_the_first_sixteen_images_of_a_batch_count():
    recorder = RecordActivations(lambda model, x: [], 8)
    output = torch.cat([torch.ones(16, 2), torch.full((48, 2), 9.0)])
    assert recorder.hook(nn.Identity(), (), output)["mean"] == 1


@pytest.fixture
def fitted() -> RecordActivations:
    """A recorder that saw two fits of two and three batches through a network that doubles its input."""
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU())
    nn.init.constant_(net[0].weight, 2.0)
    recorder = RecordActivations(lambda model, x: ["0", "1"], 8)
    recorder.learn = SimpleNamespace(model=net, dls=SimpleNamespace(train=[0, 0, 0]), training=True, train_iter=0)
    value = 0.0
    for batches in (2, 3):
        recorder.before_fit()
        for training in [True] * batches + [False]:
            recorder.learn.training = training
            recorder.before_batch()
            value += 1
            net(torch.tensor([[value], [-value]]))
            recorder.after_batch()
        recorder.after_fit()
    assert not any(module._forward_hooks for module in net)
    return recorder


def test_both_fits_are_kept_without_the_validation_batches(fitted: RecordActivations):
    history = fitted.history()
    assert history.layers == ("0", "1")
    assert history.phases == (("frozen", 2), ("full", 3))
    assert history.every == (1, 1)
    np.testing.assert_allclose(history.mean, [[0, 0, 0, 0, 0], [1, 2, 4, 5, 6]], atol=1e-6)
    np.testing.assert_allclose(history.near_zero, np.full((2, 5), 0.5))
    assert history.histogram.shape == (2, 5, 40)
    assert history.histogram[1, 1, 16] == 1  # the value 4


def test_a_run_keeps_it_and_hands_it_back(tiny_run: Run):
    history = load_activations(tiny_run)
    assert history.layers == ("0.2", "0.4", "0.5", "0.6", "0.7")
    assert history.phases == (("frozen", 3), ("full", 3))  # 48 training images in batches of 16
    assert history.mean.shape == history.std.shape == history.near_zero.shape == (5, 6)
    assert history.histogram.shape == (5, 6, 40)
    assert (history.near_zero > 0).all()
    # 16 images, 512 channels of 2 x 2 behind a ReLU: nothing is negative
    assert (history.histogram[4].sum(axis=1) <= 16 * 512 * 4).all()
    assert (history.histogram[4].sum(axis=1) > 0.99 * 16 * 512 * 4).all()


def test_recording_does_not_change_what_is_learned(tiny_folder: Path):
    from analysis.data.folder import load_folder
    from analysis.learner.images.finetune import train
    from tests.tiny import tiny_recipe

    images, recipe, cpu = load_folder(tiny_folder), tiny_recipe(tiny_folder), torch.device("cpu")
    recorder = RecordActivations(lambda model, x: ["0.4"], 64)
    plain = train(recipe, images, cpu)[0].model.state_dict()
    heard = train(recipe, images, cpu, listeners=[recorder])[0].model
    assert all(torch.equal(value, plain[name]) for name, value in heard.state_dict().items())
    assert not any(module._forward_hooks for module in heard.modules())
    assert recorder.history().mean.shape == (1, 6)


def test_an_older_run_has_none_and_a_changed_file_is_refused(tiny_run: Run, tmp_path: Path):
    files = {name: digest for name, digest in tiny_run.manifest.files.items() if name != ACTIVATIONS}
    assert load_activations(replace(tiny_run, manifest=replace(tiny_run.manifest, files=files))) is None
    folder = shutil.copytree(tiny_run.path, tmp_path / "run")
    (folder / ACTIVATIONS).write_bytes(b"something else")
    with pytest.raises(RunError, match="sha256 does not match"):
        load_activations(open_run(folder))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][ACTIVATIONS] = hashlib.sha256(b"something else").hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RunError, match="cannot be read"):
        load_activations(open_run(folder))
