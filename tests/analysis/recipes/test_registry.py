"""Recipes of both kinds by their source."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path

import pytest

from analysis.data.source import SOURCES
from analysis.data.texts import TEXT_SOURCES
from analysis.recipes.base import RecipeError
from analysis.recipes.images import ImageRecipe
from analysis.recipes.registry import ALL_SOURCES, recipe_for, recipe_from
from analysis.recipes.words import TextRecipe


def test_every_source_has_a_recipe_of_one_kind():
    assert len(set(ALL_SOURCES)) == len(SOURCES) + len(TEXT_SOURCES)
    for source in ALL_SOURCES:
        recipe = recipe_for(source, path="/x" if source in ("folder", "table") else None)
        assert recipe.kind == ("words" if source in TEXT_SOURCES else "images")
        assert recipe_from(asdict(recipe)) == recipe


def test_changes_must_fit_the_kind_of_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert recipe_for("demo", size=None, max_tokens=None) == ImageRecipe.for_source("demo")
    assert recipe_for("table", path="x.csv").path == str(tmp_path / "x.csv")
    with pytest.raises(RecipeError, match="'demo' is one of images, for which there is no max_tokens"):
        recipe_for("demo", max_tokens=50)
    with pytest.raises(RecipeError, match="'reviews' is one of words, for which there is no head, size"):
        recipe_for("reviews", size=224, head="linear")
    with pytest.raises(RecipeError, match="possible here: " + ", ".join(ALL_SOURCES)):
        recipe_for("web")
    for recipe in (ImageRecipe.for_source("pets"), TextRecipe.for_source("imdb")):
        values = {field.name: getattr(recipe, field.name) for field in fields(recipe)}
        assert recipe_from(values) == recipe
