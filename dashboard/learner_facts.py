"""What a page says about a learner: how well it does, and how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pandas as pd
import streamlit as st

from analysis.runs import Run
from dashboard.backend.caches import predictions
from dashboard.example_kinds import example_kind


def result_metrics(run: Run) -> None:
    """Show the notes of the run, and its accuracy, mistakes and counts as metrics."""
    manifest, table, kind = run.manifest, predictions(run), example_kind(run)
    for note in manifest.notes:
        st.info(note)
    missing = manifest.results.get("missing", 0)
    if missing:
        st.warning(
            f"{missing:,} of {manifest.counts['valid']:,} validation {kind.plural} were gone when the learner was "
            "evaluated, and are left out here. `python -m analysis evaluate` names them."
        )
    cells = st.grid(5, min_column_width=140)
    cells.metric(
        "Accuracy", f"{table.accuracy:.1%}", help=f"Share of the validation {kind.plural} predicted right."
    )
    cells.metric("Error rate", f"{1 - table.accuracy:.1%}", help="fastai's `error_rate`: 1 − accuracy.")
    of = f"of {len(table):,} validation {kind.plural}"
    cells.metric("Mistakes", f"{table.mistakes:,}", of, delta_color="off", delta_arrow="off")
    cells.metric(f"Training {kind.plural}", f"{manifest.counts['train']:,}")
    cells.metric("Classes", f"{len(manifest.class_names)}")


def how_it_was_made(run: Run, facts: Mapping[str, str]) -> None:
    """Show the facts of the recipe, where and when it was followed, the losses, and what was left out."""
    manifest, kind = run.manifest, example_kind(run)
    rows = {
        **facts,
        "Trained on": manifest.device,
        "When": datetime.fromisoformat(manifest.created).strftime("%d %B %Y, %H:%M"),
        "Class order": ", ".join(
            f"{index}: {label}" + ("" if str(label) == name else f" ({name})")
            for index, (label, name) in enumerate(zip(manifest.vocabulary, manifest.class_names, strict=True))
        ),
        "Kept in": str(run.path),
    }
    st.table(pd.DataFrame({"": rows.keys(), "value": rows.values()}), hide_index=True, hide_header=True)
    st.dataframe(pd.DataFrame(list(manifest.history)), hide_index=True, alt="Losses after each epoch")
    left_out = manifest.counts["skipped"]
    if left_out:
        with st.expander(f"{left_out:,} {kind.plural} were left out"):
            st.dataframe(pd.DataFrame(run.examples().skipped, columns=[kind.noun, "why"]), hide_index=True)
