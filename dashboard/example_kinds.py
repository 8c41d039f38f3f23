"""The kinds of example that the pages show, pictures and reviews, and what differs between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from analysis.predictions import SORTS
from analysis.runs import Run
from dashboard import state


@dataclass(frozen=True)
class ExampleKind:
    """One kind of example, as the pages that are the same for every kind need it.

    Attributes
    ----------
    noun, plural : what a page calls one example, and several
    gallery : the page that lists the examples, a name in `dashboard.pages.PAGES`
    gallery_name : what a link to that page calls it
    gallery_icon, gone_icon : Material symbols, of that link and of an example that is gone
    detail : the page that an example of the gallery opens on
    link : the query parameter that names an example
    current : the session's key for the example looked at last
    view : the session's key for the gallery's filters and order
    search : the query parameter of the search field, and the field of `Browse` that it fills
    search_label, search_help : the search field's label and tooltip
    sorts : the orders of the gallery, with their labels
    per_page : cards on one page of the gallery
    nothing_to_show : what else a reader can do where there is no mistake
    """

    noun: str
    plural: str
    gallery: str
    gallery_name: str
    gallery_icon: str
    gone_icon: str
    detail: str
    link: str
    current: str
    view: str
    search: Literal["name", "word"]
    search_label: str
    search_help: str
    sorts: Mapping[str, str]
    per_page: int
    nothing_to_show: str


PICTURES = ExampleKind(
    noun="picture",
    plural="pictures",
    gallery="errors",
    gallery_name="the errors",
    gallery_icon=":material/photo_library:",
    gone_icon=":material/broken_image:",
    detail="layers",
    link=state.IMAGE,
    current=state.CURRENT_IMAGE,
    view=state.ERRORS_VIEW,
    search="name",
    search_label="File name contains",
    search_help="Any part of the file name, upper and lower case alike.",
    sorts=SORTS,
    per_page=20,
    nothing_to_show="Choose any picture in the gallery.",
)
REVIEWS = ExampleKind(
    noun="review",
    plural="reviews",
    gallery="reviews",
    gallery_name="the reviews",
    gallery_icon=":material/forum:",
    gone_icon=":material/article:",
    detail="review",
    link=state.REVIEW,
    current=state.CURRENT_REVIEW,
    view=state.REVIEWS_VIEW,
    search="word",
    search_label="Contains the word",
    search_help="A whole word or a phrase, upper and lower case alike.",
    sorts={**SORTS, "name": "Number of the review"},
    per_page=12,
    nothing_to_show="Choose any review in the gallery, or type one in.",
)
EXAMPLE_KINDS = {"images": PICTURES, "words": REVIEWS}  # by the kind that a run's recipe names


def example_kind(run: Run) -> ExampleKind:
    """Return the kind of a run's examples."""
    return EXAMPLE_KINDS[run.manifest.kind]
