"""Maps of pictures: what was seen and made is kept, what takes long is made beside the pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.backend.caches import MadeOnce
from dashboard.backend.jobs.maps import Work, Works

if TYPE_CHECKING:
    import numpy as np

    from analysis.explain.report.layers import LayerReport, MethodMaps
    from analysis.explain.report.picture import MethodMap, TracedImage

GRACE = 0.5  # seconds that a page waits for a slow method before it shows its progress instead


@dataclass(frozen=True)
class Subject:
    """A picture that maps are asked of.

    `key` tells it from every other, `see` runs it through the network, `image` is what that saw, uint8
    (S, S, 3), and `masks` are those of the animal and of the shortcut in it, bool (S, S) or None.
    """

    key: tuple
    see: Callable[[], TracedImage]
    image: Callable[[], np.ndarray]
    masks: Callable[[], tuple[np.ndarray | None, np.ndarray | None]]
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """A report with what is ready now, and the works that still add to it, by method.

    `stopped` are the methods that the reader has stopped before they were complete.
    """

    report: LayerReport
    works: dict[str, Work]
    stopped: tuple[str, ...]


class MapStore:
    """Seen pictures, finished maps and running works. Safe from any thread; no lock is held while computing."""

    def __init__(self) -> None:
        self._seen = MadeOnce(limit=6)  # a forward pass with all its activations: up to 40 MB each
        self._made = MadeOnce(limit=400)
        self._reports = MadeOnce(limit=24)
        self._fused = MadeOnce(limit=48)
        self.works = Works()

    def seen(self, subject: Subject) -> TracedImage:
        """The picture's kept forward pass, run at the first call."""
        return self._seen.get_or_make(subject.key, subject.see)

    def shown(
        self,
        subject: Subject,
        target: int | tuple[int, int],
        methods: Sequence[str],
        reader: str,
        stopped: frozenset[str] = frozenset(),
    ) -> Shown:
        """A report of these methods: the quick ones complete, slow ones as far as they are.

        `stopped` methods are not started; what had been made of them is shown.
        """
        made: dict[str, MethodMaps] = {}
        works: dict[str, Work] = {}
        for method in methods:
            key = (*subject.key, target, method)
            known = self._made.get(key)
            if known is not None:
                made[method] = known
            elif not is_slow(method):
                made[method] = self._made.get_or_make(key, lambda name=method: self._whole(subject, target, name))
            elif method in stopped:
                work = self.works.get(key)
                if work is not None and work.made is not None:
                    made[method] = work.made
            else:
                works[method] = self._work(subject, target, method, reader)
        unfinished = self._collect(subject, target, works, made)
        return Shown(
            self._report(subject, target, methods, made),
            unfinished,
            tuple(
                name for name in methods if name in stopped and not _complete(made.get(name), self.seen(subject))
            ),
        )

    def fused(self, subject: Subject, report: LayerReport, method: str) -> tuple[MethodMap, ...]:
        """The method's layers fused into one, in each way there is."""
        from analysis.explain.report.layers import fused_maps

        layers = sum(row.maps[method].values is not None for row in report.rows)
        key = (*subject.key, report.target, method, layers)
        return self._fused.get_or_make(key, lambda: fused_maps(report, method))

    def keys(self, subject: Subject, target: int | tuple[int, int], methods: Sequence[str]) -> dict[str, object]:
        """What the works of these methods are called."""
        return {method: (*subject.key, target, method) for method in methods}

    def _work(self, subject: Subject, target: int | tuple[int, int], method: str, reader: str) -> Work:
        from analysis.explain.report.layers import method_maps

        def make(done, progress):
            return method_maps(self.seen(subject).score(target), method, *subject.masks(), done, progress)

        return self.works.ask((*subject.key, target, method), method, reader, make)

    def _whole(self, subject: Subject, target: int | tuple[int, int], method: str) -> MethodMaps:
        from analysis.explain.report.layers import method_maps

        *_, whole = method_maps(self.seen(subject).score(target), method, *subject.masks())
        return whole

    def _collect(
        self, subject: Subject, target: int | tuple[int, int], works: dict[str, Work], made: dict[str, MethodMaps]
    ) -> dict[str, Work]:
        """Wait a moment for the works, take what they have, keep what is complete; returns the others."""
        patience, unfinished = GRACE, {}
        for method, work in works.items():
            if patience > 0 and not work.wait(patience):
                patience = 0.0
            complete = work.finished  # before `made` is read: what it finishes afterwards is for the next run
            if work.error is not None:
                self.works.forget((*subject.key, target, method))  # the next visit tries again
                raise work.error
            if work.made is not None:
                made[method] = work.made
            if complete:
                self._made.keep((*subject.key, target, method), work.made)
            else:
                unfinished[method] = work
        return unfinished

    def _report(
        self,
        subject: Subject,
        target: int | tuple[int, int],
        methods: Sequence[str],
        made: dict[str, MethodMaps],
    ) -> LayerReport:
        from analysis.explain.report.layers import layer_report

        progress = tuple((name, len(made[name].maps) if name in made else 0) for name in methods)
        return self._reports.get_or_make(
            (*subject.key, target, progress),
            lambda: layer_report(
                self.seen(subject),
                subject.image(),
                subject.class_names,
                target,
                methods,
                *subject.masks(),
                made,
            ),
        )


def is_slow(method: str) -> bool:
    """Whether a method runs the network again and again, rather than reading what one pass brought."""
    from analysis.explain.methods import METHODS

    return METHODS[method].needs_resume or METHODS[method].needs_forward


def _complete(made: MethodMaps | None, seen: TracedImage) -> bool:
    return made is not None and len(made.maps) == len(seen.layers)
