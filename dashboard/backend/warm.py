"""Load a learner in the background when a page names it, so that its first example opens at once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from analysis.data.images import ImageError
from analysis.errors import CamLensError
from analysis.learner.images.kind import IMAGES
from analysis.runs import Run
from dashboard.backend.gone import ImageGone
from dashboard.backend.images import service
from dashboard.backend.imports import import_engine
from dashboard.backend.residents import residents
from dashboard.backend.threads import leave_at_exit


def warm(run: Run) -> None:
    """Load a run's learner once, in the background, and measure what the pages of its kind need first."""

    def work() -> None:
        # What fails here is said on the page that needs the learner, where the user can act on it.
        with contextlib.suppress(CamLensError, ImageGone, ImageError):
            leave_at_exit()
            import_engine()
            leave_at_exit()
            residents().get(run)
            leave_at_exit()
            measure = _MEASURED.get(run.manifest.kind)
            if measure is not None:
                measure(run)

    residents().warm(run, work)


def _measure_precision(run: Run) -> None:
    paths = run.predictions(["path"])["path"]
    if len(paths):
        service().precision(run, paths.iloc[0])


_MEASURED: dict[str, Callable[[Run], object]] = {IMAGES.name: _measure_precision}  # by kind of learner
