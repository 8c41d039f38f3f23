"""Learners for words, as the registry of kinds knows them; importing this does not load torch."""

from __future__ import annotations

from analysis.kinds import Kind
from analysis.recipes.words import TextRecipe
from analysis.runs import PREDICTIONS, PROBES, TOKENS, WEIGHTS

WORDS = Kind(
    recipe=TextRecipe,
    label="Words",
    noun="review",
    first_page="reviews",
    introduction=(
        "The same lens for text: **which words of a movie review decide its sentiment?** It takes a learner for "
        "words, and there is none yet.\n\n"
        "The default reads 25,000 IMDb reviews that came with the installation, so nothing is downloaded, and "
        "trains a small convolutional network for which CAM over words is exact. It takes about 3 minutes on two "
        "CPU cores; the other pages go on meanwhile."
    ),
    files=(WEIGHTS, PREDICTIONS, PROBES, TOKENS),
    load="analysis.learner.words.store:load_text",
    missing="analysis.learner.words.examples:missing",
    state="analysis.learner.words.examples:state",
    steps="analysis.learner.words.steps:WordSteps",
)
