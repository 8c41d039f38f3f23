"""The registry of kinds: what each names is there, and a source belongs to one of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from analysis.kinds import (
    Kind,
    all_sources,
    kind_named,
    kind_of,
    kinds,
    recipe_for,
    recipe_from,
    resolve,
)
from analysis.learner.loaded import LoadedLearner
from analysis.learner.steps import FitSteps
from analysis.recipes.base import RecipeBase, RecipeError
from analysis.recipes.images import ImageRecipe
from analysis.recipes.words import TextRecipe
from analysis.runs import Run
from dashboard.pages import page_file

each_kind = pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.name)


@pytest.fixture
def run_of(request: pytest.FixtureRequest) -> Callable[[Kind], Run]:
    """Return a small run of a kind."""
    fixtures = {"images": "tiny_run", "words": "tiny_words_run"}
    return lambda kind: request.getfixturevalue(fixtures[kind.name])


def members_of(protocol: type) -> set[str]:
    """Return the names that an object must have to be one of a protocol."""
    own = {name for name in vars(protocol) if not name.startswith("_")}
    return own | set(inspect.get_annotations(protocol))


def test_the_kinds_have_their_names():
    assert [kind.name for kind in kinds()] == ["images", "words"]
    assert [kind_named(kind.name) for kind in kinds()] == list(kinds())
    with pytest.raises(KeyError):
        kind_named("sounds")


@each_kind
def test_a_kind_loads_a_learner_that_has_all_of_the_protocol(kind: Kind, run_of: Callable[[Kind], Run]):
    run = run_of(kind)
    learner = resolve(kind.load)(run)
    assert {"run", "device", "model", "view", "batch", "logits", "columns"} < members_of(LoadedLearner)
    assert not members_of(LoadedLearner) - set(dir(learner))
    assert isinstance(learner, LoadedLearner)
    assert learner.run == run
    assert learner.class_names == run.manifest.class_names
    file = run.examples().names("valid")[0]
    assert learner.logits([file]).shape == (1, len(learner.class_names))
    assert all(len(column) == 1 for column in learner.columns([file]).values())


@each_kind
def test_the_signatures_are_those_of_the_protocol(kind: Kind, run_of: Callable[[Kind], Run]):
    learner = resolve(kind.load)(run_of(kind))
    for name in ("view", "batch", "logits", "columns"):
        wanted = list(inspect.signature(getattr(LoadedLearner, name)).parameters)[1:]
        assert list(inspect.signature(getattr(learner, name)).parameters)[: len(wanted)] == wanted, name


@each_kind
def test_a_kind_names_the_steps_of_its_fit_or_none(kind: Kind):
    if kind.steps is not None:
        assert issubclass(resolve(kind.steps), FitSteps)
        assert not inspect.isabstract(resolve(kind.steps))


@each_kind
def test_a_kind_knows_its_examples_on_the_disk(kind: Kind, run_of: Callable[[Kind], Run]):
    run = run_of(kind)
    assert resolve(kind.missing)(run, run.examples().names("valid")) == []
    state = resolve(kind.state)(run)
    assert state["data"] == run.manifest.fingerprint
    assert all(isinstance(value, str) for value in state.values())


@each_kind
def test_a_complete_run_holds_the_files_of_its_kind(kind: Kind, run_of: Callable[[Kind], Run]):
    run = run_of(kind)
    assert set(kind.files) <= run.manifest.files.keys()
    assert run.manifest.files.keys() <= {*kind.files, *kind.more_files, "examples.parquet"}


@each_kind
def test_the_dashboard_has_the_kind_s_first_page(kind: Kind):
    assert Path(__file__).parents[2].joinpath(page_file(kind.first_page)).is_file()


def test_a_source_belongs_to_one_kind():
    assert len(set(all_sources())) == len(all_sources())
    assert {"demo", "pets", "folder", "reviews", "table"} < set(all_sources())


def test_a_source_decides_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert recipe_for("demo", size=None, max_tokens=None) == ImageRecipe.for_source("demo")
    assert recipe_for("table", path="x.csv").path == str(tmp_path / "x.csv")
    with pytest.raises(RecipeError, match="'demo' is one of images, for which there is no max_tokens"):
        recipe_for("demo", max_tokens=50)
    with pytest.raises(RecipeError, match="'reviews' is one of words, for which there is no head, size"):
        recipe_for("reviews", size=224, head="linear")
    with pytest.raises(RecipeError, match="possible here: " + ", ".join(all_sources())):
        recipe_for("web")


@pytest.mark.parametrize("recipe", [ImageRecipe.for_source("pets"), TextRecipe.for_source("imdb")])
def test_a_manifest_s_recipe_is_read_back(recipe: RecipeBase):
    assert kind_of(recipe).name == recipe.kind
    assert recipe_from({field.name: getattr(recipe, field.name) for field in fields(recipe)}) == recipe
