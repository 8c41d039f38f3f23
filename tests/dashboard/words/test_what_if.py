"""Words that are struck out or replaced move the prediction."""

from __future__ import annotations

from tests.dashboard.conftest import labelled, metrics


def test_struck_words_move_the_prediction(open_words, tiny_words_run):
    row = tiny_words_run.predictions().iloc[0]
    app = open_words("review", {"review": row.path}, {"edits": {row.path: {0: "", 1: "wonderful"}}})
    found = metrics(app)
    assert "Prediction after" in found
    assert f"from {row.confidence:.1%}" in found[f"Probability of {row.predicted}"].delta
    labelled(app.button, "Undo all").click().run()
    assert not app.metric


def test_striking_words_out_one_by_one_says_what_the_form_says(open_words, tiny_words_run):
    app = open_words("review", {"review": tiny_words_run.predictions().path.iloc[0]})
    (toggle,) = [toggle for toggle in app.toggle if toggle.label.startswith("Strike out each of")]
    assert not [frame for frame in app.dataframe if "falls" in frame.value.columns]
    toggle.set_value(True).run()
    (table,) = [frame.value for frame in app.dataframe if "falls" in frame.value.columns]
    assert table["contribution"].abs().is_monotonic_decreasing
    for row in table.head(3).itertuples():
        labelled(app.selectbox, "Word").set_value(row.place - 1)
        labelled(app.button, "Apply").click().run()
        assert not app.exception
        (score,) = [metric for label, metric in metrics(app).items() if label.startswith("Score of")]
        assert score.delta.startswith(f"{-row.falls:+.3f}, from")
        labelled(app.button, "Undo all").click().run()
