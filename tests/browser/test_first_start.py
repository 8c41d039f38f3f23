"""The first start trains and shows how far it is; later starts don't train; a kill breaks nothing."""

from __future__ import annotations

import json
import re
import time

from tests.browser.pages import settled
from tests.browser.server import serving


def test_progress_is_shown_and_the_gallery_stands(first_start):
    server, seen = first_start
    text = "\n".join(seen["texts"])
    assert re.search(r"Epoch \d of 2, batch \d+ of \d+, loss \d", text), text
    assert len(seen["texts"]) >= 10, text
    runs = list((server.home / "runs").glob("*/manifest.json"))
    assert len(runs) == 1
    manifest = json.loads(runs[0].read_text())
    assert manifest["recipe"]["source"] == "demo"
    assert "Traceback" not in server.log.read_text()


def test_a_later_start_does_not_train(first_start, new_page, tmp_path):
    first, _ = first_start
    before = sorted(path.stat().st_mtime_ns for path in (first.home / "runs").rglob("*"))
    with serving(first.home, tmp_path / "log") as second:
        page = new_page()
        page.goto(second.url)
        page.locator("button.card").first.wait_for(timeout=30_000)
        settled(page)
        assert page.get_by_test_id("stProgress").count() == 0
    assert sorted(path.stat().st_mtime_ns for path in (first.home / "runs").rglob("*")) == before


def test_a_killed_first_start_leaves_nothing_that_breaks_the_second(new_page, tmp_path):
    home = tmp_path / "home"
    with serving(home, tmp_path / "first.log") as server:
        page = new_page()
        page.goto(server.url)
        page.get_by_text(re.compile(r"Epoch 1 of 2, batch \d+")).first.wait_for(timeout=120_000)
        server.stop(kill=True)
    assert not list((home / "runs").glob("[!.]*/manifest.json"))
    with serving(home, tmp_path / "second.log") as server:
        page = new_page()
        page.goto(server.url)
        page.get_by_text(re.compile(r"Epoch 1 of 2, batch \d+")).first.wait_for(timeout=120_000)
        assert page.get_by_test_id("stAlert").count() == 0
    # The fine-tune ends with the server that started it, and what it had begun is not taken for a learner.
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _fits_on(home):
        time.sleep(0.2)
    assert not _fits_on(home)
    assert not list((home / "runs").glob("[!.]*/manifest.json"))


def _fits_on(home) -> list[int]:
    import psutil

    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "analysis" in command and "fit" in command:
            try:
                if process.environ().get("CAMLENS_HOME") == str(home):
                    found.append(process.pid)
            except psutil.Error:
                continue
    return found
