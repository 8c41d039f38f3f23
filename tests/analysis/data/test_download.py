"""Archives: fastai's cache is filled once and never half, and a failed download says what to do."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import pytest
from fastai.data.external import URLs, untar_data

from analysis.data.download import Archive, fetch
from analysis.data.labelled import DataError
from analysis.progress import ProgressEvent

PETS = Archive(URLs.PETS, "the Pets photos", "The demo needs no network.")


@pytest.fixture
def served(tmp_path: Path) -> Archive:
    """An archive of 300 small files whose address is a file on this machine."""
    folder = tmp_path / "source" / "flowers"
    folder.mkdir(parents=True)
    for number in range(300):
        (folder / f"{number}.txt").write_text(f"flower {number}" * 50)
    with tarfile.open(tmp_path / "source" / "flowers.tgz", "w:gz") as tar:
        tar.add(folder, arcname="flowers")
    return Archive((tmp_path / "source" / "flowers.tgz").as_uri(), "the flowers", "Draw your own.")


def served_file(archive: Archive) -> Path:
    return Path(archive.url.removeprefix("file://"))


def test_without_cache_and_network_the_message_says_what_was_tried_and_what_to_do(
    fastai_home: Path, monkeypatch: pytest.MonkeyPatch
):
    def unreachable(*args: object, **kwargs: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr("fastcore.net.urlopen", unreachable)
    with pytest.raises(DataError) as raised:
        fetch(PETS)
    message = str(raised.value)
    assert message.startswith("The Pets photos are not on this machine and could not be downloaded from https://")
    for part in (
        URLs.PETS, "Name or service not known", str(fastai_home / "data" / "oxford-iiit-pet"), "FASTAI_HOME",
        str(fastai_home / "archive" / "oxford-iiit-pet.tgz"), "The demo needs no network.",
    ):  # fmt: skip
        assert part in message
    assert not list(fastai_home.rglob("*.part"))
    assert not list(fastai_home.rglob("*.tgz"))


def test_a_download_reports_and_fills_fastais_cache(
    fastai_home: Path, served: Archive, monkeypatch: pytest.MonkeyPatch
):
    # fastai's own unpacking moves the folder into its place file by file: nothing must be left for it to do
    monkeypatch.setattr("fastdownload.FastDownload.extract", lambda *args, **options: pytest.fail("too late"))
    seen: list[ProgressEvent] = []
    folder = fetch(served, seen.append)
    assert folder == fastai_home / "data" / "flowers" == untar_data(served.url)
    assert len(list(folder.iterdir())) == 300
    assert (folder / "7.txt").read_text() == "flower 7" * 50
    assert [path.name for path in (fastai_home / "data").iterdir()] == ["flowers"]
    assert {event.stage for event in seen} == {"data"}
    assert any(event.message.startswith("Downloading the flowers: ") for event in seen)
    assert any(event.message.startswith("Unpacking the flowers: ") for event in seen)
    fractions = [event.fraction for event in seen]
    assert fractions == sorted(fractions)


def test_what_is_in_the_cache_is_not_downloaded_again(fastai_home: Path, served: Archive):
    first = fetch(served)
    served_file(served).unlink()
    (fastai_home / "archive" / "flowers.tgz").unlink()
    seen: list[ProgressEvent] = []
    assert fetch(served, seen.append) == first
    assert seen == []


def test_an_archive_that_was_copied_into_the_cache_is_unpacked(fastai_home: Path, served: Archive):
    (fastai_home / "archive").mkdir(parents=True)
    served_file(served).rename(fastai_home / "archive" / "flowers.tgz")
    assert len(list(fetch(served).iterdir())) == 300


def test_models_go_into_fastais_folder_of_models(
    fastai_home: Path, served: Archive, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("fastdownload.FastDownload.extract", lambda *args, **options: pytest.fail("too late"))
    assert fetch(replace(served, kind="model")) == fastai_home / "models" / "flowers"


def test_a_broken_archive_leaves_no_half_filled_cache(fastai_home: Path, served: Archive):
    whole = served_file(served).read_bytes()
    served_file(served).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="could not be downloaded.*Draw your own"):
        fetch(served)
    assert list((fastai_home / "data").iterdir()) == []


def test_something_else_in_place_of_the_archive_is_refused(fastai_home: Path, monkeypatch: pytest.MonkeyPatch):
    def login_page(url: str, path: Path, **options: object) -> None:
        Path(path).write_text("<html>please log in</html>")

    monkeypatch.setattr("fastcore.net.urlsave", login_page)
    with pytest.raises(DataError, match="sent a file that is not the archive of the Pets photos"):
        fetch(PETS)
    assert not (fastai_home / "archive" / "oxford-iiit-pet.tgz").exists()
