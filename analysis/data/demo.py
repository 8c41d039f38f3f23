"""The embedded demo: a procedural Pets set in the Oxford-IIIT Pet folder layout, with a planted shortcut.

    images/<breed>_<n>.jpg             a capital first letter means cat, as in Oxford-IIIT Pet
    annotations/trimaps/<stem>.png     1 pet, 2 background, 3 border
    annotations/xmls/<stem>.xml        the head box (Pascal VOC)
    annotations/shortcuts/<stem>.png   255 on the planted ball, where there is one
    annotations/truth.csv              file, split, species, breed, shortcut, ambiguous

`make_demo` writes it, `draw` makes any picture of it again, `twin` the same picture without the ball.
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
from PIL import Image

from analysis.data.demo_canvas import SIZE
from analysis.data.demo_drawing import Drawing, draw_picture
from analysis.data.demo_plan import DEFAULT, DemoParameters, Picture, plan

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
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Truth:
    """A row of truth.csv; `split` is "train" or "valid", `species` "cat" or "dog"."""

    file: str
    split: str
    species: str
    breed: str
    shortcut: bool
    ambiguous: bool


def demo_folder(home: Path, parameters: DemoParameters = DEFAULT) -> Path:
    """home/data/demo-<digest>: another folder whenever the parameters or the drawing code change."""
    return Path(home) / "data" / f"demo-{_digest(parameters)}"


def draw(stem: str, shortcut: bool | None = None, parameters: DemoParameters = DEFAULT) -> Drawing:
    """Draw one picture again, before JPEG; `shortcut` puts the ball in or leaves it out, None as planned.

    Raises KeyError for a stem that the demo does not have.
    """
    picture = _picture(stem, parameters)
    return draw_picture(picture, picture.shortcut if shortcut is None else shortcut)


def twin(stem: str, shortcut: bool = False, parameters: DemoParameters = DEFAULT) -> NDArray[np.uint8]:
    """The picture `stem` without the ball (or, with `shortcut`, with it), as its file would decode.

    (224, 224, 3) uint8, after the same JPEG coding as the file: the two differ only in the 8 x 8 blocks that
    the ball or its shadow touches. Raises KeyError for a stem that the demo does not have.
    """
    image = draw_picture(_picture(stem, parameters), shortcut).image
    return np.asarray(Image.open(io.BytesIO(_jpeg(image))))


def truth(root: Path) -> dict[str, Truth]:
    """annotations/truth.csv of a demo folder (the one that holds images/), by file name.

    Raises FileNotFoundError where there is none.
    """
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
    """File name -> is it in the validation set, for a demo folder."""
    return {file: row.split == "valid" for file, row in truth(root).items()}


def is_current(root: Path, parameters: DemoParameters = DEFAULT) -> bool:
    """Is `root` complete, and drawn by this very code and these parameters, so that `draw` and `twin` fit it?"""
    try:
        marker = json.loads((root / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(marker, dict) and marker.get("digest") == _digest(parameters)


def make_demo(
    root: Path, report: Report | None = None, parameters: DemoParameters = DEFAULT, workers: int | None = None
) -> Path:
    """Write the demo into `root` unless it is complete there; returns root/images.

    It grows in a temporary folder beside `root` that is renamed when the marker has been written last, under a
    file lock: a killed run is swept away by the next one, and of two runs at once one draws and one waits.
    `report(done, total)` is called in this thread. `workers` processes draw (default: one a core, at most 8);
    their number does not change a pixel. Raises RuntimeError when a drawing process fails.
    """
    root = Path(root)
    root.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(root.parent / f"{root.name}.lock"):
        if not is_current(root, parameters):
            for stale in root.parent.glob(f"{root.name}.tmp-*"):
                shutil.rmtree(stale, ignore_errors=True)
            shutil.rmtree(root, ignore_errors=True)
            growing = root.parent / f"{root.name}.tmp-{os.getpid()}"
            for folder in ("images", "annotations/trimaps", "annotations/xmls", "annotations/shortcuts"):
                (growing / folder).mkdir(parents=True)
            _draw_all(growing, report, parameters, workers or min(8, os.cpu_count() or 1))
            _write_truth(growing, parameters)
            marker = {"digest": _digest(parameters), "parameters": asdict(parameters)}
            (growing / MARKER).write_text(json.dumps(marker, indent=1), encoding="utf-8")
            growing.replace(root)
    return root / "images"


def _picture(stem: str, parameters: DemoParameters) -> Picture:
    try:
        return plan(parameters)[stem]
    except KeyError:
        raise KeyError(
            f"The demo has no picture {stem!r}; its names run like {next(iter(plan(parameters)))!r}"
        ) from None


def _digest(parameters: DemoParameters) -> str:
    """Of the parameters and of the drawing code itself, so that a folder never mixes two generators."""
    digest = hashlib.sha256(json.dumps(asdict(parameters), sort_keys=True).encode())
    for source in sorted(Path(__file__).parent.glob("demo*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def _draw_all(folder: Path, report: Report | None, parameters: DemoParameters, workers: int) -> None:
    """Draw every picture: this process its share, helpers theirs.

    The helpers are plain `python -m` processes, not a multiprocessing pool: a spawned pool would import the
    caller's __main__ again, which under Streamlit is the app itself.
    """
    total = len(plan(parameters))
    workers = max(1, min(workers, total // 16))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    job = json.dumps(
        {"folder": str(folder), "workers": workers, "parameters": asdict(parameters), "parent": os.getpid()}
    )
    helpers = [
        subprocess.Popen(
            [sys.executable, "-m", "analysis.data.demo", job, str(share)],
            env=environment,
            cwd=Path(__file__).parents[2],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for share in range(1, workers)
    ]
    try:
        if report:
            report(0, total)
        own = _share(parameters, 0, workers)
        for done, picture in enumerate(own, 1):
            _write(folder, draw_picture(picture, picture.shortcut))
            if report and done % 10 == 0:
                report(len(os.listdir(folder / "images")), total)
        while any(helper.poll() is None for helper in helpers):
            time.sleep(0.05)
            if report:
                report(len(os.listdir(folder / "images")), total)
        for helper in helpers:
            if helper.returncode != 0:
                message = helper.stderr.read().decode(errors="replace") if helper.stderr else ""
                raise RuntimeError(f"A process that draws the demo failed ({helper.returncode}): {message[-600:]}")
        if report:
            report(total, total)
    finally:
        for helper in helpers:
            if helper.poll() is None:
                helper.kill()
                helper.wait()
            if helper.stderr:
                helper.stderr.close()


def _share(parameters: DemoParameters, share: int, workers: int) -> list[Picture]:
    return list(plan(parameters).values())[share::workers]


def _write(folder: Path, drawing: Drawing) -> None:
    stem = drawing.picture.stem
    notes = folder / "annotations"
    Image.fromarray(_trimap(drawing.mask)).save(notes / "trimaps" / f"{stem}.png", compress_level=1)
    (notes / "xmls" / f"{stem}.xml").write_text(_voc(drawing), encoding="utf-8")
    if drawing.picture.shortcut:
        ball = Image.fromarray(drawing.shortcut_mask.astype(np.uint8) * 255)
        ball.save(notes / "shortcuts" / f"{stem}.png", compress_level=1)
    (folder / "images" / drawing.picture.file).write_bytes(_jpeg(drawing.image))


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", **_JPEG)
    return buffer.getvalue()


def _trimap(mask: NDArray[np.bool_], reach: int = 2) -> NDArray[np.uint8]:
    """1 pet, 2 background, 3 within `reach` pixels of the outline."""
    near, core = mask.copy(), mask.copy()
    for axis in (0, 1):
        near_before, core_before = near.copy(), core.copy()
        for shift in range(1, reach + 1):
            for turn in (-shift, shift):
                near |= _shifted(near_before, turn, axis, outside=False)
                core &= _shifted(core_before, turn, axis, outside=True)
    return np.where(core, 1, np.where(near, 3, 2)).astype(np.uint8)


def _shifted(mask: NDArray[np.bool_], by: int, axis: int, outside: bool) -> NDArray[np.bool_]:
    moved = np.roll(mask, by, axis)
    edge = slice(0, by) if by > 0 else slice(by, None)
    moved[(edge, slice(None)) if axis == 0 else (slice(None), edge)] = outside
    return moved


def _voc(drawing: Drawing) -> str:
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
        rows = csv.writer(file)
        rows.writerow(["file", "split", "species", "breed", "shortcut", "ambiguous"])
        for p in plan(parameters).values():
            rows.writerow([p.file, p.split, p.species, p.breed, int(p.shortcut), int(p.ambiguous)])


def _help(job: str, share: int) -> None:
    """A drawing process's work; it ends by itself when the process that started it is gone."""
    order = json.loads(job)
    parameters = DemoParameters(**order["parameters"])
    for picture in _share(parameters, share, order["workers"]):
        if os.getppid() != order["parent"]:
            return
        _write(Path(order["folder"]), draw_picture(picture, picture.shortcut))


if __name__ == "__main__":
    _help(sys.argv[1], int(sys.argv[2]))
