"""Oxford-IIIT Pet from fastai's cache, labelled and split as in the book."""

from __future__ import annotations

from analysis.data.download import Archive, fetch
from analysis.data.images import ImageError, check_image
from analysis.data.labelled import VALID_SHARE, DataError
from analysis.data.source import LabelledImages, pets_label
from analysis.progress import ProgressEvent, Report, silent

SKIPPED_SHARE = 0.5  # if more of the files cannot be read, the whole copy is damaged


def load_pets(task: str = "species", seed: int = 21, report: Report = silent) -> LabelledImages:
    """Return the Pets photos of fastai's cache; download them first where they are missing.

    The split is `RandomSplitter(valid_pct=0.2, seed=seed)` over `get_image_files`, in that function's order, so
    that seed 21 gives the split of the book. Files whose header cannot be read are listed as skipped.

    Parameters
    ----------
    task : "species" (is it a cat?) or "breeds" (37 classes)
    seed : of the random split
    report : receives stage "data", fraction of this stage

    Raises
    ------
    DataError : there is neither a cache nor a network, or the cache is damaged
    """
    from fastai.data.external import URLs
    from fastai.data.transforms import RandomSplitter, get_image_files

    archive = Archive(URLs.PETS, "the Pets photos", "The demo needs no network: choose the source 'demo'.")
    root = fetch(archive, report) / "images"
    paths = list(get_image_files(root)) if root.is_dir() else []
    if not paths:
        raise DataError(f"{root} holds no images. Delete {root.parent} and start again to download them.")
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
        raise DataError(
            f"{len(skipped)} of {len(paths)} files in {root} cannot be read: {skipped[0][1]} "
            f"Delete {root.parent} and start again to download them."
        )
    labels = tuple(pets_label(task, file) for file in files)
    return LabelledImages("pets", task, root, tuple(files), labels, tuple(valid), tuple(skipped))
