"""How a long job says where it stands."""

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


class Timed:
    """A report function that adds an estimate of the seconds left before it passes events on.

    The estimate assumes that the rest of the job goes on as fast as it went since the last `restart`; it
    is given once that took 2 seconds and a fortieth of the rest, before which it would jump about.
    """

    def __init__(self, report: Report, clock: Callable[[], float] = time.monotonic) -> None:
        self._report, self._clock = report, clock
        self.restart(0.0)

    def restart(self, fraction: float) -> None:
        """Measure the speed anew, from a job that stands at `fraction`."""
        self._from, self._since = fraction, self._clock()

    def __call__(self, event: ProgressEvent) -> None:
        """Pass an event on, with its `seconds_left` where that can be told."""
        share = (event.fraction - self._from) / max(1.0 - self._from, 1e-9)
        elapsed = self._clock() - self._since
        if share >= 0.025 and elapsed >= 2:
            event = replace(event, seconds_left=round(elapsed * max(1.0 - share, 0.0) / share, 1))
        self._report(event)
