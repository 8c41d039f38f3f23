"""The example that a page is about, the way to the next one, and the class that is explained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np
import streamlit as st

from analysis.predictions import Browse
from analysis.runs import Run
from dashboard import state
from dashboard.backend.caches import predictions
from dashboard.example_kinds import ExampleKind
from dashboard.frame import heed_link
from dashboard.pages import page_file
from dashboard.plain import plain

if TYPE_CHECKING:
    from analysis.explain.engine.targets import Target

CONTRAST = "Why predicted rather than true"


@dataclass(frozen=True)
class ChosenExample:
    """An example of the run, or one that the user brought.

    Attributes
    ----------
    id : names the example in links
    name : what the page calls it
    label : index of the true class among the run's class names, or None for the user's own example
    predicted : index of the predicted class
    runner_up : index of the second most probable class
    probabilities : (C,), in the order of the class names
    """

    id: str
    name: str
    label: int | None
    predicted: int
    runner_up: int
    probabilities: np.ndarray

    @property
    def other_class(self) -> int:
        """The class that is compared with the predicted one: the true one of a mistake, else the runner-up."""
        return self.runner_up if self.label is None or self.label == self.predicted else self.label


Example = TypeVar("Example", bound=ChosenExample)


class Chooser(ABC, Generic[Example]):
    """The choice of an example on a page, and the way through the gallery's list.

    A kind of example implements the two methods that concern the user's own examples.

    Attributes
    ----------
    kind : the words, links and session keys of the kind
    example : the class of its examples
    """

    kind: ClassVar[ExampleKind]
    example: type[Example]

    @abstractmethod
    def is_own(self, example: str) -> bool:
        """Return whether an id is of an example that a user brought."""

    @abstractmethod
    def describe_own(self, run: Run, example: str) -> tuple[str, np.ndarray]:
        """Return the name of the user's own example, and its class probabilities, (C,)."""

    def choose(self, run: Run) -> Example | None:
        """Return the example that the link names, else the last one looked at, else the run's first mistake.

        None when there is nothing to show: the link's example is unknown, or the learner made no mistake.
        """
        table, kind = predictions(run), self.kind
        asked = st.query_params.get(kind.link)
        example: str | None = asked or st.session_state.get(kind.current)
        if example is None or not (self.is_own(example) or example in table):
            if asked:
                st.error(
                    f"The link names the {kind.noun} “{plain(asked[:80])}”, which is not in this learner's "
                    "validation set.",
                    title=f"No such {kind.noun}",
                )
                self._gallery_link(f"Choose one among {kind.gallery_name}")
                return None
            # The gallery's filters may leave nothing over.
            first = table.page(self._view(run), 0, 1) or table.page(Browse(), 0, 1)
            if not first:
                st.info(f"There is no mistake to look at. {kind.nothing_to_show}")
                self._gallery_link("To the gallery")
                return None
            example = first[0]["path"]
        self.go_to(example)
        view = self._view(run).to_text()
        if view:
            st.query_params[state.LIST] = view
        else:
            st.query_params.pop(state.LIST, None)
        return self._described(run, example)

    def go_to(self, example: str) -> None:
        """Make an example the one that the page is about."""
        if st.query_params.get(self.kind.link) != example:
            st.query_params[self.kind.link] = example
        st.session_state[self.kind.current] = example

    def headline(self, run: Run, example: Example) -> None:
        """Show what the example is, what the learner predicts, and the step buttons."""
        names = [plain(name) for name in run.manifest.class_names]
        words = [f"**{plain(example.name)}**"]
        if example.label is not None:
            words.append(f"true **{names[example.label]}**")
        words.append(f"predicted **{names[example.predicted]}** ({example.probabilities[example.predicted]:.1%})")
        line = " · ".join(words)
        if example.label is not None:
            line += " :green-badge[right]" if example.label == example.predicted else " :red-badge[wrong]"
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(line)
            self._step_buttons(run, example)

    def _step_buttons(self, run: Run, example: Example) -> None:
        """Draw the buttons back and forth through the gallery's list; the arrow keys work too."""
        table, view = predictions(run), self._view(run)
        place = table.neighbours(view, example.id)
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            self._step_button("Previous", "Left", place.before)
            at = place.position
            where = "not in the list" if at is None else f"{at + 1:,} of {table.count(view):,}"
            st.markdown(where, help="Place in the gallery's list, as it is filtered and ordered there.")
            self._step_button("Next", "Right", place.after)

    def _step_button(self, label: str, direction: str, example: str | None) -> None:
        st.button(
            label,
            icon=f":material/chevron_{direction.lower()}:",
            shortcut=direction,
            disabled=example is None,
            on_click=self.go_to,
            args=(example,),
            key=f"{label.lower()}_{self.kind.link}",
        )

    def _view(self, run: Run) -> Browse:
        """Return the gallery's view that the example was opened from: this session's, else the link's."""
        if self.kind.view not in st.session_state:
            text = st.query_params.get(state.LIST, "")
            st.session_state[self.kind.view] = Browse.from_text(text, run.manifest.class_names)
        return st.session_state[self.kind.view]

    def _gallery_link(self, label: str) -> None:
        st.page_link(page_file(self.kind.gallery), label=label, icon=self.kind.gallery_icon)

    def _described(self, run: Run, example: str) -> Example:
        label: int | None = None
        if self.is_own(example):
            name, probabilities = self.describe_own(run, example)
        else:
            table = predictions(run)
            row: dict[str, Any] | None = table.row(example)
            assert row is not None  # `choose` looked for it
            name, probabilities = example, table.probabilities(example)
            label = run.manifest.class_names.index(row["label"])
        order = np.argsort(-probabilities, kind="stable")
        return self.example(example, name, label, int(order[0]), int(order[1]), probabilities)


def explained(run: Run, example: ChosenExample) -> Target:
    """Draw the "Explain" control: which class, or which contrast of two, the explanation is about."""
    names = run.manifest.class_names
    choices: dict[str, Target] = {"Predicted class": example.predicted}
    if example.label is not None:
        choices["True class"] = example.label
    choices[CONTRAST] = (example.predicted, example.other_class)
    choices |= {f"Class: {name}": index for index, name in enumerate(names)}
    with heed_link(state.EXPLAIN, choices, "class to explain"):
        chosen = st.selectbox(
            "Explain",
            list(choices),
            key=state.EXPLAIN,
            bind="query-params",
            width=235,
            help="The explanation shows what speaks for this class. The contrast shows what speaks for the "
            "predicted class more than for the true one (the runner-up, where the prediction is right): it "
            "explains the difference of the two logits.",
        )
    return choices[chosen]
