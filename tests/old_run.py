"""Runs in the layout of schema 1: split, labels and skipped files in the manifest, probabilities as lists."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.manifest import MANIFEST
from analysis.runs import EXAMPLES, PREDICTIONS, open_run, sha256


def to_schema_1(path: Path) -> Path:
    """Rewrite a run folder in the old layout; return the folder."""
    run = open_run(path)
    examples, table = run.examples(), run.predictions()
    key = pq.read_schema(path / PREDICTIONS).metadata[b"camlens.key"]
    arrow = pa.Table.from_pandas(pd.DataFrame(table), preserve_index=False)
    assert pa.types.is_list(arrow.schema.field("probabilities").type)
    pq.write_table(arrow.replace_schema_metadata({b"camlens.key": key}), path / PREDICTIONS)
    (path / EXAMPLES).unlink()
    values = json.loads((path / MANIFEST).read_text())
    del values["counts"], values["results"], values["files"][EXAMPLES]
    values |= {
        "schema": 1,
        "split": {part: list(examples.names(part)) for part in ("train", "valid")},
        "labels": dict(examples.labels),
        "skipped": [list(row) for row in examples.skipped],
    }
    values["files"][PREDICTIONS] = sha256(path / PREDICTIONS)
    (path / MANIFEST).write_text(json.dumps(values, indent=1))
    return path
