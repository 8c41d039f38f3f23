"""A folder of the user's own images."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from analysis.data.images import SUFFIXES, ImageError, open_image
from analysis.data.labelled import VALID_SHARE, DataError
from analysis.data.source import LabelledImages
from analysis.data.split import stable_split
from analysis.progress import ProgressEvent, Report, silent

_NUMBERED = re.compile(r"^(?P<label>.+)_\d+$")
_LAYOUTS = (
    "Put the images of each class into a sub-folder named after it, "
    "or name the files after their class and a number: beagle_12.jpg."
)


def load_folder(path: str | Path, seed: int = 21, report: Report = silent) -> LabelledImages:
    """Return the images under a folder, labelled by their sub-folders or by their file names.

    If there are images in sub-folders, the label of an image is the name of the folder that it is in. If all are
    in the folder itself, the label is the file name up to the last underscore, as in Oxford-IIIT Pet. About one
    image in five goes to the validation set. The file's name and `seed` alone decide, so that files keep their
    side of the split when others are added or removed (see `stable_split`). Every file is decoded once; those
    that cannot be decoded are listed as skipped.

    Parameters
    ----------
    path : the folder
    seed : of the split
    report : receives events of stage "data", with the fraction of this stage

    Raises
    ------
    DataError : no such folder, no images, fewer than two classes, or too few images to split
    """
    root = Path(path).expanduser().absolute()
    if not root.exists():
        raise DataError(f"The folder {root} does not exist.")
    if not root.is_dir():
        raise DataError(f"{root} is a file; give the folder that holds the images.")
    candidates = _image_files(root)
    if not candidates:
        raise DataError(f"No images under {root} (looked for {', '.join(sorted(SUFFIXES))}). {_LAYOUTS}")
    nested = any(len(file.parts) > 1 for file in candidates)
    files: list[str] = []
    labels: list[str] = []
    skipped: list[tuple[str, str]] = []
    for count, file in enumerate(candidates):
        if count % 50 == 0:
            report(ProgressEvent("data", f"Reading image {count} of {len(candidates)}", count / len(candidates)))
        try:
            label = _label(file, nested)
            open_image(root / file)
        except (DataError, ImageError) as error:
            skipped.append((file.as_posix(), str(error)))
            continue
        files.append(file.as_posix())
        labels.append(label)
    _check(root, labels, skipped)
    valid = stable_split(files, seed)
    unseen = sorted(set(labels) - {label for label, is_valid in zip(labels, valid, strict=True) if not is_valid})
    if unseen:
        raise DataError(
            f"With seed {seed} no image of {', '.join(unseen)} is left for training. "
            f"Add images of it or choose another seed."
        )
    return LabelledImages("folder", "folder", root, tuple(files), tuple(labels), tuple(valid), tuple(skipped))


def _image_files(root: Path) -> list[Path]:
    """Return the image files below `root`, relative and sorted; hidden files and folders are left out."""
    relative = (path.relative_to(root) for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    return sorted(path for path in relative if not any(part.startswith(".") for part in path.parts))


def _label(file: Path, nested: bool) -> str:
    if nested:
        if len(file.parts) == 1:
            raise DataError("It lies outside the class folders.")
        return file.parent.name
    match = _NUMBERED.match(file.stem)
    if match is None:
        raise DataError("Its name does not end in an underscore and a number.")
    return match["label"]


def _check(root: Path, labels: list[str], skipped: list[tuple[str, str]]) -> None:
    reason = f" Left out: {len(skipped)} files, first {skipped[0][0]}: {skipped[0][1]}" if skipped else ""
    counts = Counter(labels)
    if not counts:
        raise DataError(f"No image under {root} can be used.{reason} {_LAYOUTS}")
    if len(counts) == 1:
        raise DataError(
            f"All images under {root} have the label {labels[0]!r}; two are needed.{reason} {_LAYOUTS}"
        )
    if int(VALID_SHARE * len(labels)) < 1:
        raise DataError(f"{len(labels)} images under {root} are too few to split; give at least 5.{reason}")
