"""The registry of methods of words: every file of the package is in it, and every method keeps the rules."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from analysis.learner.words.batches import padded
from analysis.words import methods
from analysis.words.methods import FILES, METHODS
from analysis.words.network import read
from tests.analysis.words.learners import convolutional
from tests.analysis.words.methods.texts import IDS


def test_every_file_is_listed_and_holds_a_method() -> None:
    there = {file.stem for file in Path(methods.__file__).parent.glob("*.py")} - {"__init__", "base"}
    assert sorted(FILES) == sorted(there)
    assert len(METHODS) >= len(FILES)
    assert all(name == method.name for name, method in METHODS.items())
    assert len({method.title for method in METHODS.values()}) == len(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_gives_a_number_a_token_and_nothing_to_padding(name: str) -> None:
    method, layer = METHODS[name], "blocks.1"
    reading = read(convolutional(), padded(IDS), 1, gradients=method.needs_gradient)
    values = method.values(reading, layer)
    assert values.shape == reading.real.shape
    assert (values[~reading.real] == 0).all()
    assert (values[reading.real] != 0).any()
    for row, ids in enumerate(IDS[:3]):
        alone = method.values(read(convolutional(), padded([ids]), 1, gradients=method.needs_gradient), layer)
        torch.testing.assert_close(values[row, : len(ids)], alone[0])
