"""Downloads of fastai's archives into fastai's own cache, with progress and clear messages."""

from __future__ import annotations

import os
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from analysis.data.labelled import DataError
from analysis.progress import ProgressEvent, Report, silent


@dataclass(frozen=True)
class Archive:
    """One of fastai's archives.

    Attributes
    ----------
    url : from fastai's `URLs`
    name : its content, as in a sentence: "the Pets photos"
    instead : a sentence that says what to do without a network
    kind : "data" or "model": which of fastai's folders it is unpacked into
    """

    url: str
    name: str
    instead: str
    kind: str = "data"


def fetch(archive: Archive, report: Report = silent) -> Path:
    """Return the folder of an archive, as `untar_data(archive.url)` does; download it first where it is missing.

    Parameters
    ----------
    report : receives events of stage "data", with the fraction of this stage

    Raises
    ------
    DataError : there is neither a copy nor a network, or the server sent something else
    """
    import fastai.data
    from fastai.data.external import fastai_cfg, untar_data
    from fastdownload import FastDownload

    config = fastai_cfg()
    file = Path(config.path("archive")) / archive.url.rsplit("/", 1)[1]
    folder = Path(config.path(archive.kind)) / file.stem
    if not folder.exists():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(file.with_name(file.name + ".download.lock")):
                downloader = FastDownload(config, module=fastai.data)
                if not file.exists() or not downloader.check(archive.url, file):
                    _download(archive, file, report)
                    if not downloader.check(archive.url, file):
                        file.unlink()
                        raise DataError(
                            f"{archive.url} sent a file that is not the archive of {archive.name}. Try later."
                        )
                if not folder.exists():
                    _extract(archive, file, folder, report)
        except (OSError, EOFError, tarfile.TarError) as error:
            raise DataError(
                f"{archive.name[0].upper()}{archive.name[1:]} are not on this machine and could not be downloaded "
                f"from {archive.url} ({error}). They would be kept in {folder} (set FASTAI_HOME to change that "
                f"folder). If you have the archive already, copy it to {file}. {archive.instead}"
            ) from error
    return Path(untar_data(archive.url, c_key=archive.kind))


def _download(archive: Archive, file: Path, report: Report) -> None:
    from fastcore.net import urlsave

    partial = file.with_name(file.name + ".part")

    def progress(blocks: int, block_size: int, total: int) -> None:
        if blocks % 128 == 0 and total > 0:
            done = min(blocks * block_size, total)
            message = f"Downloading {archive.name}: {done / 1e6:.0f} of {total / 1e6:.0f} MB"
            report(ProgressEvent("data", message, 0.7 * done / total))

    report(ProgressEvent("data", f"Downloading {archive.name} from {archive.url}", 0.0))
    try:
        urlsave(archive.url, partial, reporthook=progress, timeout=30)
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)


def _extract(archive: Archive, file: Path, folder: Path, report: Report) -> None:
    """Unpack into a temporary folder and rename it, so that a killed process leaves no half-filled cache."""
    total = file.stat().st_size
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        with file.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:gz") as tar:
            for count, member in enumerate(tar):
                tar.extract(member, temporary, filter="data")
                if count % 200 == 0:
                    share = raw.tell() / total
                    report(ProgressEvent("data", f"Unpacking {archive.name}: {share:.0%}", 0.7 + 0.25 * share))
        os.rename(Path(temporary) / folder.name, folder)
