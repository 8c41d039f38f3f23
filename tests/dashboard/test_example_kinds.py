"""Pictures and reviews: each run belongs to one kind."""

from __future__ import annotations

import pytest

from analysis.predictions import Browse
from dashboard.example_kinds import EXAMPLE_KINDS, PICTURES, REVIEWS, example_kind
from dashboard.pages import page_file


def test_a_run_belongs_to_the_kind_of_its_recipe(tiny_run, tiny_words_run):
    assert example_kind(tiny_run) is PICTURES
    assert example_kind(tiny_words_run) is REVIEWS


@pytest.mark.parametrize("kind", EXAMPLE_KINDS.values(), ids=EXAMPLE_KINDS)
def test_a_kind_names_pages_and_fields_that_exist(kind):
    assert page_file(kind.gallery) != page_file(kind.detail)
    assert hasattr(Browse(), kind.search)
    assert set(kind.sorts) == set(PICTURES.sorts)


def test_two_kinds_share_no_session_key():
    keys = [key for kind in EXAMPLE_KINDS.values() for key in (kind.link, kind.current, kind.view, kind.search)]
    assert len(keys) == len(set(keys))
