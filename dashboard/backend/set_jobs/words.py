"""The words of a whole validation set; the network is a private copy."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from analysis.home import home
from analysis.progress import Report
from analysis.runs import Run
from dashboard.backend.jobs.background import BackgroundJob, Board
from dashboard.backend.residents import digest
from dashboard.backend.words import Target


@dataclass
class SetJob(BackgroundJob):
    """The words' contributions to one score."""

    target: Target

    def is_of(self, run: Run, target: Target) -> bool:
        """Whether it is about this run as it is now, and this score."""
        return (digest(self.run), self.target) == (digest(run), target)

    def work(self, report: Report) -> None:
        """Weigh every word and keep the set."""
        from analysis.learner.words.store import load_text
        from analysis.sweeps.words import make_word_set, save_set

        names = self.run.manifest.class_names
        table = self.run.predictions(["path", "label", "predicted", "text"])
        found = make_word_set(load_text(self.run), table, names, self.target, report)
        save_set(found, self.run, self.target)


@st.cache_resource(show_spinner=False)
def _board_for(home_folder: str) -> Board[SetJob]:
    return Board()


def set_board() -> Board[SetJob]:
    """The process's board (one per `CAMLENS_HOME`)."""
    return _board_for(str(home()))
