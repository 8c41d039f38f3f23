"""The demo: drawn pictures of cats and dogs with a shortcut, in the folder layout of Oxford-IIIT Pet.

    images/<breed>_<n>.jpg             a capital first letter means cat, as in Oxford-IIIT Pet
    annotations/trimaps/<stem>.png     1 animal, 2 background, 3 border
    annotations/xmls/<stem>.xml        the box of the head (Pascal VOC)
    annotations/shortcuts/<stem>.png   255 on the shortcut, in pictures that have it
    annotations/truth.csv              file, split, species, breed, shortcut, ambiguous

The shortcut is a red ball. `make_demo` writes the files, `draw` draws one picture again, and `twin` draws it
without the shortcut.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from analysis.data.demo.canvas import SIZE
from analysis.data.demo.drawing import Drawing, draw_picture
from analysis.data.demo.plan import DEFAULT, DemoParameters, Picture, plan

__all__ = [
    "DEFAULT",
    "DemoParameters",
    "Drawing",
    "Truth",
    "demo_folder",
    "draw",
    "is_current",
    "make_demo",
    "split_of",
    "truth",
    "twin",
]

MARKER = "demo.json"
_JPEG = {"quality": 90, "subsampling": 0}
Progress = Callable[[int, int], None]  # numbers of pictures: done, total


@dataclass(frozen=True)
class Truth:
    """A row of truth.csv: `split` is "train" or "valid", `species` is "cat" or "dog"."""

    file: str
    split: str
    species: str
    breed: str
    shortcut: bool
    ambiguous: bool


def demo_folder(home: Path, parameters: DemoParameters = DEFAULT) -> Path:
    """Return home/data/demo-<digest>, a new folder whenever the parameters or the drawing code change."""
    return Path(home) / "data" / f"demo-{_digest(parameters)}"


def draw(stem: str, shortcut: bool | None = None, parameters: DemoParameters = DEFAULT) -> Drawing:
    """Draw one picture of the demo again, without the losses of JPEG.

    Parameters
    ----------
    stem : file name without its suffix
    shortcut : whether to draw the shortcut; None as in the demo

    Raises
    ------
    KeyError : the demo has no such picture
    """
    picture = _picture(stem, parameters)
    return draw_picture(picture, picture.shortcut if shortcut is None else shortcut)


def twin(stem: str, shortcut: bool = False, parameters: DemoParameters = DEFAULT) -> NDArray[np.uint8]:
    """Return one picture of the demo without the shortcut, as its file would decode.

    It is coded as JPEG like the file, so that the two differ only in the blocks of 8 x 8 pixels that the shortcut
    or its shadow reaches.

    Parameters
    ----------
    stem : file name without its suffix
    shortcut : draw the shortcut after all

    Returns
    -------
    (224, 224, 3) uint8.

    Raises
    ------
    KeyError : the demo has no such picture
    """
    image = draw_picture(_picture(stem, parameters), shortcut).image
    return np.asarray(Image.open(io.BytesIO(_jpeg(image))))


def truth(root: Path) -> dict[str, Truth]:
    """Read annotations/truth.csv of a demo folder, by file name; raises FileNotFoundError without one."""
    with (Path(root) / "annotations" / "truth.csv").open(newline="", encoding="utf-8") as file:
        return {
            row["file"]: Truth(
                row["file"],
                row["split"],
                row["species"],
                row["breed"],
                row["shortcut"] == "1",
                row["ambiguous"] == "1",
            )
            for row in csv.DictReader(file)
        }


def split_of(root: Path) -> dict[str, bool]:
    """Return for each file name of a demo folder whether it is in the validation set."""
    return {file: row.split == "valid" for file, row in truth(root).items()}


def is_current(root: Path, parameters: DemoParameters = DEFAULT) -> bool:
    """Return whether `root` is complete and what this code draws with these parameters, as `twin` needs it."""
    try:
        marker = json.loads((root / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(marker, dict) and marker.get("digest") == _digest(parameters)


def make_demo(
    root: Path, report: Progress | None = None, parameters: DemoParameters = DEFAULT, workers: int | None = None
) -> Path:
    """Write the demo into `root`, unless it is complete there, and return root/images.

    The files are written into a temporary folder beside `root`, which is renamed when all are there. The next
    call deletes what a killed one has left. A file lock lets only one process draw; a second one waits for it.

    Parameters
    ----------
    report : called with the numbers of pictures, done and total, in this thread
    workers : number of processes that draw, by default one for each core and at most 8; does not change a pixel

    Raises
    ------
    RuntimeError : a drawing process failed
    """
    root = Path(root)
    root.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(root.parent / f"{root.name}.lock"):
        if not is_current(root, parameters):
            for stale in root.parent.glob(f"{root.name}.tmp-*"):
                shutil.rmtree(stale, ignore_errors=True)
            shutil.rmtree(root, ignore_errors=True)
            temporary = root.parent / f"{root.name}.tmp-{os.getpid()}"
            for folder in ("images", "annotations/trimaps", "annotations/xmls", "annotations/shortcuts"):
                (temporary / folder).mkdir(parents=True)
            _draw_all(temporary, report, parameters, workers or min(8, os.cpu_count() or 1))
            _write_truth(temporary, parameters)
            marker = {"digest": _digest(parameters), "parameters": asdict(parameters)}
            (temporary / MARKER).write_text(json.dumps(marker, indent=1), encoding="utf-8")
            temporary.replace(root)
    return root / "images"


def _picture(stem: str, parameters: DemoParameters) -> Picture:
    try:
        return plan(parameters)[stem]
    except KeyError:
        raise KeyError(
            f"The demo has no picture {stem!r}. Its names look like {next(iter(plan(parameters)))!r}."
        ) from None


def _digest(parameters: DemoParameters) -> str:
    """Return a digest of the parameters and of the drawing code, so that no folder mixes two versions."""
    digest = hashlib.sha256(json.dumps(asdict(parameters), sort_keys=True).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def _draw_all(folder: Path, report: Progress | None, parameters: DemoParameters, workers: int) -> None:
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
            [sys.executable, "-m", "analysis.data.demo.dataset", job, str(share)],
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
            _write(folder, draw_picture(picture, picture.shortcut))
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


def _write(folder: Path, drawing: Drawing) -> None:
    """Write the files of one picture."""
    stem = drawing.picture.stem
    annotations = folder / "annotations"
    Image.fromarray(_trimap(drawing.mask)).save(annotations / "trimaps" / f"{stem}.png", compress_level=1)
    (annotations / "xmls" / f"{stem}.xml").write_text(_voc(drawing), encoding="utf-8")
    if drawing.picture.shortcut:
        mask = Image.fromarray(drawing.shortcut_mask.astype(np.uint8) * 255)
        mask.save(annotations / "shortcuts" / f"{stem}.png", compress_level=1)
    (folder / "images" / drawing.picture.file).write_bytes(_jpeg(drawing.image))


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", **_JPEG)
    return buffer.getvalue()


def _trimap(mask: NDArray[np.bool_], reach: int = 2) -> NDArray[np.uint8]:
    """Return 1 on the animal, 2 on the background, 3 within `reach` pixels of the animal's outline."""
    image, side = Image.fromarray(mask.astype(np.uint8)), 2 * reach + 1
    near = np.asarray(image.filter(ImageFilter.MaxFilter(side))) == 1
    inside = np.asarray(image.filter(ImageFilter.MinFilter(side))) == 1
    return np.where(inside, 1, np.where(near, 3, 2)).astype(np.uint8)


