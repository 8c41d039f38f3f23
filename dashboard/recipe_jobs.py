"""The recipe ablation of a whole validation set.

The network runs in private copies, so the pages go on meanwhile; the service only loads learner and pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from analysis.home import home
from analysis.progress import Report
from analysis.runs import Run
from dashboard.background import BackgroundJob, Board
from dashboard.service import service

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class RecipeJob(BackgroundJob):
    """The ablation at one layer."""

    layer: str

    def is_of(self, run: Run, layer: str) -> bool:
        """Whether it is about this run as it is now, and this layer."""
        return (self.run.path, self.run.manifest.files, self.layer) == (run.path, run.manifest.files, layer)

    def work(self, report: Report) -> None:
        """Ablate every picture and keep the table."""
        from analysis.sweeps.ablation import ablate_set, save_table

        loaded = service().resident(self.run).loaded
        files = self.run.examples().names("valid")

        def batch(
            names: Sequence[str],
        ) -> Tensor:  # of the learner at hand, though others came to memory meanwhile
            return loaded.batch([service().picture(self.run, name) for name in names])

        rows = ablate_set(loaded, files, self.layer, batch, report)
        save_table(rows, self.run, self.layer)


@st.cache_resource(show_spinner=False)
def _board_for(home_folder: str) -> Board[RecipeJob]:
    return Board()


def board() -> Board[RecipeJob]:
    """The process's board (one per `CAMLENS_HOME`)."""
    return _board_for(str(home()))
