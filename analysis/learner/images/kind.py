"""Learners for pictures, as the registry of kinds knows them; importing this does not load torch."""

from __future__ import annotations

from analysis.kinds import Kind
from analysis.recipes.images import ImageRecipe
from analysis.runs import ACTIVATIONS, PREDICTIONS, PROBES, WEIGHTS

IMAGES = Kind(
    recipe=ImageRecipe,
    label="Pictures",
    noun="picture",
    first_page="errors",
    introduction=(
        "The first start draws a small set of cats and dogs, fine-tunes a classifier on it and looks for its "
        "mistakes. This takes a minute or two and happens only once."
    ),
    files=(WEIGHTS, PREDICTIONS, PROBES),
    load="analysis.learner.images.store:load",
    missing="analysis.learner.images.examples:missing",
    state="analysis.learner.images.examples:state",
    steps="analysis.learner.images.steps:ImageSteps",
    more_files=(ACTIVATIONS,),
)
