"""The ablation of Grad-CAM on a whole validation set.

The network runs in private copies, so the pages go on meanwhile; the service only loads learner and pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.progress import Report, TimedReport
from analysis.runs import Run
from dashboard.backend.images import service
from dashboard.backend.jobs.job import Job

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class AblationJob(Job):
    """The ablation of one run at one layer."""

    run: Run
    layer: str

    def is_of(self, run: Run, layer: str) -> bool:
        """Return whether the job is about this layer and this run with its files as they are now."""
        return (self.run.path, self.run.manifest.files, self.layer) == (run.path, run.manifest.files, layer)

    def work(self, report: Report) -> None:
        """Compute every change on every validation picture, on from where a job was cancelled; save the table."""
        from analysis.sweeps.ablation import ablate_set, save_table, shards_of

        loaded = service().resident(self.run).loaded
        files = self.run.examples().names("valid")

        def batch(names: Sequence[str]) -> Tensor:
            # from this learner, although the service may have removed it from memory meanwhile
            return loaded.batch([service().pictures.read(self.run, name) for name in names])

        rows = ablate_set(loaded, files, self.layer, batch, TimedReport(report), shards_of(self.run, self.layer))
        save_table(rows, self.run, self.layer)
