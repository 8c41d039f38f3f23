"""The experiments of the chapter run on a network that is small enough to be checked by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from analysis.chapter.subject import Subject, state_digest
from tests.analysis.explain.networks import classifier, pictures


@pytest.fixture
def subject() -> Subject:
    torch.manual_seed(0)
    net = classifier(dtype=torch.float32)
    net[0][1].num_batches_tracked.fill_(11)  # as after a fine-tune
    return Subject(net, pictures(1, dtype=torch.float32))


@pytest.fixture(autouse=True)
def the_network_is_left_as_it_was(subject: Subject) -> Iterator[None]:
    """Every test here ends with the learner's network as it began."""
    before = state_digest(subject.network)
    yield
    assert state_digest(subject.network) == before
