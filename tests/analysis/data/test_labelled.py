"""What all labelled examples have: a vocabulary in fastai's order, and no fingerprint of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastai.data.transforms import CategoryMap

from analysis.data.labelled import DataError, LabelledExamples
from analysis.errors import CamLensError


def examples(*labels: object) -> LabelledExamples:
    names = tuple(f"row/{row}" for row in range(len(labels)))
    return LabelledExamples("table", "table", Path("x.csv"), names, labels, (False,) * len(labels))


@pytest.mark.parametrize("labels", [("sea", "sand", "sea", "Alps"), (True, False, True), (10, 9, 10)])
def test_the_vocabulary_is_sorted_as_fastai_sorts_it(labels: tuple):
    data = examples(*labels)
    assert data.vocabulary() == list(CategoryMap(labels))
    assert data.class_names() == [str(label) for label in CategoryMap(labels)]


def test_a_kind_of_examples_must_define_its_fingerprint():
    with pytest.raises(NotImplementedError):
        examples("a", "b").fingerprint()


def test_an_error_in_the_data_is_one_of_the_products_errors():
    assert issubclass(DataError, CamLensError)
