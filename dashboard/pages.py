"""The list of the dashboard's pages: file, address and place in the sidebar of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PageEntry:
    """One page.

    Attributes
    ----------
    name : the file `dashboard/views/<name>.py`, and the page's address
    title : what the sidebar and the browser's tab call it
    section : heading in the sidebar
    icon : a Material symbol
    help : one sentence for the sidebar's tooltip
    needs_engine : whether its script imports torch; the other pages open before torch is loaded
    """

    name: str
    title: str
    section: str
    icon: str
    help: str
    needs_engine: bool = True

    @property
    def file(self) -> str:
        """Return the page's script, as Streamlit's links name it."""
        return f"dashboard/views/{self.name}.py"


PAGES = (
    PageEntry(
        "overview",
        "Overview",
        "Find",
        ":material/monitoring:",
        "What the learner is and how well it does: accuracy, confusion matrix, losses.",
        needs_engine=False,
    ),
    PageEntry(
        "errors",
        "Errors",
        "Find",
        ":material/photo_library:",
        "The validation pictures that the learner got wrong: filter, sort, open one.",
        needs_engine=False,
    ),
    PageEntry(
        "layers",
        "Layers",
        "Find",
        ":material/layers:",
        "One picture: any methods side by side through the layers of the network.",
    ),
    PageEntry(
        "photo",
        "Your photo",
        "Find",
        ":material/add_photo_alternate:",
        "Upload a picture of your own and see it predicted and explained.",
    ),
    PageEntry(
        "reviews",
        "Reviews",
        "Words",
        ":material/forum:",
        "The validation reviews that the learner got wrong: filter, search by word, open one.",
        needs_engine=False,
    ),
    PageEntry(
        "review",
        "Review",
        "Words",
        ":material/format_color_text:",
        "One review: its words coloured by what they contribute, layer by layer; strike some out.",
    ),
    PageEntry(
        "words",
        "Words",
        "Words",
        ":material/sort_by_alpha:",
        "The whole validation set: words ranked, compared with a lexicon, and tested.",
    ),
    PageEntry(
        "methods",
        "Methods",
        "Learn",
        ":material/menu_book:",
        "What each method does, in one paragraph and one formula, and when to prefer it.",
    ),
    PageEntry(
        "keepdim",
        "Keepdim",
        "Learn",
        ":material/compress:",
        "The same picture: what happens to the map when keepdim=True is left out.",
    ),
    PageEntry(
        "ablation",
        "Ablation",
        "Learn",
        ":material/science:",
        "Every step of Grad-CAM left out or changed: what raises an error, what is silently wrong.",
    ),
    PageEntry(
        "chapter",
        "Chapter",
        "Learn",
        ":material/quiz:",
        "The chapter's questions, answered by running them on this learner.",
    ),
    PageEntry(
        "learners",
        "Learners",
        "Learners",
        ":material/model_training:",
        "The learners in the cache, and a form that fine-tunes another one.",
        needs_engine=False,
    ),
)
DEFAULT = "errors"
_BY_NAME = {page.name: page for page in PAGES}


def page_file(name: str) -> str:
    """Return the script of a page, for links to it; raises KeyError for a page that does not exist."""
    return _BY_NAME[name].file
