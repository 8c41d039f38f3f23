"""The bounded store: each value is made once, an error reaches whoever waited, and what is used stays."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard.backend.made_once import MadeOnce


class Key:
    """A key that says how often a store has looked for it; a store holds its lock while it does."""

    def __init__(self) -> None:
        self.looked_for = threading.Semaphore(0)

    def __hash__(self) -> int:
        self.looked_for.release()
        return 1


def test_one_value_is_made_once_and_holds_up_no_other():
    store, started, go = MadeOnce(4), threading.Event(), threading.Event()
    calls = []

    def slow():
        started.set()
        go.wait(10)
        calls.append(1)
        return "slow"

    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(store.get_or_make, "slow", slow) for _ in range(3)]
        assert started.wait(10)
        assert store.get_or_make("quick", lambda: "quick") == "quick"
        assert store.get("slow") is None
        go.set()
        assert [answer.result(10) for answer in answers] == ["slow"] * 3
    assert calls == [1]


def three_ask(make):
    """Let one thread make a value while two others wait for it; returns the three futures and the store."""
    store, key, go = MadeOnce(4), Key(), threading.Event()

    def later():
        go.wait(10)
        return make()

    with ThreadPoolExecutor(3) as pool:
        answers = []
        for _ in range(3):
            answers.append(pool.submit(store.get_or_make, key, later))
            assert key.looked_for.acquire(timeout=10)
        go.set()
    return answers, store, key


def test_an_error_reaches_everybody_who_waited_and_nobody_who_comes_later():
    calls = []

    def broken():
        calls.append(1)
        raise ValueError("broken")

    answers, store, key = three_ask(broken)
    errors = [answer.exception() for answer in answers]
    assert isinstance(errors[0], ValueError)
    assert all(error is errors[0] for error in errors)
    assert calls == [1]
    assert store.get_or_make(key, lambda: "mended") == "mended"


def test_a_maker_that_is_stopped_leaves_the_value_to_those_who_wait():
    calls = []

    def stopped_once():
        calls.append(1)
        if len(calls) == 1:
            raise SystemExit
        return "made"

    answers, _, _ = three_ask(stopped_once)
    assert [type(answer.exception()) for answer in answers].count(SystemExit) == 1
    assert [answer.result() for answer in answers if answer.exception() is None] == ["made", "made"]
    assert len(calls) == 2


def test_none_is_a_value():
    store, calls = MadeOnce(4), []
    for _ in range(2):
        assert store.get_or_make("nothing", lambda: calls.append(1)) is None
    assert calls == [1]
    answers, _, _ = three_ask(lambda: calls.append(2))
    assert [answer.result() for answer in answers] == [None, None, None]
    assert calls == [1, 2]
    assert store.get("nothing", "absent") is None
    assert store.get("other", "absent") == "absent"


def test_what_was_used_longest_ago_is_dropped():
    store = MadeOnce(2)
    for key in ("a", "b", "a", "c"):
        store.get_or_make(key, lambda key=key: key.upper())
    assert [store.get(key) for key in "abc"] == ["A", None, "C"]


def test_looking_at_a_value_is_using_it():
    store = MadeOnce(2)
    store.keep("a", "A")
    store.keep("b", "B")
    assert store.get("a") == "A"
    store.keep("c", "C")
    assert [store.get(key) for key in "abc"] == ["A", None, "C"]


def test_room_is_made_before_a_value():
    store = MadeOnce(1)
    store.keep("old", "old")
    assert store.get_or_make("new", lambda: store.get("old") or "gone") == "gone"


def test_a_value_in_the_making_is_not_dropped():
    store, key, calls, full, go = MadeOnce(1), Key(), [], threading.Event(), threading.Event()

    def slow():
        calls.append(1)
        for other in "abc":
            store.keep(other, other)
        while key.looked_for.acquire(blocking=False):
            pass
        full.set()
        go.wait(10)
        return "slow"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(store.get_or_make, key, slow)
        assert full.wait(10)
        second = pool.submit(store.get_or_make, key, slow)
        assert key.looked_for.acquire(timeout=10)
        go.set()
        assert (first.result(10), second.result(10)) == ("slow", "slow")
    assert calls == [1]


def test_a_value_may_need_others_but_not_itself():
    store = MadeOnce(4)
    assert store.get_or_make("sum", lambda: store.get_or_make("part", lambda: 1) + 1) == 2
    with pytest.raises(RuntimeError, match="needs itself"):
        store.get_or_make("circle", lambda: store.get_or_make("circle", lambda: 1))
