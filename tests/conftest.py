"""Fixtures of all tests: a home of their own, the material beside the checkout, one tiny run of each kind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from analysis.runs import Run

# before torch is loaded: spinning threads make it many times slower beside another busy process
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A CAMLENS_HOME for the session: no test writes into the user's cache folder."""
    folder = tmp_path_factory.mktemp("camlens-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAMLENS_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of development material (CAMLENS_SHARED, or ../shared); the test is skipped without it."""
    folder = Path(os.environ.get("CAMLENS_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no development material at {folder}")
    return folder


@pytest.fixture(scope="session")
def pets_cache(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A FASTAI_HOME in which `untar_data(URLs.PETS)` finds the photos of `shared`."""
    from fastai.data.external import fastai_cfg

    folder = tmp_path_factory.mktemp("fastai-home")
    (folder / "data").mkdir()
    (folder / "data" / "oxford-iiit-pet").symlink_to(shared / "oxford-iiit-pet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASTAI_HOME", str(folder))
        fastai_cfg.cache_clear()
        yield folder
    fastai_cfg.cache_clear()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 small pictures of two classes, "sand" (reddish) and "sea" (bluish), some hard to tell."""
    from tests.tiny import draw_pictures

    return draw_pictures(tmp_path_factory.mktemp("tiny") / "pictures")


@pytest.fixture(scope="session")
def tiny_reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of 60 short reviews, "positive" and "negative"."""
    from tests.tiny import write_reviews

    return write_reviews(tmp_path_factory.mktemp("reviews") / "reviews.csv")


@pytest.fixture(scope="session")
def tiny_words_run(tiny_reviews: Path, own_home: Path) -> Run:
    """A complete run on `tiny_reviews`: a small wordcnn. Do not write into it."""
    from analysis.fitting.fit import fit
    from tests.tiny import tiny_words_recipe

    return fit(tiny_words_recipe(tiny_reviews))


@pytest.fixture(scope="session")
def tiny_run(tiny_folder: Path, own_home: Path) -> Run:
    """A complete run on `tiny_folder`: an untrained resnet18 at 64 pixels, one epoch. Do not write into it."""
    from analysis.fitting.fit import fit
    from tests.tiny import tiny_recipe

    return fit(tiny_recipe(tiny_folder))
