"""Maps of pictures: forward passes and maps are kept, and slow methods run beside the pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from analysis.runs import Run
from dashboard.backend.jobs.maps import MapJob, MapJobs
from dashboard.backend.made_once import MadeOnce
from dashboard.backend.pictures import Pictures, picture_key

if TYPE_CHECKING:
    from analysis.explain.report.layers import LayerReport, MethodMaps, MethodProgress
    from analysis.explain.report.picture import MethodMap, TracedImage

GRACE = 0.5  # seconds that a page waits for a slow method before it shows its progress instead
Target = int | tuple[int, int]


@dataclass(frozen=True)
class Subject:
    """A picture that maps are asked of: a learner, an image id and a precision, "fp32" or "bf16"."""

    run: Run
    image: str
    precision: str

    @property
    def key(self) -> tuple:
        """Return what tells it from every other one, also from itself before its file changed."""
        return (*picture_key(self.run, self.image), self.precision)


@dataclass(frozen=True)
class ReportState:
    """A report with what is ready now.

    Attributes
    ----------
    report : the maps that are there
    jobs : those that still add maps to it, by method
    stopped : the methods that the reader has stopped before they were complete
    """

    report: LayerReport
    jobs: dict[str, MapJob]
    stopped: tuple[str, ...]


class MapStore:
    """Forward passes, complete maps and running jobs. Safe from any thread; no lock is held while computing."""

    def __init__(self, pictures: Pictures) -> None:
        """Take what reads the pictures and loads their learners."""
        self._pictures = pictures
        self._passes = MadeOnce(limit=6)  # a forward pass with all its activations: up to 40 MB each
        self._maps = MadeOnce(limit=400)
        self._reports = MadeOnce(limit=24)
        self._fused = MadeOnce(limit=48)
        self.jobs = MapJobs()

    def report(
        self,
        subject: Subject,
        target: Target,
        methods: Sequence[str],
        reader: str,
        stopped: frozenset[str] = frozenset(),
    ) -> ReportState:
        """Return a report of these methods: the quick ones complete, slow ones as far as they are.

        Parameters
        ----------
        reader : name of the browser session that slow methods are computed for
        stopped : methods that are not started; those of their maps that are there are shown
        """
        maps: dict[str, MethodMaps] = {}
        jobs: dict[str, MapJob] = {}
        for method, key in self.job_keys(subject, target, methods).items():
            kept = self._maps.get(key)
            if kept is not None:
                maps[method] = kept
            elif not is_slow(method):
                maps[method] = self._maps.get_or_make(key, partial(self._whole, subject, target, method))
            elif method in stopped:
                job = self.jobs.get(key)
                if job is not None and job.maps is not None:
                    maps[method] = job.maps
            else:
                jobs[method] = self._job(key, subject, target, method, reader)
        unfinished = self._collect(subject, target, jobs, maps)
        layers = len(self._pass(subject).layers)
        incomplete = [name for name in methods if name not in maps or len(maps[name].maps) < layers]
        return ReportState(
            self._report(subject, target, methods, maps),
            unfinished,
            tuple(name for name in incomplete if name in stopped),
        )

    def fused(self, subject: Subject, report: LayerReport, method: str) -> tuple[MethodMap, ...]:
        """Return the method's layers fused into one, in each way there is."""
        from analysis.explain.report.layers import fused_maps

        layers = sum(row.maps[method].values is not None for row in report.rows)
        key = (*subject.key, report.target, method, layers)
        return self._fused.get_or_make(key, lambda: fused_maps(report, method))

    def job_keys(self, subject: Subject, target: Target, methods: Sequence[str]) -> dict[str, object]:
        """Return the key of each method's job in `jobs`."""
        return {method: (*subject.key, target, method) for method in methods}

    def _pass(self, subject: Subject) -> TracedImage:
        """Return the picture's kept forward pass, run at the first call."""

        def compute() -> TracedImage:
            from analysis.explain.report.picture import TracedImage

            resident = self._pictures.resident(subject.run)
            x = self._pictures.batch(subject.run, [subject.image])
            return TracedImage(resident.loaded.model, x, resident.probes, precision=subject.precision)

        return self._passes.get_or_make(subject.key, compute)

    def _layer_by_layer(
        self,
        subject: Subject,
        target: Target,
        method: str,
        done: MethodMaps | None = None,
        progress: MethodProgress | None = None,
    ) -> Iterator[MethodMaps]:
        from analysis.explain.report.layers import method_maps

        masks = self._pictures.masks(subject.run, subject.image)
        score = self._pass(subject).score(target)
        return method_maps(score, method, masks.animal, masks.shortcut, done, progress)

    def _whole(self, subject: Subject, target: Target, method: str) -> MethodMaps:
        *_, whole = self._layer_by_layer(subject, target, method)
        return whole

    def _job(self, key: object, subject: Subject, target: Target, method: str, reader: str) -> MapJob:
        def compute(done: MethodMaps | None, progress: MethodProgress) -> Iterator[MethodMaps]:
            return self._layer_by_layer(subject, target, method, done, progress)

        return self.jobs.request(key, method, reader, compute)

    def _collect(
        self, subject: Subject, target: Target, jobs: dict[str, MapJob], maps: dict[str, MethodMaps]
    ) -> dict[str, MapJob]:
        """Wait a moment for the jobs, take the maps they have, keep complete ones; return the unfinished jobs."""
        patience, unfinished = GRACE, {}
        for method, job in jobs.items():
            key = (*subject.key, target, method)
            if patience > 0 and not job.wait(patience):
                patience = 0.0
            complete = job.complete  # before `maps` is read: what is added after that is for the next run
            if job.error is not None:
                self.jobs.forget(key)  # the next visit tries again
                raise job.error
            if job.maps is not None:
                maps[method] = job.maps
            if complete:
                self._maps.keep(key, job.maps)
            else:
                unfinished[method] = job
        return unfinished

    def _report(
        self, subject: Subject, target: Target, methods: Sequence[str], maps: dict[str, MethodMaps]
    ) -> LayerReport:
        from analysis.explain.report.layers import layer_report

        def compute() -> LayerReport:
            masks = self._pictures.masks(subject.run, subject.image)
            return layer_report(
                self._pass(subject),
                self._pictures.view(subject.run, subject.image),
                tuple(subject.run.manifest.class_names),
                target,
                methods,
                masks.animal,
                masks.shortcut,
                maps,
            )

        progress = tuple((name, len(maps[name].maps) if name in maps else 0) for name in methods)
        return self._reports.get_or_make((*subject.key, target, progress), compute)


def is_slow(method: str) -> bool:
    """Return whether a method runs the network again and again, rather than reading one pass."""
    from analysis.explain.methods import METHODS

    return METHODS[method].needs_resume or METHODS[method].needs_forward
