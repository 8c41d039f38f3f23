"""A review that the user types in."""

from __future__ import annotations

import streamlit as st

from dashboard.backend.words import words_service
from dashboard.words.chosen_review import review_chooser

LONGEST = 2_000_000  # characters; 100,000 words are 600,000


def typed_form(opened: bool) -> None:
    """Show the form; a text that is sent becomes the review that the page is about."""
    with (
        st.expander("A review of your own", icon=":material/edit:", expanded=opened),
        st.form("own", border=False),
    ):
        text = st.text_area(
            "Your review",
            placeholder="Not the best film of the year, but I did not regret a minute.",
            height=120,
            max_chars=LONGEST,
            help="Any text. It stays in the memory of this server until 32 others have been typed or the server "
            "stops.",
        )
        if not st.form_submit_button("Explain it", type="primary", icon=":material/format_color_text:"):
            return
        if not text.strip():
            st.warning("There is nothing to explain yet: type some words first.")
            return
        review_chooser.go_to(words_service().keep_typed(text))
        st.rerun()