def _voc(drawing: Drawing) -> str:
    """Return the annotation of the head in the XML of Pascal VOC."""
    x0, y0, x1, y1 = drawing.head_box
    picture = drawing.picture
    return f"""<annotation>
\t<folder>OXIIIT</folder>
\t<filename>{escape(picture.file)}</filename>
\t<source><database>CAM Lens demo</database><annotation>drawn</annotation></source>
\t<size><width>{SIZE}</width><height>{SIZE}</height><depth>3</depth></size>
\t<segmented>0</segmented>
\t<object>
\t\t<name>{picture.species}</name>
\t\t<pose>Frontal</pose>
\t\t<truncated>0</truncated>
\t\t<occluded>0</occluded>
\t\t<bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox>
\t\t<difficult>{int(picture.ambiguous)}</difficult>
\t</object>
</annotation>
"""


def _write_truth(folder: Path, parameters: DemoParameters) -> None:
    with (folder / "annotations" / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "split", "species", "breed", "shortcut", "ambiguous"])
        for row in plan(parameters).values():
            writer.writerow([row.file, row.split, row.species, row.breed, int(row.shortcut), int(row.ambiguous)])


def _draw_share(job: str, share: int) -> None:
    """Draw one process's share of the pictures; stop when the process that started this one has ended."""
    settings = json.loads(job)
    parameters = DemoParameters(**settings["parameters"])
    for picture in _share(parameters, share, settings["workers"]):
        if os.getppid() != settings["parent"]:
            return
        _write(Path(settings["folder"]), draw_picture(picture, picture.shortcut))


if __name__ == "__main__":
    _draw_share(sys.argv[1], int(sys.argv[2]))
