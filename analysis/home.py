"""The one folder everything the product writes goes into."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """Return the product's own folder, made when missing.

    `CAMLENS_HOME` where it is set, else the platform's user cache folder. Inside it lie
    `data/` (the demo's pictures) and `runs/` (one folder a fine-tuned learner).
    """
    chosen = os.environ.get("CAMLENS_HOME", "").strip()
    folder = Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("camlens")
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder
