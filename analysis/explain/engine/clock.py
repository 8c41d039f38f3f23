"""The time that each part of an explanation takes, measured without making the device wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Cost:
    """The time of one part of the work.

    Attributes
    ----------
    part : "forward", "backward" or the name of a method.
    ms : milliseconds.
    forwards : the same in units of one plain float32 forward pass of the model.
    """

    part: str
    ms: float
    forwards: float


class Clock:
    """Measure the time of parts of the work.

    On CUDA it is measured with events, which are read only when `costs` is called.

    Parameters
    ----------
    device : where the work runs.
    reference_ms : milliseconds of one plain float32 forward pass, the unit of `Cost.forwards`.
    """

    def __init__(self, device: torch.device, reference_ms: float) -> None:
        self._cuda = device.type == "cuda"
        self.reference_ms = reference_ms
        self._parts: list[tuple[str, float | tuple[torch.cuda.Event, torch.cuda.Event]]] = []

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Measure the time of the block; the times of blocks with the same name are added."""
        if self._cuda:
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            yield
            end.record()
            self._parts.append((name, (start, end)))
        else:
            start_time = time.perf_counter()
            yield
            self._parts.append((name, (time.perf_counter() - start_time) * 1e3))

    def costs(self) -> tuple[Cost, ...]:
        """Return the cost of each part, in the order in which the parts began; waits for a CUDA device."""
        sums: dict[str, float] = {}
        for name, duration in self._parts:
            if isinstance(duration, tuple):
                duration[1].synchronize()
                duration = duration[0].elapsed_time(duration[1])
            sums[name] = sums.get(name, 0.0) + duration
        return tuple(Cost(name, ms, ms / self.reference_ms) for name, ms in sums.items())
