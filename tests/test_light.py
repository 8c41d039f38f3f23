"""The modules that show a gallery of predictions do not load torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LIGHT = (
    "analysis.predictions",
    "analysis.commands.cli",
    "analysis.commands.evaluate",
    "analysis.commands.explain",
    "analysis.commands.fit",
    "analysis.commands.options",
    "analysis.commands.output",
    "analysis.commands.planted",
    "analysis.commands.runs",
    "analysis.commands.words",
    "analysis.data.demo.dataset",
    "analysis.data.folder",
    "analysis.data.images",
    "analysis.data.load",
    "analysis.data.pets",
    "analysis.data.reviews",
    "analysis.data.source",
    "analysis.data.table",
    "analysis.data.texts",
    "analysis.errors",
    "analysis.home",
    "analysis.kinds",
    "analysis.learner.images.kind",
    "analysis.learner.images.examples",
    "analysis.learner.words.kind",
    "analysis.learner.words.examples",
    "analysis.manifest",
    "analysis.recipes.images",
    "analysis.progress",
    "analysis.runs",
    "analysis.sweep",
)


def test_light_modules_do_not_load_torch():
    code = (
        f"import importlib, sys\n"
        f"for name in {LIGHT!r}:\n"
        f"    importlib.import_module(name)\n"
        f"    heavy = {{'torch', 'fastai', 'timm', 'torchvision', 'sklearn'}} & set(sys.modules)\n"
        f"    assert not heavy, (name, heavy)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
