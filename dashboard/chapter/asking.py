"""What every question of the Chapter page has: a heading, an answer, the code that ran, and proof of no harm."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from analysis.runs import Run
from dashboard.chosen_image import ChosenImage
from dashboard.service import Resident, service

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.chapter.subject import Subject

T = TypeVar("T")
OTHERS = 30
"""How many other validation pictures keep the chosen one company in training mode."""


@dataclass
class Lesson:
    """One visit to the Chapter page: whom it is about, and the learner's state around each experiment.

    `rival` is the class that the predicted one is set against: the true one of a mistake, else the runner-up.
    """

    run: Run
    image: ChosenImage
    states: list[tuple[str, str]] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        """The class names, in the order of the network's outputs."""
        return self.run.manifest.class_names

    @property
    def rival(self) -> int:
        """The class to set against the predicted one."""
        image = self.image
        return image.label if image.label not in (None, image.predicted) else image.runner_up

    def ask(self, what: object, experiment: Callable[[Subject, Resident], T]) -> T:
        """Run an experiment on the picture, once; whether it left the learner alone is kept with it."""

        def run(resident: Resident, x: Tensor) -> tuple[T, str, str]:
            from analysis.chapter.subject import Subject, state_of

            before = state_of(resident.loaded.model)
            found = experiment(Subject(resident.loaded.model, x), resident)
            return found, before, state_of(resident.loaded.model)

        found, before, after = service().live(self.run, self.image.id, what, run)
        self.states.append((before, after))
        return found

    def others(self) -> Tensor | None:
        """Other validation pictures, (N, 3, S, S), the same ones every time; None where there are none."""
        files = [file for file in self.run.examples().names("valid") if file != self.image.id]
        chosen = random.Random(0).sample(files, min(OTHERS, len(files)))
        return service().batch(self.run, chosen) if chosen else None


def question(number: int, heading: str, answer: str) -> None:
    """The heading and the answer of a question."""
    st.subheader(f"{number} · {heading}", anchor=f"question-{number}")
    st.markdown(answer)


def code(*sources: str, label: str = "The code that ran") -> None:
    """Sources of functions that were run, folded away."""
    with st.expander(label, icon=":material/code:"):
        for source in sources:
            st.code(source, language="python")


def shape(sizes: Sequence[int]) -> str:
    """(1280, 7, 7) as "1280 × 7 × 7"."""
    return " × ".join(map(str, sizes))


def error(text: str | None) -> None:
    """An exception in PyTorch's own words."""
    if text:
        st.code(text, language=None, wrap_lines=True)


def rows(table: Sequence[Any], columns: Sequence[str], **options: Any) -> None:
    """A table of tuples under column names."""
    import pandas as pd

    st.dataframe(pd.DataFrame(list(table), columns=list(columns)), hide_index=True, **options)
