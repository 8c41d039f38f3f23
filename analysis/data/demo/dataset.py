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

import io
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image

from analysis.data.demo.drawing import Drawing, draw_picture
from analysis.data.demo.files import jpeg_bytes, make_folders
from analysis.data.demo.plan import DEFAULT, DemoParameters, Picture, plan
from analysis.data.demo.truth import write_truth
from analysis.data.demo.version import version
from analysis.data.demo.workers import Progress, draw_all

MARKER = "demo.json"


def demo_folder(home: Path, parameters: DemoParameters = DEFAULT) -> Path:
    """Return home/data/demo-<version>: another folder whenever the parameters or the drawing code change."""
    return Path(home) / "data" / f"demo-{version(parameters)}"


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
    return np.asarray(Image.open(io.BytesIO(jpeg_bytes(image))))


def is_current(root: Path, parameters: DemoParameters = DEFAULT) -> bool:
    """Say whether `root` is complete and holds what this code draws with these parameters, as `twin` needs it."""
    try:
        marker = json.loads((root / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(marker, dict) and marker.get("digest") == version(parameters)


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
            make_folders(temporary)
            draw_all(temporary, report, parameters, workers or min(8, os.cpu_count() or 1))
            write_truth(temporary, parameters)
            marker = {"digest": version(parameters), "parameters": asdict(parameters)}
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
