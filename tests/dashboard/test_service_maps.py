"""The service hands the right mask, the right weights and the right twin to what it asks the engine for."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from analysis.runs import open_run, sha256
from dashboard.backend.images import Service


def test_energy_lies_inside_the_hand_made_trimap(tiny_run, tmp_path):
    # 160 x 80: the learner's view is the middle square, columns 40 to 120, shrunk to 64 x 64.
    root, trimaps = tmp_path / "pictures", tmp_path / "annotations" / "trimaps"
    root.mkdir()
    trimaps.mkdir(parents=True)
    pixels = np.random.default_rng(3).integers(0, 255, (80, 160, 3), dtype=np.uint8)
    pixels[:, :90, 0] = 255  # something to be hot or cold about
    Image.fromarray(pixels).save(root / "sand_1.png")
    trimap = np.full((80, 160), 2, dtype=np.uint8)
    trimap[:20, 40:70] = 1
    trimap[:20, 70:80] = 3  # the undecided ring counts as animal
    trimap[:, 130:] = 1  # outside the view
    Image.fromarray(trimap).save(trimaps / "sand_1.png")
    wanted = np.zeros((64, 64))
    wanted[:16, :32] = 1

    run = replace(tiny_run, manifest=replace(tiny_run.manifest, data_root=str(root)))
    report = Service().report(run, "sand_1.png", (1, 0))
    np.testing.assert_array_equal(report.mask, wanted == 1)
    assert report.mask.mean() == pytest.approx(1 / 8)
    checked = 0
    for row in report.rows:
        height, width = row.maps["gradcam"].values.shape
        share = wanted.reshape(height, 64 // height, width, 64 // width).mean(axis=(1, 3))
        for shown in row.maps.values():
            values, found = shown.values, shown.numbers.inside["animal"]["mass"]
            assert list(shown.numbers.inside) == ["animal"]
            hot = np.where(values > 0, values, 0).astype(np.float64)
            if hot.sum() > 0:
                assert found == pytest.approx((hot * share).sum() / hot.sum(), abs=1e-6)
                checked += 1
    assert checked >= 4


def test_a_picture_without_annotations_has_no_mask(tiny_run):
    report = Service().report(tiny_run, tiny_run.predictions()["path"].iloc[0], 0)
    assert report.mask is None
    assert report.shortcut is None


def test_new_weights_at_the_same_path_get_their_own_maps(tiny_run, tmp_path):
    folder = tmp_path / tiny_run.name
    shutil.copytree(tiny_run.path, folder)
    image = tiny_run.predictions()["path"].iloc[0]
    service, old = Service(), open_run(folder)
    before, odds = service.report(old, image, 0), service.probabilities(old, image)

    weights = load_file(folder / "weights.safetensors")
    last = [name for name, tensor in weights.items() if tensor.ndim == 2][-1]
    assert f"{last.removesuffix('weight')}bias" not in weights  # so that doubling it doubles every logit
    weights[last] = 2 * weights[last]
    save_file(weights, folder / "weights.safetensors", metadata={"format": "pt"})
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["weights.safetensors"] = sha256(folder / "weights.safetensors")
    (folder / "manifest.json").write_text(json.dumps(manifest))

    new = open_run(folder)
    assert new.path == old.path
    after = service.report(new, image, 0)
    np.testing.assert_allclose(after.logits, 2 * before.logits, rtol=1e-4)
    np.testing.assert_allclose(
        *(scale * found.rows[-1].maps["gradcam"].values for scale, found in ((1, after), (2, before))),
        rtol=1e-3,
        atol=1e-6,
    )
    np.testing.assert_allclose(
        service.probabilities(new, image), odds**2 / (odds**2).sum(), rtol=1e-3
    )  # softmax of twice the logits
    assert service.resident(new) is not service.resident(old)


@pytest.fixture
def reddened(monkeypatch):
    """Every demo picture's twin is one flat reddish picture; the names that it was asked for."""
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


def test_the_twin_is_the_picture_without_the_object(tiny_run, tmp_path, reddened):
    flat, asked = reddened
    row = tiny_run.predictions().iloc[0]
    service = Service()
    effect = service.twin_effect(tiny_run, row.path)
    assert asked == [row.path.removesuffix(".png")]
    np.testing.assert_array_equal(effect.picture, flat)
    np.testing.assert_allclose(softmax(effect.with_object), row.probabilities, atol=1e-4)
    Image.fromarray(flat).save(tmp_path / "flat.png")
    photo = service.keep_upload((tmp_path / "flat.png").read_bytes())
    alone = service.probabilities(tiny_run, photo)
    np.testing.assert_allclose(softmax(effect.without_object), alone, atol=1e-4)
    assert np.abs(alone - row.probabilities).max() > 1e-2  # the two pictures can't be mistaken


def test_pictures_of_another_demo_have_no_twin(tiny_run, reddened, monkeypatch):
    monkeypatch.setattr("analysis.data.demo.dataset.is_current", lambda root: False)
    assert Service().twin_effect(tiny_run, tiny_run.predictions()["path"].iloc[0]) is None
    assert reddened[1] == []
