"""The ablation of Grad-CAM on a whole validation set.

The network runs in private copies, so the pages go on meanwhile; only reading pictures asks the service.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from analysis.home import home
from analysis.progress import Report
from analysis.runs import Run
from dashboard.background import BackgroundJob, Board
from dashboard.service import service


@dataclass
class AblationJob(BackgroundJob):
    """The ablation of one run at one layer."""

    layer: str

    def is_of(self, run: Run, layer: str) -> bool:
        """Return whether the job is about this layer and this run with its files as they are now."""
        return (self.run.path, self.run.manifest.files, self.layer) == (run.path, run.manifest.files, layer)

    def work(self, report: Report) -> None:
        """Compute every change on every validation picture and save the table."""
        from analysis.explain.ablation_recipe.whole_set import ablate_set, save_table

        loaded = service().resident(self.run).loaded
        files = self.run.manifest.split["valid"]
        rows = ablate_set(loaded, files, self.layer, lambda names: service().batch(self.run, names), report)
        save_table(rows, self.run, self.layer)


@st.cache_resource(show_spinner=False)
def _board_for(home_folder: str) -> Board[AblationJob]:
    return Board()


def board() -> Board[AblationJob]:
    """Return the process's board; there is one for each `CAMLENS_HOME`."""
    return _board_for(str(home()))
