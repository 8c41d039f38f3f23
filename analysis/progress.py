"""Progress of long jobs: events, and functions that report them."""

from __future__ import annotations

import json
import time
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
    fraction : finished share of the whole job, 0 to 1
    epoch, epochs : counted from 1, while training
    batch, batches : how many batches are done, of how many; while training, of the epoch
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
        """Return the event as one line of JSON, without the fields that have no value."""
        return json.dumps({key: value for key, value in asdict(self).items() if value is not None})

    @classmethod
    def from_json(cls, line: str) -> ProgressEvent:
        """Read a line that `to_json` wrote."""
        return cls(**json.loads(line))


Report = Callable[[ProgressEvent], None]


def silent(event: ProgressEvent) -> None:
    """Report nothing: the default of functions that take a report function."""


def within(report: Report, start: float, stop: float) -> Report:
    """Return a report function for one stage of a job.

    The fractions 0..1 of its events become `start` to `stop` of the whole job.
    """

    def scaled(event: ProgressEvent) -> None:
        share = min(max(event.fraction, 0.0), 1.0)
        report(replace(event, fraction=start + (stop - start) * share))

    return scaled


class TimedReport:
    """A report function that adds an estimate of the seconds left to every event.

    The estimate assumes that the job goes on as fast as since the last `restart`. It is left out for the first
    2 seconds, and for the first fortieth of the rest of the job: it would be far off.

    Parameters
    ----------
    report : receives the events
    clock : returns the time in seconds
    """

    def __init__(self, report: Report, clock: Callable[[], float] = time.monotonic) -> None:
        self._report, self._clock = report, clock
        self.restart(0.0)

    def restart(self, fraction: float) -> None:
        """Measure the speed from now on; the job is at `fraction`."""
        self._from, self._since = fraction, self._clock()

    def __call__(self, event: ProgressEvent) -> None:
        """Report an event, with `seconds_left` where it can be estimated."""
        share = (event.fraction - self._from) / max(1.0 - self._from, 1e-9)
        elapsed = self._clock() - self._since
        if share >= 0.025 and elapsed >= 2:
            event = replace(event, seconds_left=round(elapsed * max(1.0 - share, 0.0) / share, 1))
        self._report(event)
