"""The tabs of the Words page on made-up tables: what is listed, and what is said where nothing is."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard.conftest import metrics, words


def page(tab: str, rows: int) -> None:
    from types import SimpleNamespace

    import numpy as np
    import pandas as pd

    from analysis.words import Lexicon
    from dashboard.words import set_tabs

    run = SimpleNamespace(name="a-run")
    texts = ["wonderful", "moving", "dull", "awful"][:rows]
    means = [0.3, 0.1, -0.2, -0.4][:rows]
    ranking = pd.DataFrame(
        {"word": texts, "mean": means, "low": [mean - 0.05 for mean in means], "high": [m + 0.05 for m in means],
         "occurrences": [40, 30, 20, 10][:rows], "reviews": [20, 15, 10, 5][:rows], "evidence": means,
         "known": True}
    )  # fmt: skip
    mistakes = ranking.assign(push=[0.5, 0.2, -0.1, -0.2][:rows], mistakes=3, decisive=1)
    if tab == "ranking":
        set_tabs.ranking_tab(run, ranking, None, "positive")
    elif tab == "lexicon":
        set_tabs.lexicon_tab(run, ranking, Lexicon("Little", {"moving": -1.0, "dull": -2.0, "awful": -3.0}))
    elif tab == "mistakes":
        set_tabs.mistakes_tab(run, mistakes)
    elif tab == "truth":
        areas = pd.DataFrame({name: np.zeros(rows) for name in ("deletion", "insertion")})
        set_tabs.truth_tab(run, SimpleNamespace(areas=areas, curves=None))
    else:
        set_tabs.no_lexicon(("cat*", "dog"))


def opened(tab: str, rows: int = 4) -> AppTest:
    app = AppTest.from_function(page, args=(tab, rows), default_timeout=30).run()
    assert not app.exception, [problem.value for problem in app.exception]
    return app


def test_the_search_leaves_the_words_that_contain_the_letters():
    app = opened("ranking")
    assert app.dataframe[0].value["word"].tolist() == ["wonderful", "moving", "dull", "awful"]
    app.text_input(key="find").set_value("FUL").run()
    assert app.dataframe[0].value["word"].tolist() == ["wonderful", "awful"]
    app.text_input(key="find").set_value("(").run()  # letters, not a pattern
    assert "No word in this list contains these letters" in words(app)


def test_a_word_that_learner_and_lexicon_see_with_opposite_signs_is_listed():
    app = opened("lexicon")
    assert metrics(app)["Words in both"].value == "3"
    assert metrics(app)["Same sign"].value == "67%"
    assert app.dataframe[0].value["word"].tolist() == ["moving"]


@pytest.mark.parametrize(
    ("tab", "rows", "text"),
    [
        ("mistakes", 0, "There is no mistake that words of several reviews could have caused."),
        ("truth", 0, "No review here is long enough"),
        ("none", 0, "This learner's classes are cat*, dog"),
    ],
)
def test_an_empty_tab_says_why(tab, rows, text):
    assert text in words(opened(tab, rows))


def test_the_words_of_the_mistakes_are_listed_with_their_push():
    assert opened("mistakes").dataframe[0].value["push"].tolist() == [0.5, 0.2, -0.1, -0.2]
