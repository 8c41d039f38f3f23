"""Labelled images and texts from any source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from analysis.data.folder import load_folder
from analysis.data.labelled import DataError
from analysis.data.pets import load_pets
from analysis.data.reviews import load_imdb, load_imdb_sample, load_reviews
from analysis.data.source import LabelledImages, pets_label
from analysis.data.table import load_table
from analysis.data.texts import LabelledTexts
from analysis.home import home
from analysis.progress import ProgressEvent, Report, silent


def load_images(
    source: str, task: str, path: str | Path | None = None, seed: int = 21, report: Report = silent
) -> LabelledImages:
    """Return the labelled images of a source; draw or download them first where they are missing.

    Parameters
    ----------
    source, task : names from `analysis.data.source`
    path : the folder, for source "folder"
    seed : of the random split; the demo has a split of its own
    report : receives stage "data", fraction of this stage

    Raises
    ------
    DataError : the images are missing or cannot be used; the message says what to do
    """
    if source == "pets":
        return load_pets(task, seed, report)
    if source == "folder":
        if path is None:
            raise DataError("The source 'folder' needs the path of a folder.")
        return load_folder(path, seed, report)
    return _load_demo(task, report)


def load_texts(
    source: str,
    task: str,
    path: str | Path | None = None,
    columns: tuple[str | None, str | None, str | None] = (None, None, None),
    seed: int = 21,
    report: Report = silent,
    sides: Mapping[str, bool] | None = None,
) -> LabelledTexts:
    """Return the labelled texts of a source; download them first where they are missing.

    Parameters
    ----------
    source, task : names from `analysis.data.texts`
    path : the file, for source "table"
    columns : of a table: text, label, split; None for the usual names
    seed : of the random split; some sources have a split of their own
    report : receives stage "data", fraction of this stage
    sides : of a table: the split of an earlier reading, name -> is it in the validation set

    Raises
    ------
    DataError : the texts are missing or cannot be used; the message says what to do
    """
    if source == "table":
        if path is None:
            raise DataError("The source 'table' needs the path of a file.")
        texts = load_table(path, *columns, seed, report, sides)
    elif source == "imdb_sample":
        texts = load_imdb_sample(report)
    elif source == "imdb":
        texts = load_imdb(report)
    else:
        texts = load_reviews(task, seed, report)
    report(ProgressEvent("data", f"{len(texts.files):,} texts. {texts.left_out()}".rstrip(), 1.0))
    return texts


def _load_demo(task: str, report: Report) -> LabelledImages:
    from analysis.data.demo.dataset import demo_folder, make_demo
    from analysis.data.demo.truth import split_of

    def progress(done: int, total: int) -> None:
        report(ProgressEvent("data", f"Drawing picture {done} of {total}", done / total))

    report(ProgressEvent("data", "Looking for the demo's pictures", 0.0))
    root = make_demo(demo_folder(home()), progress)
    split = split_of(root.parent)
    files = tuple(sorted(split))
    labels = tuple(pets_label(task, file) for file in files)
    return LabelledImages("demo", task, root, files, labels, tuple(split[file] for file in files))
