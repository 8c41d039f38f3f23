"""A review with coloured words: one panel for each method, and a slider through the layers.

The colours change in the browser, without a request to the server. The text comes from strangers and may hold
markup: the browser gets it as text, piece by piece, never as HTML or Markdown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import streamlit as st

from dashboard.figures.words_colours import WordColours
from dashboard.figures.words_panels import WordsLayer

_HERE = Path(__file__).parent
DIGITS = 5  # after the decimal point of the contributions that are sent


def review_text(
    layers: tuple[WordsLayer, ...],
    pieces: list[tuple[str, int]],
    edits: Mapping[int, str],
    colours: WordColours,
    key: str,
    on_word: Callable[[int], None],
) -> None:
    """Show the panels at the last layer, and call `on_word` with the index of a word that is clicked.

    Parameters
    ----------
    layers : the slider's positions, see `words_layers`.
    pieces : the text in pieces (characters, index of the word or -1), see `shown_pieces`.
    edits : by index of a word: the text that replaces it, "" where the word is struck out.
    key : of the component in the session state.
    """
    mount = st.components.v2.component(
        "camlens_review_text",
        css=(_HERE / "review_text.css").read_text(encoding="utf-8"),
        js=(_HERE / "review_text.js").read_text(encoding="utf-8"),
    )

    def clicked() -> None:
        word = st.session_state[key].get("word")
        if word is not None:
            on_word(int(word))

    data = {
        "pieces": pieces,
        "edits": {str(word): text for word, text in edits.items()},
        "colours": asdict(colours),
        "layers": [
            {
                "label": layer.label,
                "panels": [
                    {
                        "title": panel.title,
                        "note": panel.note,
                        "scale": panel.scale,
                        "values": None if panel.values is None else panel.values.round(DIGITS).tolist(),
                    }
                    for panel in layer.panels
                ],
            }
            for layer in layers
        ],
    }
    mount(key=key, data=data, on_word_change=clicked)
