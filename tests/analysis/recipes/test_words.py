"""Recipes of text classifiers: defaults, refusals, names, options."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from analysis.commands.cli import make_parser
from analysis.commands.fit import recipe_of
from analysis.recipes.base import RecipeError
from analysis.recipes.words import TextRecipe


def test_the_defaults():
    plain = TextRecipe.for_source("reviews")
    assert (plain.arch, plain.task, plain.pretrained, plain.kind) == ("wordcnn", "imdb", False, "words")
    lstm = TextRecipe.for_source("reviews", arch="awd_lstm")
    assert (lstm.pretrained, lstm.freeze_epochs) == (True, 1)
    assert lstm.from_scratch().freeze_epochs == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "web"}, "source is 'web'; possible here: reviews, imdb_sample, imdb, table"),
        ({"task": "species"}, "task is 'species'; possible here: imdb, rotten_tomatoes"),
        ({"arch": "resnet34"}, "possible here: wordcnn, awd_lstm"),
        ({"path": "/x"}, "A path goes with the source 'table', and only with it"),
        ({"source": "table", "task": "table"}, "goes with the source 'table'"),
        ({"text_column": "a"}, "Columns go with the source 'table'"),
        ({"pretrained": True}, "no pretrained weights for wordcnn"),
        ({"vocabulary_size": 10}, "give 100 to 200000 words"),
        ({"max_tokens": 0}, "give 10 to 5000 words"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_what_is_not_possible_is_refused(changes: dict[str, object], message: str):
    with pytest.raises(RecipeError, match=message):
        TextRecipe(**changes)


def test_every_option_changes_the_name():
    recipe = TextRecipe.for_source("table", path="/a/my reviews.csv")
    assert recipe.run_name().startswith("table-my-reviews-wordcnn-")
    others: dict[str, object] = {
        "path": "/b.csv", "epochs": 9, "seed": 9, "batch_size": 9, "base_lr": 0.5, "vocabulary_size": 999,
        "max_tokens": 99, "text_column": "a", "label_column": "b", "split_column": "c", "arch": "awd_lstm",
    }  # fmt: skip
    fixed = {"source", "task", "pretrained"}
    assert others.keys() | fixed == {field.name for field in fields(TextRecipe)}
    names = {replace(recipe, **{name: value}).run_name() for name, value in others.items()}
    assert len({recipe.run_name(), *names}) == len(others) + 1


@pytest.mark.parametrize(
    "recipe",
    [
        TextRecipe.for_source("reviews", task="rotten_tomatoes", epochs=7, max_tokens=50),
        TextRecipe.for_source("table", path="/a b.csv", text_column="t", label_column="l", split_column="s"),
        TextRecipe.for_source("imdb", arch="awd_lstm"),
        TextRecipe.for_source("imdb", arch="awd_lstm", pretrained=False),
    ],
)
def test_its_options_ask_for_the_same_recipe(recipe: TextRecipe):
    assert recipe_of(make_parser().parse_args(["fit", *recipe.options()])) == recipe
