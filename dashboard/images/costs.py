"""What the maps on the Layers page cost, and how the network was run for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.images.layer_controls import TITLES

if TYPE_CHECKING:
    from analysis.explain.engine.clock import Cost
    from analysis.explain.engine.preparation import Setup
    from analysis.explain.precision import PrecisionChoice
    from analysis.explain.report.layers import LayerReport

PASSES = {"forward": "Forward pass", "backward": "Backward pass"}
NAMES = {"fp32": "float32", "bf16": "bfloat16"}


def costs_table(report: LayerReport) -> pd.DataFrame:
    """Return one row for each pass and method: its time, and how many plain float32 predictions take that time."""
    spent = {cost.part: cost for cost in report.costs}
    lines = []
    for what in ("forward", "backward", *report.methods):
        cost = spent.get(what)
        if cost is None:
            lines.append({"": PASSES[what], "time": "from cache", "forwards": "0"})
        elif (
            what not in PASSES
            and not any(row.maps[what].values is not None for row in report.rows)
            and not cost.ms
        ):
            lines.append({"": TITLES[what], "time": "—", "forwards": "—"})
        else:
            lines.append({"": PASSES.get(what) or TITLES[what], "time": _ms(cost.ms), "forwards": _forwards(cost)})
    return pd.DataFrame(lines)


def setup_sentence(setup: Setup, measured: PrecisionChoice | None) -> str:
    """Return in words how the network was run, how much faster that is, and what Auto chose and why."""
    how = [NAMES.get(setup.precision, setup.precision)]
    how.append("channels-last layout" if setup.channels_last else "the usual memory layout")
    if setup.folded:
        how.append(f"{setup.folded} BatchNorms folded into their convolutions")
    if setup.packed:
        how.append("weights packed for this processor")
    words = (
        f"Computed on {setup.device} in {', '.join(how)}. Measured when the learner was prepared: a prediction "
        f"takes {_ms(setup.forward_ms)} that way, {_ms(setup.reference_ms)} with the network as it is in float32 "
        f"({setup.reference_ms / setup.forward_ms:.1f} times as fast)."
    )
    if measured is not None:
        words += f" Auto takes {measured.why}."
    return words


def show_costs(report: LayerReport, measured: PrecisionChoice | None) -> None:
    """Show the table, and the sentence below it."""
    st.subheader("What it cost")
    st.caption(
        "One forward is one plain float32 prediction of this picture by the network as it is. All methods and "
        "classes share one forward pass; all methods of a class share one backward pass."
    )
    st.dataframe(
        costs_table(report),
        hide_index=True,
        width="content",
        column_config={
            "time": st.column_config.TextColumn("time", alignment="right"),
            "forwards": st.column_config.TextColumn(
                "forwards", alignment="right", help="The same time in plain float32 predictions."
            ),
        },
        alt="What each method cost",
    )
    st.caption(setup_sentence(report.setup, measured))


def _ms(value: float) -> str:
    if value >= 10_000:
        return f"{value / 1000:,.1f} s"
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


def _forwards(cost: Cost) -> str:
    value = cost.forwards
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
