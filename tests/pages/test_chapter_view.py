"""The Chapter page answers every question on the tiny learner; what it says is what the experiments gave."""

from __future__ import annotations

import pytest

from pages.conftest import words

PARTS = ("1–5 · Hooks", "6–9 · Activations to map", "10–13 · Gradients")


def sources(app) -> str:
    return "\n".join(element.value for element in app.code)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_answers_its_questions_and_leaves_the_learner_alone(open_view, tiny_run, part):
    app = open_view("chapter", state={"part": part})
    first, last = (int(number) for number in part.split(" ")[0].split("–"))
    asked = [int(element.value.split(" ")[0]) for element in app.subheader if " · " in element.value]
    assert asked == list(range(first, last + 1))
    assert "The learner is as it was." in words(app)
    assert not app.error


def test_the_hooks_are_gone_and_the_source_is_that_of_the_function(open_view):
    from analysis.chapter.hooks import record_shapes
    from analysis.chapter.running import code_of

    app = open_view("chapter", state={"part": PARTS[0]})
    metrics = {metric.label: metric.value for metric in app.metric}
    assert metrics["Hooks before"] == metrics["Hooks left after it"] == "0"
    assert metrics["Hooks inside the block"] == "55"  # childless modules of a resnet18 with a linear head
    assert metrics["Calls heard"] == "63"  # the ReLU of each of its 8 blocks is called twice
    assert metrics["Is that still in memory?"] == "No"
    assert code_of(record_shapes) in sources(app)
    assert "Recorded: 3 batches of the frozen epochs, then 3 batches of the full epochs." in words(app)


def test_a_run_without_recorded_activations_says_how_to_get_them(open_view, tiny_run, monkeypatch):
    import analysis.learner.activations as activations

    monkeypatch.setattr(activations, "load_activations", lambda run: None)
    app = open_view("chapter", {"image": tiny_run.examples().names("valid")[5]}, {"part": PARTS[0]})
    assert "fine-tuned before its activations were recorded" in words(app)
    assert tiny_run.how_to_retrain() in words(app)


def test_the_scores_are_certified(open_view):
    app = open_view("chapter", state={"part": PARTS[1]})
    assert "The scores average to the logits: largest difference" in words(app)
    assert "weights **2 × 512** (c × k), activation **512 × 2 × 2** (k × i × j)" in words(app)
    assert "more than 1 value per channel" in sources(app)


def test_the_real_errors_are_on_the_page(open_view, tiny_run):
    app = open_view("chapter", state={"part": PARTS[2]})
    said = sources(app)
    assert "RuntimeError: grad can be implicitly created only for scalar outputs" in said
    assert "RuntimeError: einsum(): subscript k has size 256" in said
    assert "to have 3 channels, but got 1 channels instead" in said
    app.selectbox(key="inner").select("0.5").run()
    assert not app.exception
    assert "subscript k has size 128" in sources(app)
