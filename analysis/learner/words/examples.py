"""The texts of a run as their source has them now; importing this does not load torch."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.data.labelled import DataError
from analysis.data.load import load_texts
from analysis.data.texts import LabelledTexts
from analysis.progress import Report, silent
from analysis.recipes.words import TextRecipe
from analysis.runs import Run, RunError


def text_recipe(run: Run) -> TextRecipe:
    """Return the recipe of a run of words; raises RunError for a run of another kind."""
    recipe = run.manifest.recipe
    if not isinstance(recipe, TextRecipe):
        raise RunError(f"{run.name} is a run of {run.manifest.kind}, not of words.")
    return recipe


def texts_of(run: Run, report: Report = silent) -> LabelledTexts:
    """Return a run's labelled texts as its source has them now; raises RunError where they have changed."""
    recipe = text_recipe(run)
    try:
        sides = run.examples().sides
        data = load_texts(recipe.source, recipe.task, recipe.path, recipe.columns, recipe.seed, report, sides)
    except DataError as error:
        raise RunError(f"The texts of {run.name} are no longer there: {error}") from error
    if data.fingerprint() != run.manifest.fingerprint:
        raise RunError(
            f"The texts in {data.root} are not those that {run.name} was fitted on. Put the file back, or fit "
            f"again on the texts as they are now: {run.how_to_retrain()}"
        )
    return data


def missing(run: Run, files: Sequence[str]) -> list[str]:
    """Return an empty list: all texts are in one source, which `state` cannot read where it is gone."""
    return []


def state(run: Run) -> dict[str, str]:
    """Return what changes when a text does; raises RunError where the texts are not those of the fit."""
    return {"data": texts_of(run).fingerprint()}
