"""Which version of the demo the drawing code makes: a digest of that code and of the parameters."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from analysis.data.demo.plan import DemoParameters

# the modules that decide what is in the demo's files; no other module in this folder changes a byte of them
DRAWING_MODULES = (
    "ball", "bodies", "breeds", "canvas", "drawing", "files", "foreground", "fur", "heads", "landscapes", "limbs",
    "plan", "rooms", "scenes", "truth",
)  # fmt: skip


def version(parameters: DemoParameters, folder: Path = Path(__file__).parent) -> str:
    """Return twelve hexadecimal digits that change when the parameters or the drawing code change.

    Parameters
    ----------
    folder : where the drawing modules lie
    """
    digest = hashlib.sha256(json.dumps(asdict(parameters), sort_keys=True).encode())
    for name in DRAWING_MODULES:
        digest.update((folder / f"{name}.py").read_bytes())
    return digest.hexdigest()[:12]
