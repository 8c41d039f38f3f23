"""CAM Lens: `streamlit run streamlit_app.py`."""

from pathlib import Path

import streamlit as st

from dashboard import state
from dashboard.backend.imports import import_engine
from dashboard.pages import DEFAULT, PAGES

ICON = Path(__file__).parent / "docs" / "icon.png"
st.set_page_config(page_title="CAM Lens", page_icon=str(ICON), layout="wide")
st.logo(str(ICON), size="large")

sections: dict[str, list] = {}
for entry in PAGES:
    sections.setdefault(entry.section, []).append(
        st.Page(entry.file, title=entry.title, icon=entry.icon, help=entry.help, default=entry.name == DEFAULT)
    )
page = st.navigation(sections)
if st.session_state.get(state.VISITED) != page.url_path:
    st.session_state[state.VISITED] = page.url_path
    st.session_state.pop(state.UNKNOWN, None)  # what is unknown in a link concerns one visit of a page
if next(entry for entry in PAGES if entry.title == page.title).needs_engine:
    import_engine()
page.run()
