"""One model, many threads: every map is its own picture's, and the learner is loaded once."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from analysis.data.images import ImageError
from dashboard.backend.gone import ImageGone
from dashboard.backend.images import Service


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


def test_pictures_that_are_not_there(tiny_run):
    service = Service()
    with pytest.raises(ImageGone, match="Put the folder back"):
        service.picture(tiny_run, "gone.jpg")
    with pytest.raises(ImageGone, match="Upload it again"):
        service.picture(tiny_run, "upload:" + "0" * 64)
    with pytest.raises(ImageError):
        service.keep_upload(b"\x89PNG\r\n\x1a\n nonsense")


def test_a_photo_on_the_screen_outlives_newer_ones(tiny_run):
    service = Service()
    mine, *others = (service.keep_upload(png(level), f"{level}.png") for level in range(32))
    service.picture(tiny_run, mine)
    service.keep_upload(png(32), "32.png")
    assert service.picture(tiny_run, mine).getpixel((0, 0)) == (0, 0, 0)
    assert service.upload_name(mine) == "0.png"
    with pytest.raises(ImageGone):
        service.picture(tiny_run, others[0])


def png(level: int) -> bytes:
    """A small grey picture as a file."""
    file = io.BytesIO()
    Image.new("RGB", (32, 32), (level, level, level)).save(file, "PNG")
    return file.getvalue()


def test_threads_get_their_own_batches(tiny_run):
    service = Service()
    files = tiny_run.predictions()["path"].tolist()[:8]
    alone = {file: service.batch(tiny_run, [file]) for file in files}
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda file: service.batch(tiny_run, [file]), files * 4))
    for file, batch in zip(files * 4, together, strict=True):
        assert batch.equal(alone[file])
