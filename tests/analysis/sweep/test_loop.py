"""The loop over a set: order, progress, cancel, resume, a kill at each point, and other executors."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.progress import ProgressEvent
from analysis.sweep import Shards, shards, sweep
from tests.tiny import REPOSITORY

NAMES = [f"{number}.png" for number in range(10)]


class Work:
    """Squares the number in each name, and remembers the batches."""

    def __init__(self, fail_at: str = "") -> None:
        self.batches: list[list[str]] = []
        self.fail_at = fail_at

    def __call__(self, batch: Sequence[str]) -> pa.Table:
        self.batches.append(list(batch))
        if self.fail_at in batch:
            raise RuntimeError("the machine is gone")
        return pa.table({"name": list(batch), "square": [int(name.split(".")[0]) ** 2 for name in batch]})


EXPECTED = Work()(NAMES)


def cancel_after(done: int) -> Callable[[ProgressEvent], None]:
    def report(event: ProgressEvent) -> None:
        if event.batch == done:
            raise KeyboardInterrupt

    return report


def test_batches_and_progress_of_a_sweep_in_memory():
    work, events = Work(), []
    results = sweep(NAMES, work, batch_size=4, report=events.append, stage="words", message="{done}/{total}")
    assert results.table().equals(EXPECTED)
    assert [len(batch) for batch in work.batches] == [4, 4, 2]
    assert [(event.stage, event.message, event.fraction, event.batch, event.batches) for event in events] == [
        ("words", "0/10", 0.0, 0, 3),
        ("words", "4/10", 0.4, 1, 3),
        ("words", "8/10", 0.8, 2, 3),
        ("words", "10/10", 1.0, 3, 3),
    ]


def test_a_set_of_nothing_is_done_at_once(tmp_path: Path):
    events: list[ProgressEvent] = []
    for out in (None, Shards(tmp_path / "out", "key")):
        results = sweep([], Work(), batch_size=4, report=events.append, out=out)
        assert results.table().num_rows == 0
    assert [event.fraction for event in events] == [1.0, 1.0]


def test_results_of_the_callers_batches_are_put_back_in_the_examples_order():
    work = Work()
    batches = [np.array([9, 2, 5]), np.array([0, 1]), np.array([8, 7, 6, 4, 3])]
    assert sweep(NAMES, work, batches=batches).table().equals(EXPECTED)
    assert work.batches[0] == ["9.png", "2.png", "5.png"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either batch_size or batches"),
        ({"batch_size": 2, "batches": [np.arange(10)]}, "either batch_size or batches"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batches": [np.arange(9)]}, "each of the 10 examples exactly once"),
        ({"batches": [np.arange(10), np.array([3])]}, "each of the 10 examples exactly once"),
    ],
)
def test_batches_that_do_not_cover_the_set_once_are_refused(options: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        sweep(NAMES, Work(), **options)


def test_a_reader_gets_the_unfinished_batches_and_its_values_go_to_the_work(tmp_path: Path):
    asked: list[list[list[str]]] = []

    def read(batches: list[list[str]]) -> Iterator[list[str]]:
        asked.append(batches)
        for batch in batches:
            yield [name.upper().replace("PNG", "png") for name in batch]

    out = Shards(tmp_path, "key")
    with pytest.raises(KeyboardInterrupt):
        sweep(NAMES, Work(), batch_size=4, read=read, report=cancel_after(1), out=out)
    assert sweep(NAMES, Work(), batch_size=4, read=read, out=out).table().equals(EXPECTED)
    assert asked == [[NAMES[:4], NAMES[4:8], NAMES[8:]], [NAMES[4:8], NAMES[8:]]]


def test_a_reader_that_loses_a_batch_is_an_error_not_a_shorter_table():
    with pytest.raises(ValueError, match="shorter"):
        sweep(NAMES, Work(), batch_size=4, read=lambda batches: batches[:-1])


def test_a_cancelled_sweep_resumes_with_the_rest_only(tmp_path: Path):
    out, work = Shards(tmp_path / "out", "weights"), Work()
    with pytest.raises(KeyboardInterrupt):
        sweep(NAMES, work, batch_size=3, report=cancel_after(2), out=out)
    assert len(work.batches) == 2
    rest, events = Work(), []
    results = sweep(NAMES, rest, batch_size=3, report=events.append, out=out)
    assert rest.batches == [NAMES[6:9], NAMES[9:]]
    assert results.table().equals(EXPECTED)
    assert [(event.fraction, event.batch) for event in events] == [(0.6, 2), (0.9, 3), (1.0, 4)]
    again, events = Work(), []
    assert sweep(NAMES, again, batch_size=3, report=events.append, out=out).table().equals(EXPECTED)
    assert again.batches == []
    assert [event.fraction for event in events] == [1.0]


def test_another_key_or_other_examples_are_computed_again_and_the_old_shards_go(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("not a shard")
    sweep(NAMES, Work(), batch_size=5, out=Shards(tmp_path, "one"))
    other = Work()
    sweep(NAMES, other, batch_size=5, out=Shards(tmp_path, "two"))
    assert other.batches == [NAMES[:5], NAMES[5:]]
    longer = Work()
    sweep([*NAMES[:5], "70.png", *NAMES[6:]], longer, batch_size=5, out=Shards(tmp_path, "two"))
    assert longer.batches == [["70.png", *NAMES[6:]]]  # the first batch is the same
    assert len(list(tmp_path.glob("*.parquet"))) == 2
    assert pa.concat_tables(map(pq.read_table, sorted(tmp_path.glob("*.parquet"))))["square"][5].as_py() == 4900
    assert (tmp_path / "mine.txt").exists()


def test_a_damaged_shard_is_computed_again(tmp_path: Path):
    out = Shards(tmp_path, "key")
    sweep(NAMES, Work(), batch_size=5, out=out)
    second = out.path(1, NAMES[5:])
    second.write_bytes(second.read_bytes()[:-10])
    work = Work()
    assert sweep(NAMES, work, batch_size=5, out=out).table().equals(EXPECTED)
    assert work.batches == [NAMES[5:]]


@pytest.mark.parametrize("point", ["work", "write", "rename"])
def test_a_failure_at_any_point_leaves_whole_shards_only(
    point: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def half(table: pa.Table, path: Path) -> None:
        path.write_bytes(b"PAR1 and half of")
        raise OSError("No space left on device")

    def refuse(source: Path, target: Path) -> None:
        raise OSError("No space left on device")

    out, work = Shards(tmp_path, "key"), Work(fail_at="6.png" if point == "work" else "")

    def sabotage(event: ProgressEvent) -> None:
        if event.batch == 2 and point == "write":
            monkeypatch.setattr(shards.pq, "write_table", half)
        if event.batch == 2 and point == "rename":
            monkeypatch.setattr(shards.os, "replace", refuse)

    with pytest.raises((RuntimeError, OSError)):
        sweep(NAMES, work, batch_size=3, report=sabotage, out=out)
    assert sorted(tmp_path.iterdir()) == sorted([out.path(0, NAMES[:3]), out.path(1, NAMES[3:6])])
    monkeypatch.undo()
    rest = Work()
    assert sweep(NAMES, rest, batch_size=3, out=out).table().equals(EXPECTED)
    assert rest.batches == [NAMES[6:9], NAMES[9:]]


KILLED = """
import os, sys
from pathlib import Path
from analysis.sweep import Shards, shards, sweep
from tests.analysis.sweep.test_loop import NAMES, Work
def report(event):
    if event.batch == 2:
        shards.pq.write_table = lambda table, path: (path.write_bytes(b"PAR1 and half of"), os._exit(9))
