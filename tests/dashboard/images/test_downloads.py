"""The downloads of the Layers page: names of files, and what they hold."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from dashboard.figures.options import LayerViewOptions
from dashboard.images.downloads import download_buttons
from tests.dashboard.figures.conftest import make_report


@pytest.fixture
def buttons(monkeypatch):
    """The download buttons that were drawn, by label: file name and data."""
    import streamlit

    drawn = {}
    monkeypatch.setattr(
        streamlit,
        "download_button",
        lambda label, data, file_name, **_: drawn.update({label: SimpleNamespace(data=data, file=file_name)}),
    )
    return drawn


def test_side_by_side_the_png_is_of_the_layer_that_was_chosen(buttons):
    download_buttons(make_report(), "a folder/my cat.1.jpg", LayerViewOptions(layer=2), None, ())
    png, npz = buttons["PNG of Stage 2"], buttons["Raw maps as NPZ"]
    assert (png.file, npz.file) == ("my-cat.1-layer-3.png", "my-cat.1-maps.npz")
    assert Image.open(io.BytesIO(png.data())).width > 1000
    maps = np.load(io.BytesIO(npz.data()))
    np.testing.assert_array_equal(maps["0.5/cam"][0], make_report().rows[5].maps["cam"].values)
    assert maps["images"].tolist() == ["a folder/my cat.1.jpg"]


def test_of_one_method_the_png_holds_every_layer(buttons):
    download_buttons(make_report(), "cat.jpg", LayerViewOptions(), "gradcam", ())
    one_row = Image.open(io.BytesIO(buttons["PNG of Grad-CAM"].data()))
    assert buttons["PNG of Grad-CAM"].file == "cat-gradcam.png"
    assert one_row.height > 1000
