"""The learners in memory: how many stay, that the others go, and that one thread at a time uses each."""

from __future__ import annotations

import gc
import shutil
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from analysis.runs import open_run
from dashboard.backend.images import Service
from dashboard.backend.made_once import MadeOnce
from dashboard.backend.residents import Residents, load_resident
from dashboard.backend.words import WordsService


class Learner:
    """Refers to itself, as a fastai Learner does through its callbacks."""

    def __init__(self, run) -> None:
        self.run, self.itself = run, self


class Plain:
    """Is freed as soon as nobody refers to it."""


def run_named(name: str, kind: str = "images"):
    return SimpleNamespace(path=name, manifest=SimpleNamespace(kind=kind, files={"weights.safetensors": "0"}))


@pytest.fixture
def by_hand():
    """No collection but those that the code asks for; nothing stays frozen afterwards."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


@pytest.fixture
def copies(tmp_path):
    """Make so many runs of one."""

    def make(run, count):
        folders = [tmp_path / f"{run.name}-{number}" for number in range(count)]
        return [open_run(shutil.copytree(run.path, folder)) for folder in folders]

    return make


def test_learners_that_had_to_go_are_let_go(by_hand):
    residents = Residents(Learner, limit=2)
    known = [weakref.ref(residents.get(run_named(name))) for name in "abcd"]
    assert [learner() is not None for learner in known] == [False, False, True, True]


def test_four_real_learners_with_room_for_two(tiny_run, copies, by_hand):
    service, known = Service(), []
    image = tiny_run.predictions()["path"].iloc[0]
    for run in copies(tiny_run, 4):
        known.append(weakref.ref(service.resident(run).loaded.learn))
        service.probabilities(run, image)
        service.report(run, image, 0)
    assert [learner() is not None for learner in known] == [False, False, True, True]


def test_four_learners_of_words_with_room_for_two(tiny_words_run, copies, by_hand):
    service, known = WordsService(), []
    review = tiny_words_run.predictions()["path"].iloc[0]
    for run in copies(tiny_words_run, 4):
        service.report(run, review, 0)
        known.append(weakref.ref(service._residents.get(run).loaded.model))
    assert [learner() is not None for learner in known] == [False, False, True, True]


def test_the_oldest_goes_before_the_next_is_loaded():
    alive, known = [], []

    def load(run):
        alive.append(sum(learner() is not None for learner in known))
        learner = Plain()
        known.append(weakref.ref(learner))
        return learner

    residents = Residents(load, limit=2)
    for name in "abcd":
        residents.get(run_named(name))
    assert alive == [0, 1, 1, 1]


def test_a_learner_that_had_to_go_works_on_for_its_holder():
    loads = []
    residents, store = Residents(lambda run: loads.append(run.path) or Learner(run), 2), MadeOnce(4)
    first = run_named("a")
    with residents.held(first) as learner, ThreadPoolExecutor(1) as pool:
        for name in "bc":
            pool.submit(residents.get, run_named(name)).result(10)
        assert residents.get(first) is learner
        assert residents.result(store, first, "itself", lambda mine: mine) is learner
    assert loads == ["a", "b", "c"]
    assert residents.get(first) is not learner


def test_nobody_else_has_a_learner_that_is_held_even_if_it_had_to_go():
    residents, first, waiting = Residents(Learner, 1), run_named("a"), threading.Event()
    order = []

    def other():
        waiting.set()
        with residents.held(first):
            order.append("other")

    with ThreadPoolExecutor(2) as pool:
        with residents.held(first):
            pool.submit(residents.get, run_named("b")).result(10)
            answer = pool.submit(other)
            assert waiting.wait(10)
            pool.submit(residents.get, first).result(10)  # loaded again: the other one could start, were it let
            order.append("holder")
        answer.result(10)
    assert order == ["holder", "other"]


def test_a_result_may_need_other_results_of_its_learner():
    residents, store, run = Residents(Learner), MadeOnce(4), run_named("a")

    def outer(learner):
        return residents.result(store, run, "inner", lambda same: same is learner)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(residents.result, store, run, "outer", outer).result(10) is True


def test_two_readers_of_results_that_need_one_another_do_not_block():
    residents, store, run = Residents(Learner), MadeOnce(8), run_named("a")
    inside, go = threading.Event(), threading.Event()

    def slow(learner):
        inside.set()
        go.wait(10)
        return residents.result(store, run, "second", lambda _: 2)

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(residents.result, store, run, "first", slow)
        assert inside.wait(10)
        two = pool.submit(
            residents.result, store, run, "second", lambda _: residents.result(store, run, "first", slow)
        )
        go.set()
        assert (one.result(10), two.result(10)) == (2, 2)


def test_holding_two_learners_is_an_error_and_not_a_deadlock():
    residents, words = Residents(Learner), Residents(Learner)
    with residents.held(run_named("a")):
        with pytest.raises(RuntimeError, match="let go"), residents.held(run_named("b")):
            pass
        with pytest.raises(RuntimeError, match="let go"), words.held(run_named("b")):
            pass
    with words.held(run_named("b")) as learner:
        assert learner.run.path == "b"


def test_learners_of_one_kind_make_no_room_for_those_of_another(by_hand):
    residents = Residents(Learner, limit=2)
    pictures = [weakref.ref(residents.get(run_named(name))) for name in "ab"]
    words = [weakref.ref(residents.get(run_named(name, "words"))) for name in "cde"]
    assert [learner() is not None for learner in pictures + words] == [True, True, False, True, True]


def test_both_services_share_one_store(tiny_run, tiny_words_run):
    loads = []
    residents = Residents(lambda run: loads.append(run.name) or load_resident(run))
    pictures, words = Service(residents), WordsService(residents)
    for _ in range(2):
        pictures.probabilities(tiny_run, tiny_run.predictions(["path"])["path"].iloc[0])
        words.prediction(tiny_words_run, tiny_words_run.predictions(["path"])["path"].iloc[0])
    assert loads == [tiny_run.name, tiny_words_run.name]


def test_a_learner_is_warmed_once(monkeypatch):
    monkeypatch.setattr("dashboard.backend.residents.start_thread", lambda work, name: work())
    residents, calls = Residents(Learner), []
    for name in "aaba":
        residents.warm(run_named(name), lambda name=name: calls.append(name))
    assert calls == ["a", "b"]
