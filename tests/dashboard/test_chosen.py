"""The chosen example: the one of the link, the way through the list, the class that is explained."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.chosen import ChosenExample
from tests.dashboard.conftest import mistakes, words


def test_next_and_previous_walk_the_filtered_list(open_view, tiny_run):
    wrong = mistakes(tiny_run)
    app = open_view("layers", {"image": wrong.path.iloc[0]})
    app.button(key="next_image").click().run()
    assert wrong.path.iloc[1] in words(app)
    assert "2 of" in words(app)
    app.button(key="previous_image").click().run()
    assert wrong.path.iloc[0] in words(app)


def test_an_unknown_picture_is_named(open_view):
    assert "which is not in this learner's validation set" in words(open_view("layers", {"image": "nope.jpg"}))


def test_an_unknown_review_is_named(open_words):
    app = open_words("review", {"review": "row/99999"})
    assert "not in this learner's validation set" in words(app)


@pytest.mark.parametrize(
    ("label", "predicted", "runner_up", "expected"),
    [(2, 0, 1, 2), (0, 0, 1, 1), (None, 0, 1, 1)],
    ids=["mistake", "right", "no label"],
)
def test_the_other_class_is_the_true_one_of_a_mistake_else_the_runner_up(label, predicted, runner_up, expected):
    example = ChosenExample("p", "p", label, predicted, runner_up, np.zeros(3, np.float32))
    assert example.other_class == expected


def page(run: object, label: int | None) -> None:
    import numpy as np
    import streamlit as st

    from dashboard.chosen import ChosenExample, explained

    example = ChosenExample("p", "p", label, 1, 0, np.array([0.1, 0.9], np.float32))
    st.session_state["target"] = explained(run, example)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("label", "targets"),
    [(0, [1, 0, (1, 0), 0, 1]), (None, [1, (1, 0), 0, 1])],
    ids=["of the set", "the user's own"],
)
def test_every_choice_of_the_explain_control_is_its_target(tiny_run, label, targets):
    app = AppTest.from_function(page, args=(tiny_run, label)).run()
    choices = app.selectbox(key="explain").options
    found = []
    for choice in choices:
        app.selectbox(key="explain").select(choice).run()
        assert not app.exception
        found.append(app.session_state["target"])
    assert found == targets


def test_the_link_of_the_list_brings_its_filters(open_view, tiny_run):
    wrong = mistakes(tiny_run)
    last = wrong.label.iloc[-1]
    app = open_view("layers", {"image": wrong.path.iloc[-1], "list": f'{{"true":["{last}"]}}'})
    count = (wrong.label == last).sum()
    assert f"{count} of {count}" in words(app)


def test_without_a_mistake_the_page_offers_the_gallery(open_view, monkeypatch):
    from analysis.predictions import Predictions

    monkeypatch.setattr(Predictions, "page", lambda *_: [])
    assert "There is no mistake to look at. Choose any picture" in words(open_view("layers"))


def test_the_user_s_own_example_is_not_in_the_list(open_words, tiny_words_run):
    app = open_words("review", {"review": tiny_words_run.predictions().path.iloc[0]})
    app.text_area[0].set_value("a dull film")
    next(button for button in app.button if button.label == "Explain it").click().run()
    assert not app.exception
    assert "**Your review** · predicted" in words(app)
    assert "not in the list" in words(app)
    assert app.button(key="previous_review").disabled
    assert app.button(key="next_review").disabled == mistakes(tiny_words_run).empty  # the first of the list
