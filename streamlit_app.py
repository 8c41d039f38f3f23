"""CAM Lens: `streamlit run streamlit_app.py`."""

from pathlib import Path

import streamlit as st

from dashboard import state

ICON = Path(__file__).parent / "docs" / "icon.png"
st.set_page_config(page_title="CAM Lens", page_icon=str(ICON), layout="wide")
st.logo(str(ICON), size="large")

VIEWS = "dashboard/views"
page = st.navigation(
    {
        "Images": [
            st.Page(
                f"{VIEWS}/overview.py",
                title="Overview",
                icon=":material/monitoring:",
                help="What the learner is and how well it does: accuracy, confusion matrix, losses.",
            ),
            st.Page(
                f"{VIEWS}/errors.py",
                title="Errors",
                icon=":material/photo_library:",
                help="The validation pictures that the learner got wrong: filter, sort, open one.",
                default=True,
            ),
            st.Page(
                f"{VIEWS}/layers.py",
                title="Layers",
                icon=":material/layers:",
                help="One picture: any methods side by side through the layers of the network.",
            ),
            st.Page(
                f"{VIEWS}/methods.py",
                title="Methods",
                icon=":material/menu_book:",
                help="What each method does, in one paragraph and one formula, and when to prefer it.",
            ),
            st.Page(
                f"{VIEWS}/keepdim.py",
                title="Keepdim",
                icon=":material/compress:",
                help="The same picture: what becomes of the map when keepdim=True is left out.",
            ),
            st.Page(
                f"{VIEWS}/recipe.py",
                title="Ablation",
                icon=":material/science:",
                help="Every step of Grad-CAM left out or changed: what raises an error, what is silently wrong.",
            ),
            st.Page(
                f"{VIEWS}/chapter.py",
                title="Chapter",
                icon=":material/quiz:",
                help="The chapter's questions, answered by running them on this learner.",
            ),
            st.Page(
                f"{VIEWS}/photo.py",
                title="Your photo",
                icon=":material/add_photo_alternate:",
                help="Upload a picture of your own and see it predicted and explained.",
            ),
        ],
        "Words": [
            st.Page(
                f"{VIEWS}/words_reviews.py",
                title="Reviews",
                icon=":material/forum:",
                url_path="reviews",
                help="The validation reviews that the learner got wrong: filter, search by word, open one.",
            ),
            st.Page(
                f"{VIEWS}/words_review.py",
                title="Review",
                icon=":material/format_color_text:",
                url_path="review",
                help="One review: its words coloured by what they contribute, layer by layer; strike some out.",
            ),
            st.Page(
                f"{VIEWS}/words_set.py",
                title="Words",
                icon=":material/sort_by_alpha:",
                url_path="words",
                help="The whole validation set: words ranked, against a lexicon, and put to the test.",
            ),
        ],
        "Learners": [
            st.Page(
                f"{VIEWS}/learners.py",
                title="Learners",
                icon=":material/model_training:",
                help="The learners in the cache, and a form that fine-tunes another one.",
            ),
        ],
    }
)
if st.session_state.get(state.VISITED) != page.url_path:
    st.session_state[state.VISITED] = page.url_path
    st.session_state.pop(state.UNKNOWN, None)  # what is unknown in a link concerns one visit of a page
page.run()
