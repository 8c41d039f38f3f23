"""A fine-tune in its own process: its progress, its failure in words, and one at a time."""

from __future__ import annotations

from dashboard.jobs import FitJob, JobBoard


def test_progress_and_the_end(tiny_folder, tmp_path):
    arguments = ["--source", "folder", "--path", str(tiny_folder), "--arch", "resnet18", "--no-pretrained"]
    job = FitJob((*arguments, "--size", "64", "--run", str(tmp_path / "run"))).start()
    assert job.wait(timeout=240)
    assert job.error is None
    assert job.event is not None
    assert job.event.fraction == 1.0
    assert (tmp_path / "run" / "manifest.json").is_file()


def test_a_failure_is_told_in_one_sentence(tmp_path):
    job = FitJob(("--source", "folder", "--path", str(tmp_path / "nowhere"))).start()
    assert job.wait(timeout=120)
    assert job.error is not None
    assert "nowhere" in job.error
    assert "Traceback" not in job.error


def test_one_at_a_time_and_forgotten_when_ended(tmp_path):
    board = JobBoard()
    first = board.start(["--source", "folder", "--path", str(tmp_path / "nowhere")])
    assert board.start(["--source", "demo"]) is first
    board.clear()
    assert board.current is first  # still running, so not forgotten
    assert first.wait(timeout=120)
    board.clear()
    assert board.current is None
