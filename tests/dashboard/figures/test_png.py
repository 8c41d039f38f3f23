from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from dashboard.figures import png
from dashboard.figures.options import LayerViewOptions
from dashboard.figures.png import multiples_png, view_png


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)).convert("RGB")).astype(int)


def panel(picture: np.ndarray, number: int) -> np.ndarray:
    """The inner part of one of the three panels."""
    width = picture.shape[1] // 3
    return picture[120:600, number * width + 60 : (number + 1) * width - 60]


@pytest.fixture(scope="module")
def plain(report) -> np.ndarray:
    return pixels(view_png(report, 5))


def test_the_png_has_its_size_and_shows_photo_and_maps(report, plain):
    assert plain.shape[1] == 1800
    photo = panel(plain, 0)
    top, bottom = report.image[20, 112].astype(int), report.image[200, 112].astype(int)
    assert np.abs(photo[0, 220] - top).max() < 40
    assert np.abs(photo[-1, 220] - bottom).max() < 40
    assert np.abs(panel(plain, 1) - photo).mean() > 10
    assert np.abs(panel(plain, 2) - panel(plain, 1)).mean() > 5


@pytest.mark.parametrize(
    "options",
    [
        LayerViewOptions(relu=True),
        LayerViewOptions(smooth=False),
        LayerViewOptions(opacity=0.2),
        LayerViewOptions(colours="PuOr"),
    ],
)
def test_every_option_changes_the_maps_and_leaves_the_photo(report, plain, options):
    changed = pixels(view_png(report, 5, options))
    assert np.abs(panel(changed, 1) - panel(plain, 1)).mean() > 1
    np.testing.assert_array_equal(panel(changed, 0), panel(plain, 0))


def test_opacity_zero_is_the_photo(report):
    picture = pixels(view_png(report, 5, LayerViewOptions(opacity=0.0)))
    assert np.abs(panel(picture, 1)[:, :400] - panel(picture, 0)[:, :400]).mean() < 4


def test_outlines_theme_and_layer_are_honoured(report, plain):
    outlined = pixels(view_png(report, 5, LayerViewOptions(animal_outline=True)))
    assert np.abs(panel(outlined, 0) - panel(plain, 0)).max() > 100
    dark = pixels(view_png(report, 5, LayerViewOptions(theme="dark")))
    assert plain[-1, 0].tolist() == [255, 255, 255]
    assert dark[-1, 0].max() < 40
    other = pixels(view_png(report, 4))
    assert np.abs(panel(other, 2) - panel(plain, 2)).mean() > 5


def test_one_scale_shows_the_same_map_twice_for_a_linear_head(report):
    row = report.rows[5]
    same = replace(row.maps["gradcam"], values=row.maps["cam"].values / 49)
    row = replace(row, maps={**row.maps, "gradcam": same})
    twins = replace(report, rows=(row,))
    picture = pixels(view_png(twins, 0, LayerViewOptions(same_scale=True)))
    width = 600
    left = picture[120:600, 620:1180]
    assert np.abs(left - picture[120:600, 620 + width : 1180 + width]).mean() < 1


def test_a_layer_without_cam_is_drawn_with_its_reason(report):
    picture = pixels(view_png(report, 0))
    assert np.abs(panel(picture, 1)[240, 100:340] - panel(picture, 0)[240, 100:340]).max() > 50


def test_a_layer_that_is_not_there_is_refused(report):
    with pytest.raises(ValueError, match="not one of the report's 6 layers"):
        view_png(report, 6)


def test_threads_draw_the_same_picture(report, plain):
    with ThreadPoolExecutor(4) as pool:
        for data in pool.map(lambda _: view_png(report, 5), range(4)):
            np.testing.assert_array_equal(pixels(data), plain)


def scaled(report, factor: float, rows: slice):
    """The report with some of its rows, their values multiplied."""
    chosen = [
        replace(
            row,
            maps={
                name: replace(one, values=None if one.values is None else one.values * factor)
                for name, one in row.maps.items()
            },
        )
        for row in report.rows[rows]
    ]
    return replace(report, rows=tuple(chosen))


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("factor", [1e-6, 0.001, 0.0066, 0.0501, 0.501, 1, 41.5, 19_000, 3e7])
def test_the_numbers_of_the_colour_bars_can_be_read(five, monkeypatch, factor, relu):
    drawn = []
    monkeypatch.setattr(png, "Figure", lambda **options: drawn.append(Figure(**options)) or drawn[-1])
    options = LayerViewOptions(relu=relu)
    view_png(scaled(five, factor, slice(5, 6)), 0, options)
    multiples_png(scaled(five, factor, slice(5, 6)), "gradcam", (), options)  # two panels, one row
    for figure in drawn:
        renderer = figure.canvas.get_renderer()
        panels = [axes.get_window_extent() for axes in figure.axes if not axes.axison]
        bars = [axes for axes in figure.axes if axes.axison]
        assert len(bars) == len(panels) - 1
        for panel_box, bar in zip(panels[1:], bars, strict=True):
            low, high = bar.get_xlim()
            texts = [label for x, label in zip(bar.get_xticks(), bar.get_xticklabels(), strict=True)
                     if low <= x <= high]  # fmt: skip
            boxes = sorted((text.get_window_extent(renderer) for text in texts), key=lambda box: box.x0)
            assert len(boxes) >= 3
            assert all(left.x1 + 4 < right.x0 for left, right in pairwise(boxes)), "numbers run into each other"
            for box in [*boxes, bar.xaxis.offsetText.get_window_extent(renderer)]:
                assert panel_box.x0 <= box.x0
                assert box.x1 <= panel_box.x1
                assert box.y0 >= 0


def test_more_methods_make_more_rows(five):
    picture = pixels(view_png(five, 5))
    assert picture.shape[1] == 4 * 600  # the photo and five methods
    assert 2 * 600 < picture.shape[0] < 3 * 600


def test_one_method_at_every_layer(report):
    picture = pixels(multiples_png(report, "gradcam", report.rows[-1].maps.values()))
    assert picture.shape[1] == 4 * 600  # the photo, six layers and two more
    assert picture.shape[0] > 3 * 600
