"""Events of a long job."""

from __future__ import annotations

import pytest

from analysis.progress import ProgressEvent, TimedReport, within


def test_an_event_survives_its_json_line():
    event = ProgressEvent("train", "Epoch 1 of 2", 0.25, epoch=1, epochs=2, loss=0.5)
    assert ProgressEvent.from_json(event.to_json()) == event
    assert "\n" not in event.to_json()
    assert "batch" not in event.to_json()


def test_within_maps_a_stage_to_its_share_of_the_job():
    seen: list[float] = []
    inner = within(lambda event: seen.append(event.fraction), 0.2, 0.6)
    for fraction in (0.0, 0.5, 1.0, 7.0, -1.0):
        inner(ProgressEvent("train", "", fraction))
    assert seen == pytest.approx([0.2, 0.4, 0.6, 0.6, 0.2])


def test_the_seconds_left_are_those_of_the_whole_job():
    now = 0.0
    seen: list[float | None] = []
    timed = TimedReport(lambda event: seen.append(event.seconds_left), clock=lambda: now)

    def at(seconds: float, fraction: float) -> None:
        nonlocal now
        now = seconds
        timed(ProgressEvent("train", "", fraction))

    at(1.0, 0.5)  # too early to tell
    at(10.0, 0.25)
    timed.restart(0.25)
    at(20.0, 0.5)  # a third of the rest in 10 seconds
    at(50.0, 1.0)
    assert seen == [None, 30.0, 20.0, 0.0]