sweep(NAMES, Work(), batch_size=3, report=report, out=Shards(Path(sys.argv[1]), "key"))
"""


def test_a_process_that_is_killed_while_it_writes_leaves_whole_shards_only(tmp_path: Path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=REPOSITORY, check=False)
    assert done.returncode == 9
    out = Shards(tmp_path, "key")
    assert sorted(tmp_path.glob("*.parquet")) == [out.path(0, NAMES[:3]), out.path(1, NAMES[3:6])]
    assert len(list(tmp_path.iterdir())) == 3  # and the half file, under its temporary name
    rest = Work()
    assert sweep(NAMES, rest, batch_size=3, out=out).table().equals(EXPECTED)
    assert rest.batches == [NAMES[6:9], NAMES[9:]]
    assert len(list(tmp_path.iterdir())) == 4


class BackwardsExecutor:
    """Computes all batches in another thread, the last one first."""

    def __init__(self) -> None:
        self.threads: set[int] = set()

    def map(self, work: Callable[[Any], Any], batches: Iterable[Any], /) -> Iterator[Any]:
        waiting, results = list(batches), {}

        def compute() -> None:
            self.threads.add(threading.get_ident())
            for place in reversed(range(len(waiting))):
                results[place] = work(waiting[place])

        thread = threading.Thread(target=compute)
        thread.start()
        thread.join(30)
        return iter([results[place] for place in range(len(waiting))])


@pytest.mark.parametrize("kept", [False, True])
def test_executors_of_any_order_and_thread_give_the_same_table(kept: bool, tmp_path: Path):
    backwards = BackwardsExecutor()
    with ThreadPoolExecutor(3) as pool:
        for executor in (backwards, pool):
            out = Shards(tmp_path / type(executor).__name__, "key") if kept else None
            events: list[ProgressEvent] = []
            results = sweep(NAMES, Work(), batch_size=3, report=events.append, executor=executor, out=out)
            assert results.table().equals(EXPECTED)
            assert [event.fraction for event in events] == [0.0, 0.3, 0.6, 0.9, 1.0]
    assert threading.get_ident() not in backwards.threads


def test_what_another_executor_finished_before_the_cancel_is_not_computed_again(tmp_path: Path):
    out = Shards(tmp_path, "key")
    with pytest.raises(KeyboardInterrupt):
        sweep(NAMES, Work(), batch_size=3, report=cancel_after(1), executor=BackwardsExecutor(), out=out)
    rest = Work()
    assert sweep(NAMES, rest, batch_size=3, out=out).table().equals(EXPECTED)
    assert rest.batches == []


def test_a_cancel_closes_the_executors_iterator():
    class Closing:
        def __init__(self) -> None:
            self.computed: list[Any] = []

        def map(self, work: Callable[[Any], Any], batches: Iterable[Any], /) -> Iterator[Any]:
            self.results = self.compute(work, batches)
            return self.results

        def compute(self, work: Callable[[Any], Any], batches: Iterable[Any]) -> Iterator[Any]:
            for batch in batches:
                self.computed.append(batch)
                yield work(batch)

    executor = Closing()
    with pytest.raises(KeyboardInterrupt):
        sweep(NAMES, Work(), batch_size=3, report=cancel_after(1), executor=executor)
    assert list(executor.results) == []  # although more batches were waiting
    assert len(executor.computed) == 1


def test_an_executor_that_loses_a_result_is_an_error_not_a_shorter_table():
    class Losing:
        def map(self, work: Callable[[Any], Any], batches: Iterable[Any], /) -> Iterator[Any]:
            return iter([work(batch) for batch in batches][:-1])

    with pytest.raises(ValueError, match="shorter"):
        sweep(NAMES, Work(), batch_size=4, executor=Losing())
