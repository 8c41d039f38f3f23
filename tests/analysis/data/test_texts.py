"""Texts from any source: copies, empty ones, splits, fingerprints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.data.labelled import DataError
from analysis.data.texts import LabelledTexts, labelled_texts


def made(texts: list[str], labels: list[str], valid: list[bool] | None = None, **options: int) -> LabelledTexts:
    names = [f"row/{row}" for row in range(len(texts))]
    return labelled_texts("table", "table", Path("/x.csv"), names, texts, labels, valid, **options)


def many(count: int) -> tuple[list[str], list[str]]:
    return [f"text {number}" for number in range(count)], [
        "bad" if number % 2 else "good" for number in range(count)
    ]


def test_the_split_is_about_a_fifth_and_the_same_every_time():
    data = made(*many(200))
    assert 20 <= sum(data.valid) <= 60
    assert data == made(*many(200))
    assert data.valid != made(*many(200), seed=22).valid
    assert data.vocabulary() == data.class_names() == ["bad", "good"]


def test_texts_keep_their_side_when_rows_come_and_go():
    texts, labels = many(60)
    before = made(texts, labels)
    after = made([*texts[50:], "new", *texts[10:40]], [*labels[50:], "bad", *labels[10:40]])
    sides, now = (dict(zip(data.texts, data.valid, strict=True)) for data in (before, after))
    both = sides.keys() & now.keys()
    assert len(both) == 40
    assert {text: sides[text] for text in both} == {text: now[text] for text in both}


def test_the_split_of_an_earlier_reading_gives_the_same_texts_again():
    texts, labels = ["a", "b", "a", "c", "b", "d", "d", "e"], ["x", "y", "x", "y", "y", "x", "x", "x"]
    data = made(texts, labels, [True, False, False, False, True, True, True, False])
    sides = dict(zip(data.files, data.valid, strict=True))
    again = made(texts, labels, sides=sides)
    assert (again.files, again.valid, again.fingerprint()) == (data.files, data.valid, data.fingerprint())


def test_neighbours_stay_together():
    valid = made(*many(100), neighbours=10).valid
    blocks = [set(valid[start : start + 10]) for start in range(0, 100, 10)]
    assert all(len(block) == 1 for block in blocks)
    assert sum(block == {True} for block in blocks) == 2


def test_no_validation_text_is_a_copy_of_a_training_text():
    texts, labels = ["a", "b", "a", "c", "b", "d", "d", "e"], ["x", "y", "x", "y", "y", "x", "x", "x"]
    data = made(texts, labels, [True, False, False, False, True, True, True, False])
    assert data.files == ("row/1", "row/2", "row/3", "row/5", "row/7")
    assert data.texts == ("b", "a", "c", "d", "e")
    assert data.valid == (False, False, False, True, False)
    assert dict(data.skipped) == {
        "row/0": "validation text that is a copy of a training text: the same as row/2",
        "row/4": "validation text that is a copy of a training text: the same as row/1",
        "row/6": "copy: the same as row/5",
    }
    assert data.left_out() == "Left out: 2 × validation text that is a copy of a training text; 1 × copy."


def test_rows_without_text_or_label_are_left_out_and_said_to_be():
    texts, labels = many(20)
    texts[3], texts[4], labels[5] = "", " \n", " "
    data = made(texts, labels)
    assert data.skipped == (("row/3", "no text"), ("row/4", "no text"), ("row/5", "no label"))
    assert len(data.files) == 17
    whole = made(*many(20))
    held = dict(zip(whole.files, whole.valid, strict=True))
    assert all(held[file] == valid for file, valid in zip(data.files, data.valid, strict=True))


def test_the_fingerprint_changes_with_everything_that_matters():
    data = made(*many(20))
    assert data.fingerprint() == replace(data, root=Path("/elsewhere"), skipped=(("a", "b"),)).fingerprint()
    others = [
        replace(data, texts=("other", *data.texts[1:])),
        replace(data, labels=("bad", *data.labels[1:])),
        replace(data, valid=(not data.valid[0], *data.valid[1:])),
        replace(data, files=("row/99", *data.files[1:])),
        replace(data, task="other"),
    ]
    assert len({data.fingerprint(), *(other.fingerprint() for other in others)}) == 6


@pytest.mark.parametrize(
    ("texts", "labels", "valid", "message"),
    [
        ([], [], None, "holds no text with a label"),
        (["", " "], ["a", "b"], None, "holds no text with a label. Left out: 2 × no text"),
        (["a", "b"], ["x", "x"], None, "All texts of /x.csv have the label 'x'; two are needed"),
        (["a", "b", "c"], ["x", "y", "x"], None, "3 texts are too few"),
        (
            [str(n) for n in range(200)],
            [f"label {n}" for n in range(200)],
            None,
            "Is it the column of the labels?",
        ),
        (list("abcdef"), list("xyxyxy"), [True] * 6, "left for training"),
        (list("abcdef"), list("xyxyxy"), [False] * 6, "left for validation"),
        (list("abcdef"), list("xyxxxx"), [False, True, *[False] * 4], "No text of y is left for training. Change"),
        (list("aabbcc"), list("xyyxxy"), None, "3 texts are too few to split; give at least 5. Left out: "),
    ],
)
def test_what_cannot_be_learned_from_is_refused(
    texts: list[str], labels: list[str], valid: list[bool] | None, message: str
):
    with pytest.raises(DataError, match=message):
        made(texts, labels, valid)
