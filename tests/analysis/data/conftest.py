"""What the tests of the data sources share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from analysis.data.demo.breeds import BREEDS
from analysis.data.demo.canvas import SIZE
from analysis.data.demo.fur import Fur


@pytest.fixture
def fur_of() -> Callable[..., Fur]:
    """A function that makes the brush of a breed on a grey canvas, lit from the upper right."""

    def make(breed: str = "Russian_Blue", coat: int = 0, seed: int = 0) -> Fur:
        canvas = np.full((SIZE, SIZE, 3), 128, np.float32)
        known = BREEDS[breed]
        rng = np.random.default_rng(seed)
        return Fur(canvas, known.coats[coat], known.build, rng, (0.65, -0.75), hair=0.0)

    return make


@pytest.fixture
def fastai_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A FASTAI_HOME with nothing in it."""
    from fastai.data.external import fastai_cfg

    monkeypatch.setenv("FASTAI_HOME", str(tmp_path / "fastai"))
    fastai_cfg.cache_clear()
    yield tmp_path / "fastai"
    fastai_cfg.cache_clear()
