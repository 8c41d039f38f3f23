"""The saved ablation of a whole validation set, as the page shows it: read once, and small."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from analysis.runs import Run


@dataclass(frozen=True)
class SetResults:
    """What the page shows of a validation set.

    Attributes
    ----------
    summary, counts : as `summary` and `correlation_counts` of `analysis.sweeps.ablation` return them; the size of
        neither depends on the number of pictures.
    """

    summary: pd.DataFrame
    counts: pd.DataFrame


@st.cache_resource(max_entries=16, show_spinner=False)
def _set_results(path: str, modified_ns: int) -> SetResults:
    from analysis.sweeps.ablation import correlation_counts, summary

    rows = pd.read_parquet(path)
    return SetResults(summary(rows), correlation_counts(rows))


def set_results(run: Run, layer: str) -> SetResults | None:
    """Return the saved results, which are read once; None where there are none."""
    from analysis.sweeps.ablation import table_path

    path = table_path(run, layer)
    try:
        return _set_results(str(path), path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return None


def pictures_csv(run: Run, layer: str) -> str:
    """Return the row of every picture and change as CSV."""
    from analysis.sweeps.ablation import load_table

    rows = load_table(run, layer)
    return "" if rows is None else rows.to_csv(index=False)
