"""How well a learner does: from its manifest if possible, so that its predictions need not be read."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.predictions.table import open_predictions
from analysis.runs import PREDICTIONS, Run, RunError


@dataclass(frozen=True)
class Results:
    """Counts of an evaluation.

    Attributes
    ----------
    examples : number of predictions
    mistakes : number of wrong ones among them
    missing : number of validation examples without a prediction, because their files were gone
    """

    examples: int
    mistakes: int
    missing: int = 0

    @property
    def error_rate(self) -> float:
        """Return the share of wrong predictions, fastai's `error_rate`."""
        return self.mistakes / self.examples if self.examples else float("nan")

    @property
    def accuracy(self) -> float:
        """Return the share of right predictions."""
        return 1 - self.error_rate


def results_of(run: Run) -> Results:
    """Return a run's results; raises RunError where its predictions cannot be read.

    The manifest of a run of schema 1 has no results; its predictions are counted.
    """
    if not run.manifest.results:
        table = open_predictions(run)
        return Results(len(table), table.mistakes)
    results = Results(**run.manifest.results)
    try:
        rows = pq.read_metadata(run.path / PREDICTIONS).num_rows  # the footer alone
    except (OSError, pa.ArrowException) as error:
        raise RunError(f"{run.path / PREDICTIONS} cannot be read ({error}). {run.how_to_evaluate()}") from error
    if rows != results.examples:
        raise RunError(
            f"{run.path / PREDICTIONS} holds {rows:,} predictions, not the {results.examples:,} that the manifest "
            f"names. {run.how_to_evaluate()}"
        )
    return results
