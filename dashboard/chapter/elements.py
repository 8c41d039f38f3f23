"""What the Chapter page's answers consist of: headings, tables, source code and PyTorch's errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st


def show_question(number: int, heading: str, answer: str) -> None:
    """Show a question as a heading, and its answer."""
    st.subheader(f"{number} · {heading}", anchor=f"question-{number}")
    st.markdown(answer)


def show_code(*sources: str, label: str = "The code that ran") -> None:
    """Show the source code of functions that ran, inside a closed expander."""
    with st.expander(label, icon=":material/code:"):
        for source in sources:
            st.code(source, language="python")


def show_error(text: str | None) -> None:
    """Show an exception in PyTorch's own words; nothing where there was none."""
    if text:
        st.code(text, language=None, wrap_lines=True)


def show_table(rows: Sequence[Any], columns: Sequence[str], **options: Any) -> None:
    """Show tuples as a table with these column names."""
    import pandas as pd

    st.dataframe(pd.DataFrame(list(rows), columns=list(columns)), hide_index=True, **options)


def shape_text(sizes: Sequence[int]) -> str:
    """Return (1280, 7, 7) as "1280 × 7 × 7"."""
    return " × ".join(map(str, sizes))
