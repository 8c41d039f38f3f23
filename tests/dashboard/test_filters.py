"""The filters of both galleries: what the controls say is what the view holds."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from analysis.predictions import Browse
from dashboard.filters import is_narrowed


def page(kind_name: str) -> None:
    import streamlit as st

    from dashboard.example_kinds import EXAMPLE_KINDS
    from dashboard.filters import clear_filters, filters, forget_filters, show_pair

    st.session_state["seen"] = filters(EXAMPLE_KINDS[kind_name], ("cat", "dog"))
    st.button("clear", on_click=clear_filters)
    st.button("pair", on_click=show_pair, args=("cat", "dog"))
    st.button("forget", on_click=forget_filters)


@pytest.mark.parametrize(
    ("kind", "field", "label"), [("images", "name", "File name contains"), ("words", "word", "Contains the word")]
)
def test_the_search_of_each_kind_fills_its_own_field(kind, field, label):
    app = AppTest.from_function(page, args=(kind,)).run()
    assert not app.exception
    assert app.session_state["seen"] == Browse()
    assert [control.label for control in app.text_input] == [label]
    app.text_input(key=field).set_value("  sea ").run()
    app.selectbox(key="sort").select("name").run()
    app.multiselect(key="predicted").select("dog").run()
    assert app.session_state["seen"] == Browse(predicted=("dog",), sort="name", **{field: "sea"})


@pytest.mark.parametrize("button", ["clear", "forget"])
def test_removing_the_filters_keeps_the_order(button):
    app = AppTest.from_function(page, args=("words",)).run()
    app.text_input(key="word").set_value("fun").run()
    app.toggle(key="correct").set_value(True).run()
    app.slider(key="confidence").set_range(0.2, 0.9).run()
    app.selectbox(key="sort").select("margin").run()
    next(one for one in app.button if one.label == button).click().run()
    assert not app.exception
    assert app.session_state["seen"] == Browse(sort="margin")


def test_a_pair_of_classes_takes_the_place_of_every_other_filter():
    app = AppTest.from_function(page, args=("images",)).run()
    app.text_input(key="name").set_value("sea").run()
    next(one for one in app.button if one.label == "pair").click().run()
    assert app.session_state["seen"] == Browse(true=("cat",), predicted=("dog",))


@pytest.mark.parametrize(
    "view",
    [
        Browse(true=("cat",)),
        Browse(predicted=("cat",)),
        Browse(name="x"),
        Browse(word="x"),
        Browse(confidence=(0, 0.5)),
    ],
)
def test_each_filter_narrows_the_list(view):
    assert is_narrowed(view)


def test_order_and_correct_ones_leave_no_mistake_out():
    assert not is_narrowed(Browse(sort="name", correct=True))
