"""The Overview page shows the numbers of the predictions table, and counts them once."""

from __future__ import annotations

from analysis.predictions import table
from tests.dashboard.conftest import metrics


def test_the_metrics_are_those_of_the_table(open_view, tiny_run):
    rows = tiny_run.predictions()
    app = open_view("overview")
    values = {label: metric.value for label, metric in metrics(app).items()}
    right = (rows.label == rows.predicted).mean()
    assert values["Accuracy"] == f"{right:.1%}"
    assert values["Error rate"] == f"{1 - right:.1%}"
    assert values["Mistakes"] == f"{(rows.label != rows.predicted).sum()}"


def test_the_confusion_matrix_is_counted_once(open_view, fresh, calls):
    matrices = calls(table, "confusion_matrix")
    app = open_view("overview")
    app.run()
    assert not app.exception
    assert len(matrices) == 1
