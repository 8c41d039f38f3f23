"""One door to every source of labelled images."""

from __future__ import annotations

from pathlib import Path

from analysis.data.folder import load_folder
from analysis.data.pets import load_pets
from analysis.data.source import DataError, LabelledImages, pets_label
from analysis.home import home
from analysis.progress import ProgressEvent, Report, silent


def load_images(
    source: str, task: str, path: str | Path | None = None, seed: int = 21, report: Report = silent
) -> LabelledImages:
    """Return the labelled images of a source, made or downloaded first where that is needed.

    Parameters
    ----------
    source, task : names from `analysis.data.source`
    path : the folder, for source "folder"
    seed : of the random split; the demo has a split of its own
    report : receives stage "data", fraction of this stage

    Raises
    ------
    DataError : the images cannot be had; the message says what to do
    """
    if source == "pets":
        return load_pets(task, seed, report)
    if source == "folder":
        if path is None:
            raise DataError("The source 'folder' needs the path of a folder.")
        return load_folder(path, seed, report)
    return _load_demo(task, report)


def _load_demo(task: str, report: Report) -> LabelledImages:
    from analysis.data.demo import demo_folder, make_demo, split_of

    def drawn(done: int, total: int) -> None:
        report(ProgressEvent("data", f"Drawing picture {done} of {total}", done / total))

    report(ProgressEvent("data", "Looking for the demo's pictures", 0.0))
    root = make_demo(demo_folder(home()), drawn)
    held = split_of(root.parent)
    files = tuple(sorted(held))
    labels = tuple(pets_label(task, file) for file in files)
    return LabelledImages("demo", task, root, files, labels, tuple(held[file] for file in files))
