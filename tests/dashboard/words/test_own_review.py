"""Any text can be typed, and is explained or refused in words."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard.conftest import labelled, words


def typed(app: AppTest, text: str) -> AppTest:
    labelled(app.text_area, "Your review").set_value(text)
    labelled(app.button, "Explain it").click()
    app.run()
    assert not app.exception, [problem.value for problem in app.exception]
    return app


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  \n ", "There is nothing to explain yet"),
        ("\u200b\u200b", "Your review"),
        ("?!… --", "Your review"),
        ("😀 ❤️", "Your review"),
        ("这部电影 Фильм был ужасен", "The learner knows none of these words"),
        ("wonderful film " * 50_000, "were left out and have no contribution"),
        ("<script>alert(1)</script> $x^2$ **wonderful** <img src=x onerror=alert(2)>", "Your review"),
        ("dull. It is not good.", "Your review"),
    ],
)
def test_any_text_can_be_typed(open_words, tiny_words_run, text, said):
    app = open_words("review", {"review": tiny_words_run.predictions().path.iloc[0]})
    assert said in words(typed(app, text))
