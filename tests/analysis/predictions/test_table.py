"""What pages ask of the predictions, on a table small enough to do by hand, and against pandas on a larger one."""

from __future__ import annotations

import io
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from analysis.predictions import Browse, Place, Predictions, open_predictions
from analysis.predictions.file import write_predictions
from analysis.runs import PREDICTIONS, Run, RunError

NAMES = ("cat", "dog")
SMALL = pd.DataFrame(
    {
        "path": ["a/Milo_1.jpg", "b/rex_1.jpg", "a/Milo_2.jpg", "b/rex_2.jpg", "b/[x].jpg"],
        "label": ["cat", "dog", "cat", "dog", "dog"],
        "predicted": ["dog", "dog", "dog", "cat", "cat"],
        "confidence": [0.9, 0.8, 0.6, 0.9, 0.55],
        "loss": [2.3, 0.2, 0.9, 2.3, 0.8],
        "margin": [0.8, 0.6, 0.2, 0.8, 0.1],
    }
)


def complete(table: pd.DataFrame, classes: int = 2) -> pd.DataFrame:
    """Fill in the columns that a test has no interest in."""
    rows = len(table)
    numbers = np.linspace(0.1, 0.9, rows)
    defaults = dict.fromkeys(("confidence", "probability_of_label", "loss", "margin", "entropy"), numbers)
    table = table.assign(**{name: values for name, values in defaults.items() if name not in table}, split="valid")
    probabilities = np.random.default_rng(0).dirichlet(np.ones(classes), rows).astype(np.float32)
    return table.assign(probabilities=list(probabilities))


def stored(folder: Path, table: pd.DataFrame, names: tuple[str, ...] = NAMES) -> Predictions:
    write_predictions(complete(table, len(names)), folder / PREDICTIONS, "key")
    return Predictions(folder / PREDICTIONS, names)


@pytest.fixture
def small(tmp_path: Path) -> Predictions:
    return stored(tmp_path, SMALL)


def paths(table: Predictions, **view) -> list[str]:
    shown = Browse(**view)
    rows = table.page(shown, 0, 100)
    assert table.count(shown) == len(rows)
    return [row["path"] for row in rows]


def test_mistakes_come_first_by_loss_with_ties_by_name(small: Predictions):
    assert paths(small) == ["a/Milo_1.jpg", "b/rex_2.jpg", "a/Milo_2.jpg", "b/[x].jpg"]


def test_correct_ones_join_when_asked(small: Predictions):
    assert paths(small, correct=True)[-1] == "b/rex_1.jpg"


def test_classes_and_confidence_narrow(small: Predictions):
    assert paths(small, true=("cat",)) == ["a/Milo_1.jpg", "a/Milo_2.jpg"]
    assert paths(small, predicted=("cat",)) == ["b/rex_2.jpg", "b/[x].jpg"]
    assert paths(small, confidence=(0.55, 0.6)) == ["a/Milo_2.jpg", "b/[x].jpg"]


def test_names_are_looked_for_as_they_are_written(small: Predictions):
    assert paths(small, name="MILO") == ["a/Milo_1.jpg", "a/Milo_2.jpg"]
    assert paths(small, name="[x]") == ["b/[x].jpg"]
    assert paths(small, name=".") == paths(small)


def test_orders(small: Predictions):
    assert paths(small, sort="margin") == ["b/[x].jpg", "a/Milo_2.jpg", "a/Milo_1.jpg", "b/rex_2.jpg"]
    assert paths(small, sort="confidence")[:2] == ["a/Milo_1.jpg", "b/rex_2.jpg"]
    assert paths(small, sort="name") == sorted(paths(small))
    with pytest.raises(ValueError, match="loss, confidence, margin, name"):
        small.count(Browse(sort="colour"))


def test_pages(small: Predictions):
    everything = paths(small)
    assert [row["path"] for row in small.page(Browse(), 1, 3)] == everything[1:3]
    assert [row["path"] for row in small.page(Browse(), 3, 9)] == everything[3:]
    assert small.page(Browse(), 4, 9) == []


