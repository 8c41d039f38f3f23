"""Texts from a user's own table: CSV, TSV or Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.data.labelled import DataError
from analysis.data.texts import LabelledTexts, labelled_texts
from analysis.progress import ProgressEvent, Report, silent

SUFFIXES = (".csv", ".tsv", ".parquet")
MAX_BYTES = 1 << 30  # of text, decompressed
MAX_ROWS = 1_000_000
_TEXT = ("text", "review", "sentence", "comment")
_LABEL = ("label", "sentiment", "class", "target")
_SPLIT = ("is_valid", "split")
_PARTS = {
    "true": True, "1": True, "valid": True, "validation": True, "val": True, "dev": True, "test": True,
    "false": False, "0": False, "train": False, "training": False,
}  # fmt: skip


def load_table(
    path: str | Path,
    text_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    seed: int = 21,
    report: Report = silent,
    sides: Mapping[str, bool] | None = None,
) -> LabelledTexts:
    """Return the texts of a CSV, TSV or Parquet file, one in each row.

    If there is no column for the split, about a fifth of the rows goes to the validation set. The text and `seed`
    alone decide, so that texts keep their side of the split when rows are added or removed. Rows without text or
    label, and copies, are listed as skipped.

    Parameters
    ----------
    path : the file
    text_column, label_column, split_column : names of columns; None for the usual names ("text", "review", ...;
        "label", "sentiment", ...; "is_valid", "split")
    seed : of the split
    report : receives an event of stage "data"
    sides : as in `labelled_texts`

    Raises
    ------
    DataError : no such file or column, another encoding than UTF-8, too large, or nothing to learn from it
    """
    path = Path(path).expanduser().absolute()
    report(ProgressEvent("data", f"Reading {path.name}", 0.0))
    if not path.is_file():
        raise DataError(f"{path} is a folder; give a file." if path.is_dir() else f"{path} does not exist.")
    table = _read(path)
    columns = [str(column) for column in table.columns]
    table.columns = pd.Index(columns)
    text = _column(path, columns, "text", text_column, _TEXT)
    label = _column(path, columns, "label", label_column, _LABEL)
    if text == label:
        raise DataError(f"{path} has the column {text!r} given for both the texts and the labels; they are two.")
    split = split_column if split_column is not None else next((name for name in _SPLIT if name in columns), None)
    valid = None if split is None else _valid(path, table[_column(path, columns, "split", split, ())])
    digits = max(5, len(str(len(table))))
    names = [f"row/{row:0{digits}}" for row in range(len(table))]
    texts, labels = _strings(table[text]), _strings(table[label])
    return labelled_texts("table", "table", path, names, texts, labels, valid, seed, sides=sides)


def _read(path: Path) -> pd.DataFrame:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"{path.name} is no table that can be read; possible: {', '.join(SUFFIXES)}.")
    try:
        table = _read_parquet(path) if suffix == ".parquet" else _read_csv(path, "\t" if suffix == ".tsv" else ",")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name} is not written in UTF-8 (byte {error.object[error.start]:#x} at position "
            f"{error.start:,}). Save it again with the encoding UTF-8."
        ) from error
    except (OSError, ValueError, csv.Error, pa.ArrowException) as error:
        raise DataError(f"{path.name} cannot be read as a table: {error}") from error
    if len(table) > MAX_ROWS:
        raise DataError(f"{path.name} has {len(table):,} rows; at most {MAX_ROWS:,} are read. Give a part of it.")
    return table


def _read_csv(path: Path, separator: str) -> pd.DataFrame:
    _refuse_size(path, path.stat().st_size)
    data = path.read_bytes()
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = data.decode(encoding)  # pandas would not give the position of an error
    if not text.strip():
        raise ValueError("it is empty")

    # keep each cell as it is written: "NA" is a word, and only an empty cell is empty
    return pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False, na_values=[""])


def _read_parquet(path: Path) -> pd.DataFrame:
    metadata = pq.read_metadata(path)
    # check the header first: a small file can hold a large table
    _refuse_size(path, sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)))
    return pq.read_table(path).to_pandas()


def _refuse_size(path: Path, size: int) -> None:
    if size > MAX_BYTES:
        raise DataError(
            f"{path.name} holds {size / 1e9:.1f} GB; at most {MAX_BYTES / 1e9:.1f} GB are read. Give a part of it."
        )


def _column(path: Path, columns: list[str], what: str, asked: str | None, usual: tuple[str, ...]) -> str:
    if asked is not None:
        if asked in columns:
            return asked
        raise DataError(f"{path.name} has no column {asked!r} for the {what}; it has {_some(columns)}.")
    for name in usual:
        if name in columns:
            return name
    raise DataError(
        f"{path.name} has none of the columns {', '.join(usual)} for the {what}; it has {_some(columns)}. "
        f"Name it: --{what}-column NAME"
    )


def _some(columns: list[str]) -> str:
    return ", ".join(column[:40] for column in columns[:12]) + (", ..." if len(columns) > 12 else "")


def _strings(column: pd.Series) -> list[str]:
    return ["" if missing else str(value) for value, missing in zip(column, column.isna(), strict=True)]


def _valid(path: Path, column: pd.Series) -> list[bool]:
    words = [text.strip().lower() for text in _strings(column)]
    unknown = sorted({word for word in words if word not in _PARTS})
    if unknown:
        raise DataError(
            f"{path.name}: the column {column.name!r} says {unknown[0][:40]!r} for a row's part; "
            f"possible: {', '.join(_PARTS)}."
        )
    return [_PARTS[word] for word in words]
