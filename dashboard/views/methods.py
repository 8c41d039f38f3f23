"""What each method does, in one paragraph and one formula, and when to prefer it."""

from __future__ import annotations

import streamlit as st

from analysis.explain.methods import METHODS, Method
from analysis.runs import Run
from dashboard import state
from dashboard.frame import chosen_run, clear_messages, heed_link
from dashboard.pages import page_file

GROUPS = {
    "From the network's own weights": "One forward pass and no gradient: the channels are weighed with class "
    "weights, the network's own or those of a probe.",
    "From gradients": "One forward and one backward pass for all layers and all of these methods together.",
    "From the activations alone": "They do not depend on the class: they show what stands out in a layer.",
    "From running the network again": "The network runs again from the layer on, or with changed pictures. That "
    "takes longer, so they are computed in the background and can be stopped.",
}
SYMBOLS = (
    r"$A^k$ is channel $k$ of the layer's activation, $h \times w$ cells; $y$ the explained score, a logit or the "
    r"difference of two; $\odot$ multiplies cell by cell."
)


def group(method: Method) -> str:
    """Return the group that a method belongs to, by what it needs."""
    own_weights, gradients, activations, again = GROUPS
    if method.needs_resume or method.needs_forward:
        return again
    if method.needs_gradient or method.needs_graph:
        return gradients
    return own_weights if method.needs_probe or method.name in ("cam", "bookcam") else activations


def needs(method: Method) -> str:
    """Return what a method needs of the network, as badges."""
    badges = {
        ":blue-badge[gradient]": method.needs_gradient,
        ":blue-badge[a gradient of its own]": method.needs_graph,
        ":violet-badge[linear probe]": method.needs_probe,
        ":orange-badge[runs the rest of the network again]": method.needs_resume,
        ":red-badge[runs the whole network again]": method.needs_forward,
    }
    return " ".join(badge for badge, is_needed in badges.items() if is_needed) or ":green-badge[one forward pass]"


def section(method: Method, run: Run) -> None:
    """Show one method."""
    with st.container(border=True):
        st.subheader(method.title, anchor=anchor(method))
        st.markdown(f"[{method.paper}]({method.url}) {needs(method)}")
        with st.container(key=f"formula_{anchor(method)}"):
            st.latex(method.formula)
        st.markdown(method.about)
        st.markdown(f"**When to prefer it.** {method.prefer}")
        beside = [METHODS["cam"].title, method.title] if method.name != "cam" else [method.title]
        query = {state.RUN: run.name, state.METHODS: beside}
        image = st.session_state.get(state.CURRENT_IMAGE)
        if image is not None:
            query[state.IMAGE] = image
        with st.container(key=f"show_{anchor(method)}"):
            st.page_link(
                page_file("layers"),
                label="Show it on the last picture" if image else "Show it on a picture",
                icon=":material/layers:",
                query_params=query,
            )


def anchor(method: Method) -> str:
    """Return the name of the section in a link."""
    return method.name.replace("+", "p")


run = chosen_run()
with clear_messages(run):
    st.title("Methods")
    st.markdown(
        f"The {len(METHODS)} ways to make a map that this dashboard knows, what each does, and when to prefer it. "
        f"{SYMBOLS}"
    )
    grouped = {name: [method for method in METHODS.values() if group(method) == name] for name in GROUPS}
    with heed_link(state.GROUP, GROUPS, "group of methods"):
        chosen = st.pills(
            "Show", list(GROUPS), key=state.GROUP, bind="query-params", help="Nothing chosen shows all methods."
        )
    shown = {name: methods for name, methods in grouped.items() if methods and chosen in (None, name)}
    for name, methods in shown.items():
        links = " · ".join(f"[{method.title}](#{anchor(method)})" for method in methods)
        st.markdown(f"**{name}**: {links}")
    for name, methods in shown.items():
        st.header(name, divider="gray")
        st.caption(GROUPS[name])
        for method in methods:
            section(method, run)
