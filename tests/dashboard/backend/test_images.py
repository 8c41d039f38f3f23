"""One model, many threads: every map is its own picture's, and the learner is loaded once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from analysis.runs import RunError
from dashboard.backend.caches import predictions
from dashboard.backend.images import Service
from tests.dashboard.backend.hold import AT_ONCE, held_by


def test_threads_get_their_own_maps(tiny_run):
    files = tiny_run.predictions()["path"].tolist()[:6]
    jobs = [(file, target) for file in files for target in (0, 1, (0, 1))]
    alone = Service()
    wanted = {job: alone.report(tiny_run, *job) for job in jobs}
    together = Service()
    with ThreadPoolExecutor(4) as pool:
        found = dict(zip(jobs, pool.map(lambda job: together.report(tiny_run, *job), jobs), strict=True))
    for job in jobs:
        assert found[job].target == wanted[job].target
        for mine, theirs in zip(found[job].rows, wanted[job].rows, strict=True):
            a, b = mine.maps["gradcam"].values, theirs.maps["gradcam"].values
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3 * np.abs(b).max())
    first, second = (wanted[(file, 0)].rows[-1].maps["gradcam"].values for file in files[:2])
    assert not np.allclose(first, second)


def test_a_learner_is_loaded_once(tiny_run, monkeypatch):
    import analysis.learner.images.store as store

    loads, load = [], store.load
    monkeypatch.setattr(store, "load", lambda run: loads.append(run.name) or load(run))
    service = Service()
    with ThreadPoolExecutor(4) as pool:
        residents = list(pool.map(lambda _: service.resident(tiny_run), range(8)))
    assert loads == [tiny_run.name]
    assert all(resident is residents[0] for resident in residents)


def test_what_was_computed_is_kept(tiny_run):
    service = Service()
    file = tiny_run.predictions()["path"].iloc[0]
    assert service.report(tiny_run, file, 0) is service.report(tiny_run, file, 0)
    assert service.report(tiny_run, file, 0) is not service.report(tiny_run, file, 1)


def test_predictions_are_the_tables(tiny_run):
    table = tiny_run.predictions()
    service = Service()
    for row in table.itertuples():
        np.testing.assert_allclose(service.probabilities(tiny_run, row.path), row.probabilities, atol=1e-5)


def test_a_held_learner_of_pictures_holds_up_no_other_reader(tiny_run, another):
    service, other = Service(), another(tiny_run)
    first, second, third = tiny_run.predictions()["path"][:3]
    report, odds = service.report(tiny_run, first, 0), service.probabilities(tiny_run, first)
    with held_by(lambda hold: service.live(tiny_run, first, "held", hold)) as at_once:
        # without any learner
        assert len(at_once(predictions, tiny_run)) == len(tiny_run.predictions())
        assert at_once(service.keepdim_table, tiny_run, (64,), None, True)
        assert (
            at_once(service.pictures.read, tiny_run, second).size == service.pictures.read(tiny_run, second).size
        )
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


def test_drawing_a_picture_without_its_shortcut_holds_no_learner(tiny_run, monkeypatch):
    service = Service()
    first, second = tiny_run.predictions()["path"][:2]
    monkeypatch.setattr("analysis.data.demo.dataset.is_current", lambda root: True)

    def ask(hold):
        def twin(stem):
            hold()
            return np.zeros((64, 64, 3), dtype=np.uint8)

        monkeypatch.setattr("analysis.data.demo.dataset.twin", twin)
        assert service.shortcut_effect(tiny_run, first).without_shortcut.shape == (2,)
        return "done"

    with held_by(ask) as at_once:
        assert at_once(service.probabilities, tiny_run, second).sum() == pytest.approx(1)
        assert at_once(service.live, tiny_run, second, "live", lambda *_: "mine") == "mine"


def test_an_experiment_may_ask_for_anything_of_its_learner(tiny_run):
    service = Service()
    first, second = tiny_run.predictions()["path"][:2]

    def experiment(resident, x):
        assert service.pictures.batch(tiny_run, [first]).equal(x)
        return (
            service.probabilities(tiny_run, second).argmax()
            == service.report(tiny_run, second, 0).logits.argmax(),
            service.live(tiny_run, first, "inner", lambda same, _: same is resident),
            service.pictures.view(tiny_run, first, 64).shape,
        )

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(service.live, tiny_run, first, "outer", experiment).result(AT_ONCE)
    assert found == (True, True, (64, 64, 3))


@pytest.fixture
def reddened(monkeypatch):
    """Every demo picture without its shortcut is one flat reddish picture; with the names that were asked for."""
    import analysis.data.demo.dataset as demo

    flat = np.zeros((70, 90, 3), dtype=np.uint8)
    flat[..., 0], flat[..., 1] = 240, 30
    asked = []
    monkeypatch.setattr(demo, "is_current", lambda root: True)
    monkeypatch.setattr(demo, "twin", lambda stem: asked.append(stem) or flat)
    return flat, asked


def softmax(logits):
    odds = np.exp(logits.astype(np.float64) - logits.max())
    return odds / odds.sum()


def test_the_shortcut_s_effect_is_that_of_the_picture_drawn_without_it(tiny_run, tmp_path, reddened):
    flat, asked = reddened
    row = tiny_run.predictions().iloc[0]
    service = Service()
    effect = service.shortcut_effect(tiny_run, row.path)
    assert asked == [row.path.removesuffix(".png")]
    np.testing.assert_array_equal(effect.picture, flat)
    np.testing.assert_allclose(softmax(effect.with_shortcut), row.probabilities, atol=1e-4)
    Image.fromarray(flat).save(tmp_path / "flat.png")
    photo = service.pictures.keep_upload((tmp_path / "flat.png").read_bytes())
    alone = service.probabilities(tiny_run, photo)
    np.testing.assert_allclose(softmax(effect.without_shortcut), alone, atol=1e-4)
    assert np.abs(alone - row.probabilities).max() > 1e-2  # the two pictures can't be mistaken


def test_pictures_of_another_demo_cannot_be_drawn_again(tiny_run, reddened, monkeypatch):
    monkeypatch.setattr("analysis.data.demo.dataset.is_current", lambda root: False)
    assert Service().shortcut_effect(tiny_run, tiny_run.predictions()["path"].iloc[0]) is None
    assert reddened[1] == []


def test_a_run_of_words_is_refused(tiny_words_run):
    with pytest.raises(RunError, match="is a run of words, not of images"):
        Service().probabilities(tiny_words_run, "sand_1.png")
