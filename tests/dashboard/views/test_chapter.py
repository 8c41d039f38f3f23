"""The Chapter page answers each question on the tiny learner and leaves the learner as it was."""

from __future__ import annotations

import pytest

from tests.dashboard.conftest import words

PARTS = ("1–5 · Hooks", "6–9 · Activations to map", "10–13 · Gradients")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_answers_its_questions_and_leaves_the_learner_alone(open_view, tiny_run, part):
    app = open_view("chapter", state={"part": part})
    first, last = (int(number) for number in part.split(" ")[0].split("–"))
    asked = [int(element.value.split(" ")[0]) for element in app.subheader if " · " in element.value]
    assert asked == list(range(first, last + 1))
    assert "The learner is as it was." in words(app)
    assert not app.error
