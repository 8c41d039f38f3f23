"""Oxford-IIIT Pet through fastai's `untar_data`, labelled and split as in the book."""

from __future__ import annotations

import os
import tarfile
import tempfile
from pathlib import Path

from filelock import FileLock

from analysis.data.images import ImageError, check_image
from analysis.data.source import VALID_SHARE, DataError, LabelledImages, pets_label
from analysis.progress import ProgressEvent, Report, silent

SKIPPED_SHARE = 0.5  # with more unreadable files than this the copy is broken, not the files


def load_pets(task: str = "species", seed: int = 21, report: Report = silent) -> LabelledImages:
    """Return the Pets photos of fastai's cache, downloaded first where there is none.

    The split is `RandomSplitter(valid_pct=0.2, seed=seed)` over `get_image_files`, in that function's
    order, so that seed 21 gives the book's. Files whose header cannot be read are listed as skipped.

    Parameters
    ----------
    task : "species" (is it a cat?) or "breeds" (37 classes)
    report : receives stage "data", fraction of this stage

    Raises
    ------
    DataError : no cache and no network, or a broken cache
    """
    from fastai.data.transforms import RandomSplitter, get_image_files

    root = _untar(report) / "images"
    paths = list(get_image_files(root)) if root.is_dir() else []
    if not paths:
        raise DataError(f"{root} holds no images. Delete {root.parent} and start again to download them anew.")
    report(ProgressEvent("data", f"Checking {len(paths):,} photos", 0.95))
    in_valid = set(map(int, RandomSplitter(valid_pct=VALID_SHARE, seed=seed)(paths)[1]))
    files: list[str] = []
    valid: list[bool] = []
    skipped: list[tuple[str, str]] = []
    for index, path in enumerate(paths):
        file = path.relative_to(root).as_posix()
        try:
            check_image(path)
        except ImageError as error:
            skipped.append((file, str(error)))
            continue
        files.append(file)
        valid.append(index in in_valid)
    if len(skipped) > SKIPPED_SHARE * len(paths):
        raise DataError(f"{len(skipped)} of {len(paths)} files in {root} cannot be read: {skipped[0][1]}")
    labels = tuple(pets_label(task, file) for file in files)
    return LabelledImages("pets", task, root, tuple(files), labels, tuple(valid), tuple(skipped))


def _untar(report: Report) -> Path:
    """Return what `untar_data(URLs.PETS)` returns, after a download that reports how far it is."""
    import fastai.data
    from fastai.data.external import URLs, fastai_cfg, untar_data
    from fastdownload import FastDownload

    config = fastai_cfg()
    archive = Path(config.path("archive")) / URLs.PETS.rsplit("/", 1)[1]
    folder = Path(config.path("data")) / archive.stem
    if not folder.exists():
        try:
            archive.parent.mkdir(parents=True, exist_ok=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(archive.with_name(archive.name + ".download.lock")):
                checks = FastDownload(config, module=fastai.data)
                if not archive.exists() or not checks.check(URLs.PETS, archive):
                    _download(URLs.PETS, archive, report)
                    if not checks.check(URLs.PETS, archive):
                        archive.unlink()
                        raise DataError(f"What {URLs.PETS} sent is not the Pets archive. Try again later.")
                if not folder.exists():
                    _extract(archive, folder, report)
        except (OSError, EOFError, tarfile.TarError) as error:
            raise DataError(
                f"The Oxford-IIIT Pet photos are not on this machine and could not be fetched. "
                f"Tried: {URLs.PETS} ({error}). They would go to {folder}, fastai's data folder "
                f"(FASTAI_HOME moves it); an archive you already have can be put at {archive}. "
                f"The demo needs no network: choose the source 'demo'."
            ) from error
    return Path(untar_data(URLs.PETS))


def _download(url: str, archive: Path, report: Report) -> None:
    from fastcore.net import urlsave

    partial = archive.with_name(archive.name + ".part")

    def progress(blocks: int, block_size: int, total: int) -> None:
        if blocks % 128 == 0 and total > 0:
            done = min(blocks * block_size, total)
            message = f"Downloading the Pets photos: {done / 1e6:.0f} of {total / 1e6:.0f} MB"
            report(ProgressEvent("data", message, 0.7 * done / total))

    report(ProgressEvent("data", f"Downloading the Pets photos from {url}", 0.0))
    try:
        urlsave(url, partial, reporthook=progress, timeout=30)
        os.replace(partial, archive)
    finally:
        partial.unlink(missing_ok=True)


def _extract(archive: Path, folder: Path, report: Report) -> None:
    """Unpack beside `folder` and rename, so that a killed process leaves no half-filled cache."""
    total = archive.stat().st_size
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:gz") as tar:
            for count, member in enumerate(tar):
                tar.extract(member, temporary, filter="data")
                if count % 200 == 0:
                    share = raw.tell() / total
                    report(ProgressEvent("data", f"Unpacking the photos: {share:.0%}", 0.7 + 0.25 * share))
        os.rename(Path(temporary) / folder.name, folder)
