"""The width of the page in the browser, which Streamlit does not report.

A figure of panels is drawn on the server for a certain width. This small component measures the width in the
browser and makes Streamlit run the page again when it changes.
"""

from __future__ import annotations

import streamlit as st

from dashboard import state

STEP = 40  # pixels; a smaller change does not draw the page again
_KEY = "page_width_ruler"
DEFAULT_WIDTH = 1000  # pixels, until the browser reports the real width

_JS = """
export default function (component) {
  const { data, parentElement, setStateValue } = component
  let ruler = parentElement.querySelector(".ruler")
  if (!ruler) {
    ruler = document.createElement("div")
    ruler.className = "ruler"
    ruler.style.cssText = "width: 100%; height: 0"
    parentElement.appendChild(ruler)
  }
  let timer
  const report = () => {
    const width = Math.floor(ruler.clientWidth / data.step) * data.step
    ruler.dataset.known = String(width === data.current) // whether the figures are drawn for this width
    if (width > 0 && width !== data.current) setStateValue("pixels", width)
  }
  const observer = new ResizeObserver(() => {
    clearTimeout(timer)
    timer = setTimeout(report, 150)
  })
  observer.observe(ruler)
  return () => {
    clearTimeout(timer)
    observer.disconnect()
  }
}
"""


def page_width() -> int:
    """Return the width in pixels of the container that this is called in: the last one reported, or a default."""
    mount = st.components.v2.component("camlens_page_width", js=_JS)
    current = st.session_state.get(state.WIDTH)
    mount(key=_KEY, data={"current": current, "step": STEP}, height=1, on_pixels_change=_keep_width)
    return current or DEFAULT_WIDTH


def _keep_width() -> None:
    # runs before the page, so that the browser hears of the width in the run that draws for it
    st.session_state[state.WIDTH] = int(st.session_state[_KEY]["pixels"])
