"""A photo of the user's own is predicted and explained, or refused in words."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from tests.dashboard.conftest import labelled, metrics, words


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (70, 90, 3), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_a_photo_is_predicted_and_explained(open_view, tiny_run):
    app = open_view("photo")
    app.file_uploader[0].upload("mine.png", png()).run()
    assert not app.exception
    predicted = metrics(app)["Predicted"].value
    assert predicted in tiny_run.manifest.class_names
    labelled(app.button, "See why, layer by layer").click().run()
    assert not app.exception
    assert app.title[0].value == "Layers"
    assert f"**mine.png** · predicted **{predicted}**" in words(app)


def test_a_bad_photo_is_refused_in_words(open_view):
    app = open_view("photo")
    app.file_uploader[0].upload("mine.png", b"no picture").run()
    assert not app.exception
    assert "mine.png" in app.error[0].value
    assert not app.metric
