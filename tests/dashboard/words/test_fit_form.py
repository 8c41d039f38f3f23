"""The form that trains a learner for words."""

from __future__ import annotations

from tests.dashboard.conftest import labelled


def test_the_form_of_words(open_words):
    app = open_words("learners")
    app.radio(key="new_source").set_value("table").run()
    labelled(app.button, "Train").click().run()
    assert "Name the file" in app.error[0].value
