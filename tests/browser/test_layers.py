"""The layer slider keeps the zoom and asks the server for nothing; links and sessions show the right maps."""

from __future__ import annotations

from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from tests.browser.pages import axis_range, figure, heatmaps, opened, settled


@pytest.fixture(scope="module")
def loaded(first_start):
    """The learner of the running server, loaded here too: the pages' maps must be the ones it gives."""
    from analysis.learner.images.store import load
    from analysis.learner.probes.files import load_probes
    from analysis.runs import open_run

    run = open_run(next((first_start[0].home / "runs").glob("*/manifest.json")).parent)
    return load(run), load_probes(run.path)


def expected(loaded, name: str, target) -> dict[str, np.ndarray]:
    """Grad-CAM of every layer of one validation picture, computed beside the server."""
    from analysis.data.images import open_image
    from analysis.explain.report.layers import layer_report
    from analysis.explain.report.picture import TracedImage

    learner, probes = loaded
    x = learner.batch([open_image(learner.run.image_path(name))])
    names = tuple(learner.run.manifest.class_names)
    report = layer_report(TracedImage(learner.model, x, probes), learner.picture(x)[0], names, target)
    return {row.label: row.maps["gradcam"].values for row in report.rows}


def mistakes(app) -> pd.DataFrame:
    rows = pd.read_parquet(next((app.home / "runs").glob("*/predictions.parquet")))
    return rows[rows.label != rows.predicted].sort_values("loss", ascending=False)


def shown_maps(page) -> list[np.ndarray]:
    return [trace["z"] for trace in heatmaps(page, figure(page, "layers_figure")) if trace["visible"]]


def test_slider_keeps_the_zoom_and_sends_nothing(app, new_page):
    page = new_page()
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda _: sent.append("frame")))
    opened(page, f"{app.url}/layers")
    chart = figure(page, "layers_figure")
    settled(page)
    before = axis_range(page, chart)
    plot = page.locator(f"{chart} .nsewdrag").first.bounding_box()
    assert plot is not None
    page.mouse.move(plot["x"] + plot["width"] * 0.25, plot["y"] + plot["height"] * 0.25)
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] * 0.75, plot["y"] + plot["height"] * 0.75, steps=8)
    page.mouse.up()
    page.wait_for_function(
        "([chart, wide]) => document.querySelector(chart)._fullLayout.xaxis.range[1] < wide - 1",
        arg=[chart, before[1]],
    )
    zoomed = axis_range(page, chart)
    first = shown_maps(page)

    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    sent.clear()
    ticks = page.locator(f"{chart} .slider-rail-touch-rect").first.bounding_box()
    assert ticks is not None
    page.mouse.click(ticks["x"] + ticks["width"] * 0.3, ticks["y"] + ticks["height"] / 2)
    page.wait_for_function(
        """([chart, rows]) => document.querySelector(chart)._fullData
            .some(trace => trace.type === "heatmap" && trace.visible === true && trace.z.length !== rows)""",
        arg=[chart, len(first[-1])],
    )
    second = shown_maps(page)
    assert second[-1].shape != first[-1].shape
    assert axis_range(page, chart) == pytest.approx(zoomed)
    page.wait_for_timeout(500)
    assert not sent
    assert not requests


def test_a_deep_link_shows_its_own_picture_class_and_layer(app, new_page, loaded):
    row = mistakes(app).iloc[1]
    classes = list(loaded[0].run.manifest.class_names)
    wanted = expected(loaded, row.path, classes.index(row.label))
    label = list(wanted)[2]
    page = new_page()
    opened(page, f"{app.url}/layers?image={quote(row.path)}&explain=True+class&layer={quote(label)}")
    expect(page.get_by_text(row.path).first).to_be_visible()
    maps = shown_maps(page)
    np.testing.assert_allclose(maps[-1], wanted[label], rtol=2e-2, atol=2e-2 * np.abs(wanted[label]).max())


def test_two_sessions_at_once_get_their_own_maps(app, new_page, loaded):
    rows = mistakes(app).iloc[:2]
    pages = [new_page(), new_page()]
    for page, row in zip(pages, rows.itertuples(), strict=True):
        page.goto(f"{app.url}/layers?image={quote(row.path)}")  # both on their way before either is waited for
    classes = list(loaded[0].run.manifest.class_names)
    for page, row in zip(pages, rows.itertuples(), strict=True):
        page.get_by_text("What the network sees, decoded").wait_for(timeout=90_000)
        settled(page)
        wanted = list(expected(loaded, row.path, classes.index(row.predicted)).values())[-1]
        np.testing.assert_allclose(shown_maps(page)[-1], wanted, rtol=2e-2, atol=2e-2 * np.abs(wanted).max())


def test_a_link_to_an_unknown_picture_says_so(app, new_page):
    page = new_page()
    opened(page, f"{app.url}/layers?image=../../etc/passwd")
    expect(page.get_by_text("No such picture")).to_be_visible()


def test_downloads_hold_the_maps(app, new_page, loaded):
    row = mistakes(app).iloc[0]
    page = new_page()
    opened(page, f"{app.url}/layers?image={quote(row.path)}")
    figure(page, "layers_figure")
    settled(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Raw maps as NPZ").click()
    classes = list(loaded[0].run.manifest.class_names)
    wanted = list(expected(loaded, row.path, classes.index(row.predicted)).values())
    with np.load(download.value.path()) as arrays:
        maps = [arrays[name][0] for name in arrays.files if name.endswith("/gradcam")]
    assert len(maps) == len(wanted)
    for got, want in zip(maps, wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3 * np.abs(want).max())
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG of Stage").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
