"""The experiments of the Chapter page run once, and a change of the learner is noticed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from dashboard.backend.images import service
from dashboard.chapter.experiments import OTHERS, Experiments
from dashboard.images.chosen_image import ChosenImage


@pytest.fixture
def experiments(home, tiny_run) -> Experiments:
    path = tiny_run.examples().names("valid")[3]
    image = ChosenImage(path, path, 0, 0, 1, np.array([0.9, 0.1], np.float32))
    return Experiments(tiny_run, image)


def test_an_experiment_runs_once_for_each_name_on_the_picture_itself(experiments, tiny_run):
    calls = []

    def experiment(subject, resident):
        calls.append(subject.x)
        return subject.network is resident.loaded.model

    assert experiments.perform("first time", experiment)
    assert experiments.perform("first time", experiment)
    assert len(calls) == 1
    experiments.perform("second name", experiment)
    assert len(calls) == 2
    np.testing.assert_array_equal(calls[0], service().pictures.batch(tiny_run, [experiments.image.id]))
    assert len({digest for pair in experiments.states for digest in pair}) == 1
    assert len(experiments.states) == 3


def test_an_experiment_that_changes_the_learner_has_two_digests(experiments):
    def careless(subject, resident):
        weight = next(subject.network.parameters())
        weight.requires_grad_(not weight.requires_grad)
        return weight

    weight = experiments.perform("careless", careless)
    weight.requires_grad_(not weight.requires_grad)  # as it was, for the other tests
    before, after = experiments.states[0]
    assert before != after


def test_the_other_pictures_are_the_same_ones_every_time_without_the_chosen_one(
    experiments, tiny_run, monkeypatch
):
    requested = []
    monkeypatch.setattr(
        type(service().pictures), "batch", lambda self, run, files: requested.append(list(files)) or files
    )
    experiments.others()
    experiments.others()
    first, second = requested
    valid = tiny_run.examples().names("valid")
    assert first == second
    assert len(first) == min(OTHERS, len(valid) - 1)
    assert set(first) < set(valid)
    assert experiments.image.id not in first


def test_the_picture_is_what_the_network_receives(experiments, tiny_run):
    size = tiny_run.manifest.recipe.size
    picture = experiments.picture()
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8

    def likeness(name: str) -> float:  # not 1, because fastai resamples in another way
        photo = ImageOps.fit(Image.open(tiny_run.image_path(name)).convert("RGB"), (size, size))
        return np.corrcoef(picture.ravel(), np.asarray(photo).ravel())[0, 1]

    assert max(tiny_run.examples().names("valid"), key=likeness) == experiments.image.id
    assert likeness(experiments.image.id) > 0.6