def test_neighbours(small: Predictions):
    view = Browse()
    assert small.neighbours(view, "b/rex_2.jpg") == Place(1, "a/Milo_1.jpg", "a/Milo_2.jpg")
    assert small.neighbours(view, "a/Milo_1.jpg") == Place(0, None, "b/rex_2.jpg")
    assert small.neighbours(view, "b/[x].jpg") == Place(3, "a/Milo_2.jpg", None)
    assert small.neighbours(view, "elsewhere.jpg") == Place(None, None, "a/Milo_1.jpg")
    assert small.neighbours(view, "b/rex_1.jpg") == Place(None, None, "a/Milo_1.jpg")  # not a mistake
    assert small.neighbours(Browse(name="nothing"), "b/rex_2.jpg") == Place(None, None, None)


def test_one_row(small: Predictions):
    row = small.row("a/Milo_2.jpg")
    assert row is not None
    assert (row["label"], row["predicted"], row["loss"], row["margin"]) == ("cat", "dog", 0.9, 0.2)
    assert "text" not in row
    assert small.row("elsewhere.jpg") is None
    assert "a/Milo_2.jpg" in small
    assert "elsewhere.jpg" not in small
    assert None not in small
    with pytest.raises(KeyError):
        small.probabilities("elsewhere.jpg")


def test_numbers_of_the_whole_set(small: Predictions):
    assert (len(small), small.mistakes, small.accuracy) == (5, 4, pytest.approx(0.2))
    assert small.confusion().tolist() == [[0, 2], [2, 1]]
    losses = small.histogram("loss", bins=2)
    assert losses.edges.tolist() == pytest.approx([0, 1.15, 2.3])
    assert losses.wrong.tolist() == [2, 2]
    assert losses.right.tolist() == [1, 0]


def test_a_loss_without_end_is_left_out_of_the_histogram(tmp_path: Path):
    losses = stored(tmp_path, SMALL.assign(loss=[np.inf, 0.2, 0.9, np.nan, 0.8])).histogram()
    assert losses.wrong.sum() + losses.right.sum() == 3
    assert losses.edges[-1] == 0.9


def test_the_csv_holds_every_row_of_the_view_without_probabilities(small: Predictions):
    table = pd.read_csv(io.StringIO(small.csv(Browse())))
    assert table["path"].tolist() == paths(small)
    assert list(table.columns) == ["path", "label", "predicted", "confidence", "loss", "margin",
                                   "probability_of_label", "entropy", "split"]  # fmt: skip


def test_words_are_found_whole_and_in_any_case(tmp_path: Path):
    texts = ["A part of it", "Modern ART.", "state of the\nart", "这部电影非常好看", "artful"]
    table = stored(
        tmp_path,
        pd.DataFrame({"path": list("abcde"), "text": texts, "label": "cat", "predicted": "dog", "loss": 0.0}),
    )
    assert paths(table, word="art") == ["b", "c"]
    assert paths(table, word="The Art") == ["c"]
    assert paths(table, word="电影") == ["d"]
    assert paths(table, word="(") == []
    row = table.row("d")
    assert row is not None
    assert row["text"] == texts[3]
    assert texts[2] in table.csv(Browse())


def test_a_word_is_no_filter_where_there_are_no_texts(small: Predictions):
    assert paths(small, word="art") == paths(small)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> tuple[Predictions, pd.DataFrame]:
    """30,000 rows of five classes in several row groups, with ties, and the same as a data frame."""
    names, rows, random = tuple("abcde"), 30_000, np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "path": [f"{number % 7}/{number}.jpg" for number in random.permutation(rows)],
            "label": random.choice(names, rows),
            "predicted": random.choice(names, rows),
            "confidence": random.random(rows).round(2),
            "loss": random.random(rows).round(2),
            "margin": random.random(rows).round(2),
        }
    )
    folder = tmp_path_factory.mktemp("crowd")
    return stored(folder, table, names), complete(table, 5)


