"""A grid of photos; each can be clicked, or reached with the Tab key.

A click on Streamlit's own image element would have to open a link and so lose the page's session.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

import streamlit as st

_CSS = """
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 12px; }
.card {
  all: unset; box-sizing: border-box; cursor: pointer; display: flex; flex-direction: column;
  border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius); overflow: hidden;
  background: var(--st-secondary-background-color); color: var(--st-text-color);
  font-family: var(--st-font); font-size: 0.82rem; line-height: 1.35;
}
.card:hover, .card:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
.card img { width: 100%; aspect-ratio: 1; object-fit: cover; display: block; background: #8883; }
.text { padding: 6px 8px 8px; }
.name { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; opacity: 0.75; }
.verdict { font-weight: 600; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.gone { display: grid; place-items: center; aspect-ratio: 1; padding: 8px; text-align: center; opacity: 0.7; }
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
  const line = (className, text) => {
    const element = document.createElement("div")
    element.className = className
    element.textContent = text
    return element
  }
  const cards = (data.photos || []).map((photo) => {
    const card = document.createElement("button")
    card.className = "card"
    card.type = "button"
    card.title = photo.name
    card.dataset.photo = photo.id
    card.setAttribute("aria-label", `Open ${photo.name}: ${photo.verdict}, ${photo.detail}`)
    if (photo.jpeg) {
      const image = document.createElement("img")
      image.src = `data:image/jpeg;base64,${photo.jpeg}`
      image.alt = ""
      card.appendChild(image)
    } else {
      card.appendChild(line("gone", photo.problem))
    }
    const text = document.createElement("div")
    text.className = "text"
    text.append(line("verdict", photo.verdict), line("detail", photo.detail), line("name", photo.name))
    card.appendChild(text)
    card.onclick = () => setTriggerValue("opened", photo.id)
    return card
  })
  grid.replaceChildren(...cards)
}
"""


@dataclass(frozen=True)
class Photo:
    """One card.

    Attributes
    ----------
    id : returned when the card is clicked.
    name : of the picture.
    verdict, detail : the two lines under the photo, true and predicted class and how sure.
    jpeg : bytes of the thumbnail, or None.
    problem : why there is no thumbnail.
    """

    id: str
    name: str
    verdict: str
    detail: str
    jpeg: bytes | None
    problem: str = ""


def photo_grid(photos: list[Photo], key: str) -> str | None:
    """Show the photos and return the id of the one that was clicked since the last run, else None."""
    mount = st.components.v2.component("camlens_photo_grid", css=_CSS, js=_JS)
    cards = [
        {
            "id": photo.id,
            "name": photo.name,
            "verdict": photo.verdict,
            "detail": photo.detail,
            "jpeg": base64.b64encode(photo.jpeg).decode() if photo.jpeg else None,
            "problem": photo.problem,
        }
        for photo in photos
    ]
    return mount(key=key, data={"photos": cards}, on_opened_change=lambda: None).opened
