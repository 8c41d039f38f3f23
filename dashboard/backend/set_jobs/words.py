"""The words of a whole validation set; the network is a private copy."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.progress import Report, TimedReport
from analysis.runs import Run
from dashboard.backend.jobs.job import Job
from dashboard.backend.residents import digest
from dashboard.backend.words import Target


@dataclass
class WordSetJob(Job):
    """The words' contributions to one score."""

    run: Run
    target: Target

    def is_of(self, run: Run, target: Target) -> bool:
        """Return whether it is about this run as it is now, and this score."""
        return (digest(self.run), self.target) == (digest(run), target)

    def work(self, report: Report) -> None:
        """Compute the contribution of every word and save the set."""
        from analysis.learner.words.store import load_text
        from analysis.sweeps.words import make_word_set, save_set

        names = self.run.manifest.class_names
        table = self.run.predictions(["path", "label", "predicted", "text"])
        words = make_word_set(load_text(self.run), table, names, self.target, TimedReport(report))
        save_set(words, self.run, self.target)
