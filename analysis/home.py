"""The folder that holds everything that the product writes."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """Return the product's own folder, and create it where it is missing.

    It is `CAMLENS_HOME` where that variable is set, else the platform's user cache folder. It holds `data/`,
    the demo's pictures, and `runs/`, one folder for each fine-tuned learner.
    """
    variable = os.environ.get("CAMLENS_HOME", "").strip()
    folder = Path(variable).expanduser() if variable else platformdirs.user_cache_path("camlens")
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder
