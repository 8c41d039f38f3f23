"""The Review page adds the contributions up to the score."""

from __future__ import annotations

from tests.dashboard.conftest import words


def test_a_review_with_its_certificate(open_words, tiny_words_run):
    path = tiny_words_run.predictions().path.iloc[0]
    app = open_words("review", {"review": path})
    assert "is exact: its mean over the words" in words(app)
    app.selectbox(key="explain").select("Why predicted rather than true").run()
    assert not app.exception
    assert "the difference of the logits is" in words(app)


def test_a_forgotten_review_says_so(open_words):
    app = open_words("review", {"review": "typed:00"})
    assert "is not kept any more" in words(app)
