"""Drawing all pictures of the demo in several processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from analysis.data.demo.drawing import draw_picture
from analysis.data.demo.files import write_picture
from analysis.data.demo.plan import DemoParameters, Picture, plan

Progress = Callable[[int, int], None]  # numbers of pictures: done, total


def draw_all(folder: Path, report: Progress | None, parameters: DemoParameters, workers: int) -> None:
    """Draw and write every picture, in this process and in `workers - 1` others.

    The others are `python -m` processes, not a multiprocessing pool: that would import the caller's __main__
    again, which under Streamlit is the app itself.
    """
    total = len(plan(parameters))
    workers = max(1, min(workers, total // 16))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    job = json.dumps(
        {"folder": str(folder), "workers": workers, "parameters": asdict(parameters), "parent": os.getpid()}
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "analysis.data.demo.workers", job, str(share)],
            env=environment,
            cwd=Path(__file__).parents[3],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for share in range(1, workers)
    ]
    try:
        if report:
            report(0, total)
        for done, picture in enumerate(_share(parameters, 0, workers), 1):
            write_picture(folder, draw_picture(picture, picture.shortcut))
            if report and done % 10 == 0:
                report(len(os.listdir(folder / "images")), total)
        while any(process.poll() is None for process in processes):
            time.sleep(0.05)
            if report:
                report(len(os.listdir(folder / "images")), total)
        for process in processes:
            if process.returncode != 0:
                message = process.stderr.read().decode(errors="replace") if process.stderr else ""
                raise RuntimeError(
                    f"A process that draws the demo failed ({process.returncode}): {message[-600:]}"
                )
        if report:
            report(total, total)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stderr:
                process.stderr.close()


def _share(parameters: DemoParameters, share: int, workers: int) -> list[Picture]:
    """Return every `workers`-th picture, beginning with number `share`."""
    return list(plan(parameters).values())[share::workers]


def _draw_share(job: str, share: int) -> None:
    """Draw one process's share of the pictures; stop when the process that started this one has ended."""
    settings = json.loads(job)
    parameters = DemoParameters(**settings["parameters"])
    for picture in _share(parameters, share, settings["workers"]):
        if os.getppid() != settings["parent"]:
            return
        write_picture(Path(settings["folder"]), draw_picture(picture, picture.shortcut))


if __name__ == "__main__":
    _draw_share(sys.argv[1], int(sys.argv[2]))
