"""The order of the classes and the decoded picture, against fastai and arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.chapter.pictures import class_order, decode_picture
from analysis.chapter.subject import Subject


def test_class_order_and_decoding_are_fastais(tiny_run):
    from PIL import Image

    from analysis.learner.images.store import load

    loaded = load(tiny_run, "cpu")
    photo = Image.open(tiny_run.image_path(tiny_run.examples().names("valid")[0]))
    x = loaded.batch([photo])
    assert class_order(loaded.learn.dls).result == [(0, "sand"), (1, "sea")]
    picture = decode_picture(Subject(loaded.model, x), loaded.learn.dls).result
    np.testing.assert_allclose(picture.decoded, loaded.picture(x)[0], atol=1)  # fastai truncates
    ranges = {name: values for name, *values in picture.ranges}
    mean, std = np.array(tiny_run.manifest.normalize)
    red = (np.array(ranges["decoded, red"]) / 255 - mean[0]) / std[0]
    np.testing.assert_allclose(ranges["normalised, red"], red, atol=0.02)
    outside = ((x[0] < 0) | (x[0] > 1)).float().mean()
    assert picture.share_outside == pytest.approx(float(outside))
    assert picture.normalised.max() == 255
    assert picture.normalised.min() == 0
