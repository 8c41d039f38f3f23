"""Numbers of a confusion matrix, checked by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import precision_recall_fscore_support

from analysis.predictions.summary import confusion_matrix, most_confused, per_class

NAMES = ["ant", "bee", "cat", "dog"]
TABLE = pd.DataFrame(
    {
        "label": ["ant", "ant", "ant", "bee", "bee", "cat", "cat", "cat", "cat", "bee"],
        "predicted": ["ant", "bee", "bee", "bee", "ant", "bee", "bee", "cat", "ant", "bee"],
    }
)


def matrix(table: pd.DataFrame = TABLE) -> np.ndarray:
    labels, predicted = (table[name].map(NAMES.index).to_numpy(np.int32) for name in ("label", "predicted"))
    return confusion_matrix(labels, predicted, len(NAMES))


def test_the_confusion_matrix_has_true_rows_and_predicted_columns():
    expected = [[1, 2, 0, 0], [1, 2, 0, 0], [1, 2, 1, 0], [0, 0, 0, 0]]
    assert matrix().tolist() == expected
    assert matrix().tolist() == sklearn_confusion(TABLE["label"], TABLE["predicted"], labels=NAMES).tolist()


def test_the_most_confused_pairs_stand_in_the_order_of_their_counts():
    table = most_confused(matrix(), NAMES)
    rows = list(table.itertuples(index=False, name=None))
    assert rows == [
        ("ant", "bee", 2, pytest.approx(2 / 3)),
        ("cat", "bee", 2, pytest.approx(0.5)),
        ("bee", "ant", 1, pytest.approx(1 / 3)),
        ("cat", "ant", 1, pytest.approx(0.25)),
    ]
    assert len(most_confused(matrix(), NAMES, least=2)) == 2


def test_nothing_confused_is_an_empty_table():
    table = most_confused(np.diag([3, 1, 0, 2]), NAMES)
    assert table.empty
    assert list(table.columns) == ["label", "predicted", "count", "share"]


def test_precision_and_recall_of_each_class():
    table = per_class(matrix(), NAMES)
    precision, recall, _, support = precision_recall_fscore_support(
        TABLE["label"], TABLE["predicted"], labels=NAMES, zero_division=np.nan
    )
    np.testing.assert_allclose(table["precision"], precision)
    np.testing.assert_allclose(table["recall"], recall)
    assert table["support"].tolist() == support.tolist()
    assert table["class"].tolist() == NAMES
