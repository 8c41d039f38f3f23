"""The executor that computes in the calling thread."""

from __future__ import annotations

import threading

from analysis.sweep.executor import local


def test_batches_are_computed_in_this_thread_one_at_a_time():
    computed: list[tuple[int, int]] = []

    def work(batch: int) -> int:
        computed.append((batch, threading.get_ident()))
        return batch + 1

    results = local.map(work, iter([1, 2, 3]))
    assert computed == []
    assert next(results) == 2
    assert computed == [(1, threading.get_ident())]  # the others only when they are asked for
    assert list(results) == [3, 4]
