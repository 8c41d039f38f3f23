"""What each part of an explanation cost, without holding up the device to find out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Cost:
    """`what` is "forward", "backward" or a method's name; `forwards` the time in plain float32 forwards."""

    what: str
    ms: float
    forwards: float


class Clock:
    """Times parts of the work. On CUDA by events, which are read only when somebody asks for the costs."""

    def __init__(self, device: torch.device, reference_ms: float) -> None:
        self._cuda = device.type == "cuda"
        self.reference_ms = reference_ms
        self._parts: list[tuple[str, float | tuple[torch.cuda.Event, torch.cuda.Event]]] = []

    @contextmanager
    def part(self, what: str) -> Iterator[None]:
        """Time what happens in the block; parts of the same name are added up."""
        if self._cuda:
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            yield
            end.record()
            self._parts.append((what, (start, end)))
        else:
            begun = time.perf_counter()
            yield
            self._parts.append((what, (time.perf_counter() - begun) * 1e3))

    def costs(self) -> tuple[Cost, ...]:
        """The parts in the order in which they were first met; waits for a CUDA device."""
        sums: dict[str, float] = {}
        for what, taken in self._parts:
            if isinstance(taken, tuple):
                taken[1].synchronize()
                taken = taken[0].elapsed_time(taken[1])
            sums[what] = sums.get(what, 0.0) + taken
        return tuple(Cost(what, ms, ms / self.reference_ms) for what, ms in sums.items())
