"""While one reader has a learner to itself, nobody waits who needs another learner, or none."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from analysis.runs import open_run
from dashboard.backend.caches import predictions
from dashboard.backend.images import Service
from dashboard.backend.words import WordsService

AT_ONCE = 30  # seconds within which an answer must come, however busy the machine; the holder would never let go


class Hold:
    """A computation that goes on until the test lets it end."""

    def __init__(self) -> None:
        self.inside, self.end = threading.Event(), threading.Event()

    def __call__(self, *_) -> str:
        self.inside.set()
        assert self.end.wait(600)
        return "done"


@contextmanager
def held_by(ask):
    """A second thread that runs `ask(hold)`; gives a function that runs others in a third, with a time limit."""
    hold = Hold()
    with ThreadPoolExecutor(2) as pool:
        try:
            holder = pool.submit(ask, hold)
            assert hold.inside.wait(60)
            yield lambda work, *args: pool.submit(work, *args).result(AT_ONCE)
            assert not holder.done()
        finally:
            hold.end.set()
        assert holder.result(60) == "done"


@pytest.fixture
def another(tmp_path):
    """Make a second run of one."""
    return lambda run: open_run(shutil.copytree(run.path, tmp_path / f"{run.name}-again"))


def test_a_held_learner_of_pictures_holds_up_no_other_reader(tiny_run, another):
    service, other = Service(), another(tiny_run)
    first, second, third = tiny_run.predictions()["path"][:3]
    report, odds = service.report(tiny_run, first, 0), service.probabilities(tiny_run, first)
    with held_by(lambda hold: service.live(tiny_run, first, "held", hold)) as at_once:
        # without any learner
        assert len(at_once(predictions, tiny_run)) == len(tiny_run.predictions())
        assert at_once(service.keepdim_table, tiny_run, (64,), None, True)
        assert at_once(service.picture, tiny_run, second).size == service.picture(tiny_run, second).size
        # what is kept of the held one
        assert at_once(service.report, tiny_run, first, 0) is report
        assert at_once(service.probabilities, tiny_run, first) is odds
        # maps of the held one, which are made on copies
        assert at_once(service.report, tiny_run, third, 0).target == 0
        # anything of another one
        np.testing.assert_allclose(at_once(service.probabilities, other, first), odds, rtol=1e-5)
        assert at_once(service.report, other, second, 0).target == 0
        assert at_once(service.live, other, first, "held", lambda *_: "mine") == "mine"
        assert at_once(service.keepdim_table, other, (64,), None, False)


def test_drawing_the_planted_object_away_holds_no_learner(tiny_run, monkeypatch):
    service = Service()
    first, second = tiny_run.predictions()["path"][:2]
    monkeypatch.setattr("analysis.data.demo.dataset.is_current", lambda root: True)

    def ask(hold):
        def twin(stem):
            hold()
            return np.zeros((64, 64, 3), dtype=np.uint8)

        monkeypatch.setattr("analysis.data.demo.dataset.twin", twin)
        assert service.twin_effect(tiny_run, first).without_object.shape == (2,)
        return "done"

    with held_by(ask) as at_once:
        assert at_once(service.probabilities, tiny_run, second).sum() == pytest.approx(1)
        assert at_once(service.live, tiny_run, second, "live", lambda *_: "mine") == "mine"


def test_an_experiment_may_ask_for_anything_of_its_learner(tiny_run):
    service = Service()
    first, second = tiny_run.predictions()["path"][:2]

    def experiment(resident, x):
        assert service.batch(tiny_run, [first]).equal(x)
        return (
            service.probabilities(tiny_run, second).argmax()
            == service.report(tiny_run, second, 0).logits.argmax(),
            service.live(tiny_run, first, "inner", lambda same, _: same is resident),
            service.decoded(tiny_run, first, 64).shape,
        )

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(service.live, tiny_run, first, "outer", experiment).result(AT_ONCE)
    assert found == (True, True, (64, 64, 3))


def test_a_held_learner_of_words_holds_up_no_other_reader(tiny_words_run, another, monkeypatch):
    import analysis.words

    service, other = WordsService(), another(tiny_words_run)
    first, second = tiny_words_run.predictions()["path"][:2]
    kept, report = service.prediction(tiny_words_run, first), analysis.words.words_report

    def ask(hold):
        def slow(loaded, *args):
            if loaded.run.path == tiny_words_run.path:
                hold()
            return report(loaded, *args)

        monkeypatch.setattr(analysis.words, "words_report", slow)
        service.report(tiny_words_run, first, 0)
        return "done"

    with held_by(ask) as at_once:
        assert at_once(service.text, tiny_words_run, second)
        assert at_once(service.prediction, tiny_words_run, first) is kept
        np.testing.assert_allclose(at_once(service.prediction, other, first).probabilities, kept.probabilities)
        assert at_once(service.report, other, second, 0).words
