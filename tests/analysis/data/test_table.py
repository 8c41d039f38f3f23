"""A user's own table, with everything that can be wrong with one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis.data import table as module
from analysis.data.labelled import DataError
from analysis.data.table import load_table

ROWS = [(f"text {number}, with a comma", "good" if number % 2 else "bad") for number in range(20)]


def csv(
    path: Path, header: str = "text,label", rows: list[tuple[str, str]] = ROWS, encoding: str = "utf-8"
) -> Path:
    lines = [header, *(f'"{text}",{label}' for text, label in rows)]
    path.write_text("\n".join(lines), encoding=encoding)
    return path


def test_csv_tsv_and_parquet_are_read_alike(tmp_path: Path):
    frame = pd.DataFrame(ROWS, columns=["text", "label"])
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    first = load_table(csv(tmp_path / "t.csv"))
    assert first.texts == tuple(text for text, _ in ROWS)
    assert first.files[:2] == ("row/00000", "row/00001")
    assert 1 <= sum(first.valid) <= 9
    for name in ("t.parquet", "t.tsv"):
        other = load_table(tmp_path / name)
        assert (other.files, other.texts, other.labels, other.valid) == (
            first.files, first.texts, first.labels, first.valid,
        )  # fmt: skip
        assert other.fingerprint() == first.fingerprint()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_that_say_what_they_are(encoding: str, tmp_path: Path):
    rows = [("très bien 👍 很好", "good"), *ROWS]
    assert load_table(csv(tmp_path / "t.csv", rows=rows, encoding=encoding)).texts[0] == "très bien 👍 很好"


def test_another_encoding_is_named(tmp_path: Path):
    path = csv(tmp_path / "t.csv", rows=[("très bien", "good"), *ROWS], encoding="latin-1")
    with pytest.raises(DataError, match=r"t.csv is not written in UTF-8 \(byte 0xe8 at position 14\). Save"):
        load_table(path)


def test_columns_can_be_named_and_missing_ones_are(tmp_path: Path):
    path = csv(tmp_path / "t.csv", "what people said,stars")
    data = load_table(path, "what people said", "stars")
    assert data.texts[0] == ROWS[0][0]
    with pytest.raises(
        DataError, match="none of the columns text, .*it has what people said, stars.*--text-column"
    ):
        load_table(path)
    with pytest.raises(DataError, match="no column 'rating' for the label; it has what people said, stars"):
        load_table(path, "what people said", "rating")
    with pytest.raises(DataError, match="has the column 'stars' given for both"):
        load_table(path, "stars", "stars")


def test_a_split_of_its_own_is_kept(tmp_path: Path):
    frame = pd.DataFrame(ROWS, columns=["review", "sentiment"])
    frame["is_valid"] = [number < 6 for number in range(20)]
    frame["part"] = ["train" if number < 12 else "test" for number in range(20)]
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        assert load_table(tmp_path / name).valid == (True,) * 6 + (False,) * 14
        assert sum(load_table(tmp_path / name, split_column="part").valid) == 8
    with pytest.raises(DataError, match="'review' says 'text 0.*' for a row's part; possible: true"):
        load_table(tmp_path / "t.csv", split_column="review")


def test_cells_are_taken_as_they_stand(tmp_path: Path):
    rows = [("NA", "good"), ("null", "bad"), ("=1+1", "good"), ("<script>alert(1)</script>", "bad"), *ROWS]
    data = load_table(csv(tmp_path / "t.csv", rows=rows))
    assert data.texts[:4] == ("NA", "null", "=1+1", "<script>alert(1)</script>")
    numbers = pd.DataFrame({"text": [text for text, _ in ROWS], "label": [number % 3 for number in range(20)]})
    numbers.to_parquet(tmp_path / "t.parquet")
    assert load_table(tmp_path / "t.parquet").vocabulary() == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "it is empty"),
        ("t.csv", b"text,label\n", "holds no text with a label"),
        ("t.csv", b'text,label\n"open', "cannot be read as a table"),
        ("t.csv", b"text,label\na,b,c,d\n", "cannot be read as a table|holds no text|two are needed"),
        ("t.parquet", b"not parquet", "cannot be read as a table"),
        ("t.xlsx", b"PK", "is no table that can be read; possible: .csv, .tsv, .parquet"),
    ],
)
def test_what_is_no_table_is_refused(name: str, content: bytes, message: str, tmp_path: Path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_table(tmp_path / name)


def test_missing_files_folders_and_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(DataError, match="does not exist"):
        load_table(tmp_path / "no.csv")
    with pytest.raises(DataError, match="is a folder; give a file"):
        load_table(tmp_path)
    path = csv(tmp_path / "t.csv")
    pd.DataFrame({"text": ["a" * 100] * 5000, "label": ["x", "y"] * 2500}).to_parquet(tmp_path / "bomb.parquet")
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    for small in (path, tmp_path / "bomb.parquet"):
        with pytest.raises(DataError, match="Give a part of it"):
            load_table(small)
    monkeypatch.setattr(module, "MAX_BYTES", 1 << 30)
    monkeypatch.setattr(module, "MAX_ROWS", 10)
    with pytest.raises(DataError, match="has 20 rows; at most 10 are read"):
        load_table(path)
