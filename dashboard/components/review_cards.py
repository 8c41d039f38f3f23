"""Cards of reviews; each can be clicked, or reached with the Tab key.

A review comes from strangers and may hold markup: the browser gets it as text, never as HTML or Markdown.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import streamlit as st

_CSS = """
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(290px, 100%), 1fr)); gap: 12px; }
.card {
  all: unset; box-sizing: border-box; cursor: pointer; display: flex; flex-direction: column; gap: 4px;
  border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius); padding: 10px 12px;
  background: var(--st-secondary-background-color); color: var(--st-text-color);
  font-family: var(--st-font); font-size: 0.86rem; line-height: 1.45; min-width: 0;
}
.card:hover, .card:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
.top { display: flex; justify-content: space-between; gap: 8px; flex-wrap: wrap; }
.verdict { font-weight: 600; }
.detail, .name { opacity: 0.75; font-size: 0.8rem; }
.text {
  display: -webkit-box; -webkit-line-clamp: 6; -webkit-box-orient: vertical; overflow: hidden;
  overflow-wrap: anywhere; white-space: pre-line; flex: 1;
}
"""

_JS = """
export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  let grid = parentElement.querySelector(".grid")
  if (!grid) {
    grid = document.createElement("div")
    grid.className = "grid"
    parentElement.appendChild(grid)
  }
  const part = (className, text) => {
    const element = document.createElement("div")
    element.className = className
    if (text !== undefined) element.textContent = text
    return element
  }
  const cards = (data.reviews || []).map((review) => {
    const card = document.createElement("button")
    card.className = "card"
    card.type = "button"
    card.dataset.review = review.id
    card.setAttribute("aria-label", `Open ${review.id}: ${review.verdict}, ${review.detail}`)
    const top = part("top")
    top.append(part("verdict", review.verdict), part("detail", review.detail))
    card.append(top, part("text", review.text), part("name", review.id))
    card.onclick = () => setTriggerValue("opened", review.id)
    return card
  })
  grid.replaceChildren(...cards)
}
"""


@dataclass(frozen=True)
class ReviewCard:
    """One card.

    Attributes
    ----------
    id : of the review, returned when the card is clicked.
    verdict, detail : true and predicted class, and how sure.
    text : the beginning of the review.
    """

    id: str
    verdict: str
    detail: str
    text: str


def review_cards(cards: list[ReviewCard], key: str) -> str | None:
    """Show the cards and return the id of the one that was clicked since the last run, else None."""
    mount = st.components.v2.component("camlens_review_cards", css=_CSS, js=_JS)
    data = {"reviews": [asdict(card) for card in cards]}
    return mount(key=key, data=data, on_opened_change=lambda: None).opened
