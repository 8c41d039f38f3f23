"""The ablation of a validation set as a background job."""

from __future__ import annotations

from dataclasses import replace


def test_a_missing_picture_ends_the_job_with_a_message(tiny_run, tmp_path, home):
    from dashboard.backend.set_jobs.ablation import AblationJob

    gone = replace(tiny_run, manifest=replace(tiny_run.manifest, data_root=str(tmp_path)))
    job = AblationJob(gone, "0.7").start()
    assert job.wait(timeout=60)
    assert "is not there" in job.error
