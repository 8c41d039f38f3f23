"""Recipes of both kinds by their source, which belongs to exactly one kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.data.source import SOURCES
from analysis.data.texts import TEXT_SOURCES
from analysis.recipes.base import RecipeError, one_of
from analysis.recipes.images import ImageRecipe
from analysis.recipes.words import TextRecipe

__all__ = ["ALL_SOURCES", "AnyRecipe", "RecipeError", "recipe_for", "recipe_from"]

AnyRecipe = ImageRecipe | TextRecipe
ALL_SOURCES = (*SOURCES, *TEXT_SOURCES)


def recipe_for(source: str, **changes: Any) -> AnyRecipe:
    """Return the default recipe of a source, with `changes`; a change that is None is ignored.

    Raises RecipeError for an unknown source, and for a change that its kind of recipe does not have.
    """
    one_of("source", source, ALL_SOURCES)
    return (
        TextRecipe.for_source(source, **changes)
        if source in TEXT_SOURCES
        else ImageRecipe.for_source(source, **changes)
    )


def recipe_from(values: Mapping[str, Any]) -> AnyRecipe:
    """Return the recipe that a manifest holds; raises RecipeError, KeyError or TypeError for something else."""
    return TextRecipe(**values) if values["source"] in TEXT_SOURCES else ImageRecipe(**values)