@pytest.mark.parametrize("view", [
    Browse(), Browse(correct=True, sort="name"), Browse(("a", "c"), ("b",), (0.2, 0.8), "3/1", "margin", True),
    Browse(sort="confidence"),
])  # fmt: skip
def test_lists_agree_with_pandas(crowd: tuple[Predictions, pd.DataFrame], view: Browse):
    predictions, table = crowd
    keep = table["confidence"].between(*view.confidence) & table["path"].str.contains(view.name, regex=False)
    keep &= table["label"].isin(view.true or list("abcde")) & table["predicted"].isin(
        view.predicted or list("abcde")
    )
    keep &= view.correct | (table["label"] != table["predicted"])
    column = "path" if view.sort == "name" else view.sort
    expected = table[keep].sort_values([column, "path"], ascending=[view.sort in ("margin", "name"), True])["path"]
    shown = [row["path"] for row in predictions.page(view, 0, len(table))]
    assert shown == expected.tolist()
    assert predictions.neighbours(view, shown[5]) == Place(5, shown[4], shown[6])


def test_probabilities_come_from_the_row_s_own_group(crowd: tuple[Predictions, pd.DataFrame]):
    predictions, table = crowd
    for place in (0, 24_999, 25_000, 29_999):
        np.testing.assert_array_equal(
            predictions.probabilities(table["path"][place]), table["probabilities"][place]
        )


def test_a_page_reads_no_probabilities(small: Predictions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    asked: list[list[str]] = []
    read = pq.ParquetFile.read
    monkeypatch.setattr(
        pq.ParquetFile, "read", lambda self, columns=None: asked.append(columns) or read(self, columns=columns)
    )
    table = stored(tmp_path, SMALL)
    paths(table)
    table.row("b/rex_1.jpg")
    table.confusion(), table.histogram(), table.csv(Browse())
    assert asked
    assert all(columns is not None and "probabilities" not in columns for columns in asked)


def test_a_list_is_filtered_and_sorted_once(small: Predictions, monkeypatch: pytest.MonkeyPatch):
    calls: list[Browse] = []
    select = Predictions._select
    monkeypatch.setattr(Predictions, "_select", lambda self, view: calls.append(view) or select(self, view))
    for _ in range(3):
        small.count(Browse()), small.page(Browse(), 0, 2), small.neighbours(Browse(), "b/rex_2.jpg")
    assert calls == [Browse()]
    for number in range(40):
        small.count(Browse(name=str(number)))
    assert len(small._lists) <= 16


def test_the_file_may_be_replaced_while_it_is_read(tmp_path: Path):
    table = stored(tmp_path, SMALL)
    before = table.probabilities("b/[x].jpg")
    stored(tmp_path, SMALL.iloc[::-1].reset_index(drop=True))
    np.testing.assert_array_equal(table.probabilities("b/[x].jpg"), before)
    os.remove(tmp_path / PREDICTIONS)
    assert table.csv(Browse()).count("\n") == 5


def test_threads_may_ask_at_once(crowd: tuple[Predictions, pd.DataFrame]):
    predictions, table = crowd
    start, wrong = threading.Barrier(6), []

    def ask(number: int) -> None:
        start.wait(10)
        for place in range(number, 2000, 97):
            name = table["path"][place]
            if not np.array_equal(predictions.probabilities(name), table["probabilities"][place]):
                wrong.append(name)
            predictions.page(Browse(name=f"{number}/"), 0, 20)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_a_damaged_file_is_refused_with_its_cure(tiny_run: Run, tmp_path: Path):
    path = shutil.copytree(tiny_run.path, tmp_path / "run")
    (path / PREDICTIONS).write_bytes(b"PAR1 broken")
    with pytest.raises(RunError, match="python -m analysis evaluate --run"):
        open_predictions(Run(path, tiny_run.manifest))
    (path / PREDICTIONS).unlink()
    with pytest.raises(RunError, match="cannot be read"):
        open_predictions(Run(path, tiny_run.manifest))
