"""The facts of a learner are those of its manifest and of its predictions."""

from __future__ import annotations

import dataclasses

import pytest
from streamlit.testing.v1 import AppTest

from analysis.runs import Run
from tests.dashboard.conftest import metrics, words


def page(run: object) -> None:
    from dashboard.learner_facts import how_it_was_made, result_metrics

    result_metrics(run)  # type: ignore[arg-type]
    how_it_was_made(run, {"Network": "a small one"})  # type: ignore[arg-type]


def changed(run: Run, **values: object) -> Run:
    return Run(run.path, dataclasses.replace(run.manifest, **values))


@pytest.mark.parametrize(("name", "plural"), [("tiny_run", "pictures"), ("tiny_words_run", "reviews")])
def test_metrics_and_facts_of_each_kind(request, name, plural):
    run = request.getfixturevalue(name)
    app = AppTest.from_function(page, args=(run,), default_timeout=60).run()
    assert not app.exception
    values = {label: metric.value for label, metric in metrics(app).items()}
    table = run.predictions()
    wrong = (table.label != table.predicted).sum()
    assert values["Mistakes"] == f"{wrong}"
    assert metrics(app)["Mistakes"].delta == f"of {len(table)} validation {plural}"
    assert values["Error rate"] == f"{wrong / len(table):.1%}"
    assert values[f"Training {plural}"] == str(run.manifest.counts["train"])
    facts = dict(zip(*(app.table[0].value[column] for column in app.table[0].value), strict=True))
    assert facts["Network"] == "a small one"
    first, second = run.manifest.class_names
    assert facts["Class order"] == f"0: {first}, 1: {second}"
    assert facts["Kept in"] == str(run.path)


def test_what_is_missing_or_was_left_out_is_named(tiny_run):
    counts = {**tiny_run.manifest.counts, "skipped": 3}
    run = changed(tiny_run, notes=("A note.",), results={**tiny_run.manifest.results, "missing": 2}, counts=counts)
    app = AppTest.from_function(page, args=(run,), default_timeout=60).run()
    assert not app.exception
    assert "A note." in words(app)
    assert "2 of 12 validation pictures were gone" in words(app)
    assert [box.label for box in app.expander] == ["3 pictures were left out"]
