"""Questions 1 to 5 on the Chapter page."""

from __future__ import annotations

from analysis.predictions import Browse, open_predictions
from tests.dashboard.conftest import sources, words

PART = "1–5 · Hooks"


def test_the_hooks_are_gone_and_the_source_is_that_of_the_function(open_view):
    from analysis.chapter.execution import source_of
    from analysis.chapter.hooks import record_shapes

    app = open_view("chapter", state={"part": PART})
    metrics = {metric.label: metric.value for metric in app.metric}
    assert metrics["Hooks before"] == metrics["Hooks after it"] == "0"
    assert metrics["Hooks inside the block"] == "55"  # childless modules of a resnet18 with a linear head
    assert metrics["Calls recorded"] == "63"  # the ReLU of each of its 8 blocks is called twice
    assert metrics["Is the body's output still in memory?"] == "No"
    assert source_of(record_shapes) in sources(app)
    assert "Recorded: 3 batches of the frozen epochs, then 3 batches of the full epochs." in words(app)


def test_a_run_without_recorded_activations_says_how_to_get_them(open_view, tiny_run, monkeypatch):
    import analysis.learner.images.activations as activations

    monkeypatch.setattr(activations, "load_activations", lambda run: None)
    # the image with the lowest loss: no page opens on it by itself, so that no experiment on it is kept yet
    image = open_predictions(tiny_run).page(Browse(correct=True), 0, 12)[-1]["path"]
    app = open_view("chapter", {"image": image}, {"part": PART})
    assert "No activations were recorded when this learner was fine-tuned" in words(app)
    assert tiny_run.how_to_retrain() in words(app)
