"""How a long job says where it stands."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True)
class ProgressEvent:
    """One step of a job.

    Attributes
    ----------
    stage : "data", "weights", "train", "save", "evaluate", "probes" or "done"
        ("error" only in the JSON lines of the command line)
    message : one sentence for a person
    fraction : share of the whole job that is done, 0 to 1
    epoch, epochs, batch, batches : counted from 1, while training
    loss : smoothed training loss
    seconds_left : estimate for the whole job, not for the stage
    """

    stage: str
    message: str
    fraction: float
    epoch: int | None = None
    epochs: int | None = None
    batch: int | None = None
    batches: int | None = None
    loss: float | None = None
    seconds_left: float | None = None

    def to_json(self) -> str:
        """Return the event as one line of JSON; fields without a value are left out."""
        return json.dumps({key: value for key, value in asdict(self).items() if value is not None})

    @classmethod
    def from_json(cls, line: str) -> ProgressEvent:
        """Read a line that `to_json` wrote."""
        return cls(**json.loads(line))


Report = Callable[[ProgressEvent], None]


def silent(event: ProgressEvent) -> None:
    """Report nothing: the default where a caller gave no report function."""


def within(report: Report, start: float, stop: float) -> Report:
    """Return a report function that maps its events' fractions 0..1 to start..stop of the whole job."""

    def scaled(event: ProgressEvent) -> None:
        share = min(max(event.fraction, 0.0), 1.0)
        report(replace(event, fraction=start + (stop - start) * share))

    return scaled
