"""The kinds of learner: what each of them is called, what its runs hold, and where its code is.

To add one, write a package with a `Kind` in it and add one line to `_KINDS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pkgutil import resolve_name
from typing import Any

from analysis.recipes.base import RecipeBase, one_of

# These lines and the code that a Kind names are object references, "module:name", as in the entry points of a
# package (https://packaging.python.org/en/latest/specifications/entry-points/), for two reasons. A list of runs is
# shown before torch is loaded, so a kind must be known without the modules that load or train its learners. And
# a manifest is read with the kind's recipe, while the learners, which know runs, lie in a room above.
_KINDS = (
    "analysis.learner.images.kind:IMAGES",
    "analysis.learner.words.kind:WORDS",
)


@dataclass(frozen=True)
class Kind:
    """One kind of learner.

    The attributes from `load` to `steps` are object references ("module:name"); `resolve` returns what they name.

    Attributes
    ----------
    recipe : class of its recipes, whose `kind` is this kind's name
    label : what the dashboard calls it
    noun : what one of its examples is called
    first_page : where a link to a learner leads, a name in `dashboard.pages`
    introduction : what the dashboard says, in Markdown, where there is no learner of this kind yet
    files : what a complete run of it holds, besides its manifest and examples
    load : `load(run)` returns an `analysis.learner.loaded.LoadedLearner`
    missing : `missing(run, files)` returns the examples among these that are no longer there
    state : `state(run)` returns texts by name that change when the examples of the run do
    steps : a subclass of `analysis.learner.steps.FitSteps`; None where such learners are not trained here
    more_files : what a run of it may hold
    """

    recipe: type[RecipeBase]
    label: str
    noun: str
    first_page: str
    introduction: str
    files: tuple[str, ...]
    load: str
    missing: str
    state: str
    steps: str | None = None
    more_files: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the name by which manifests, links and code call the kind."""
        return self.recipe.kind

    @property
    def default_source(self) -> str:
        """Return the source that a first learner is trained on."""
        return next(iter(self.recipe.tasks))

    @property
    def nouns(self) -> str:
        """Return what several of its examples are called."""
        return f"{self.noun}s"


def resolve(reference: str) -> Any:
    """Import what an object reference names; raises ImportError or AttributeError where it names nothing."""
    return resolve_name(reference)


@cache
def kinds() -> tuple[Kind, ...]:
    """Return every kind of learner, the first one being the default."""
    return tuple(resolve(reference) for reference in _KINDS)


def kind_of(recipe: RecipeBase) -> Kind:
    """Return the kind of learner that a recipe makes."""
    return next(kind for kind in kinds() if kind.name == recipe.kind)


def kind_named(name: str) -> Kind:
    """Return a kind by its name; raises KeyError where there is none."""
    return {kind.name: kind for kind in kinds()}[name]


def all_sources() -> tuple[str, ...]:
    """Return every source of examples; each belongs to one kind."""
    return tuple(source for kind in kinds() for source in kind.recipe.tasks)


def recipe_fields() -> tuple[str, ...]:
    """Return the fields of the recipes of all kinds, each once."""
    return tuple(dict.fromkeys(field.name for kind in kinds() for field in fields(kind.recipe)))


def recipe_for(source: str, **changes: Any) -> RecipeBase:
    """Return the default recipe of a source, with `changes`; a change that is None is ignored.

    Raises RecipeError for an unknown source, and for a change that its kind of recipe does not have.
    """
    return _recipe_class(source).for_source(source, **changes)


def recipe_from(values: Mapping[str, Any]) -> RecipeBase:
    """Return the recipe that a manifest holds; raises RecipeError, KeyError or TypeError for something else."""
    return _recipe_class(values["source"])(**values)


def _recipe_class(source: str) -> type[RecipeBase]:
    one_of("source", source, all_sources())
    return next(kind.recipe for kind in kinds() if source in kind.recipe.tasks)
