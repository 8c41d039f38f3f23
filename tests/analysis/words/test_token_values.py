"""Which method at which layer, and the numbers of several texts at once."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.explain.errors import ExplainError, UnknownNameError
from analysis.words.methods import METHODS
from analysis.words.token_values import choose, token_values
from tests.analysis.words.learners import Learner, Recurrent, bag, convolutional


def names(model: object, method: str | None = None, layer: str | None = None) -> tuple[str, str]:
    chosen, where = choose(model, method, layer)  # type: ignore[arg-type]
    return chosen.name, where


def test_the_best_is_the_first_that_the_network_allows() -> None:
    net, recurrent = convolutional(), Recurrent()
    assert names(net) == ("cam", "blocks.1")
    assert names(net, "gradcam", "blocks.0") == ("gradcam", "blocks.0")
    assert names(recurrent) == ("gradcam", "rnns.1")
    assert names(recurrent, "gradient") == ("gradient", "embedding")


def test_what_does_not_exist_is_named_with_what_does() -> None:
    net, recurrent = convolutional(), Recurrent()
    with pytest.raises(UnknownNameError, match="unknown method 'gradcan'.*Did you mean 'gradcam'"):
        choose(net, "gradcan")
    with pytest.raises(UnknownNameError, match=r"no layer 'blocks\.9'; it has embedding, blocks\.0, blocks\.1"):
        choose(net, "cam", "blocks.9")
    with pytest.raises(ExplainError, match=r"no exact CAM at 'blocks\.0'.*only for 'blocks\.1'.*gradcam or g"):
        choose(net, "cam", "blocks.0")
    with pytest.raises(ExplainError, match="no exact CAM: after its last layer .* Use gradcam or gradient"):
        choose(recurrent, "cam")


@pytest.mark.parametrize("name", ["cam", "gradcam", "gradient"])
def test_each_text_gets_its_own_numbers_without_padding(name: str) -> None:
    learner = bag({"good": 3.0, "bad": -5.0, "film": 1.0}, bias=0.5)
    method, layer = choose(learner.model, name, "blocks.0")
    texts = ["good bad film", "bad", ""]
    reading, values = token_values(learner, [learner.view(text).ids for text in texts], 1, method, layer)
    assert [one.tolist() for one in values] == [pytest.approx([1, -5 / 3, 1 / 3]), pytest.approx([-5]), []]
    assert all(one.dtype == np.float64 for one in values)
    assert reading.scores().tolist() == pytest.approx([-1 / 3 + 0.5, -4.5, 0.5])


def test_gradients_are_taken_only_for_a_method_that_needs_them() -> None:
    learner = Learner(convolutional())
    ids = [learner.view("good film").ids]
    for name, method in METHODS.items():
        reading, _ = token_values(learner, ids, 1, *choose(learner.model, name, "blocks.1"))
        assert bool(reading.gradients) == method.needs_gradient
