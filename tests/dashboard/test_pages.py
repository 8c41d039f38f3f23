"""The one list of pages: every script is in it once, under its own address."""

from __future__ import annotations

import pytest

from dashboard.pages import DEFAULT, PAGES, page_file
from tests.dashboard.conftest import ROOT


def test_every_script_of_the_views_is_one_page():
    scripts = sorted(path.stem for path in (ROOT / "dashboard" / "views").glob("*.py") if path.stem != "__init__")
    assert sorted(page.name for page in PAGES) == scripts
    assert all((ROOT / page.file).is_file() for page in PAGES)


def test_the_sections_stand_in_the_sidebar_s_order():
    assert list(dict.fromkeys(page.section for page in PAGES)) == ["Find", "Words", "Learn", "Learners"]


def test_a_link_names_a_page_of_the_list():
    assert page_file(DEFAULT) == "dashboard/views/errors.py"
    with pytest.raises(KeyError):
        page_file("nothing")
