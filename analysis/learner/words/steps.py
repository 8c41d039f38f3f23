"""The steps of a fit of a text classifier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from analysis.data.load import load_texts
from analysis.data.texts import LabelledTexts
from analysis.learner.steps import FitSteps, TrainingResult
from analysis.learner.words.store import WordLearner, load_text, pooled_features
from analysis.learner.words.train import train_text
from analysis.progress import ProgressEvent, Report
from analysis.recipes.words import TextRecipe
from analysis.runs import TOKENS, Run, sha256


class WordSteps(FitSteps[TextRecipe, LabelledTexts, WordLearner]):
    """A training of a text classifier."""

    libraries = ("torch", "fastai", "pandas", "safetensors")

    def adapt_recipe(self, report: Report) -> tuple[str, ...]:
        """Start from random weights where the pretrained ones cannot be downloaded; say so in a sentence."""
        if not self.recipe.pretrained:
            return ()
        from analysis.learner.words.pretrained import LanguageModelError, fetch_language_model

        try:
            fetch_language_model(report)
        except LanguageModelError as error:
            note = f"Trained from scratch, not from pretrained weights. {error}"
            report(ProgressEvent("weights", note, 0.0))
            self.recipe = self.recipe.from_scratch()
            return (note,)
        return ()

    def load_data(self, report: Report) -> LabelledTexts:
        """Return the labelled texts."""
        recipe = self.recipe
        return load_texts(recipe.source, recipe.task, recipe.path, recipe.columns, recipe.seed, report)

    def stage_costs(self, data: LabelledTexts) -> dict[str, float]:
        """Return the costs of the stages, in forward passes of one text."""
        n_valid = sum(data.valid)
        n_train = len(data.files) - n_valid
        frozen = self.recipe.freeze_epochs * (2 * n_train + n_valid)
        full = self.recipe.epochs * (4 * n_train + n_valid)
        return {"train": frozen + full, "evaluate": n_valid, "probes": n_train + n_valid}

    def train(self, data: LabelledTexts, device: torch.device | None, report: Report) -> TrainingResult:
        """Train a learner."""
        learn, history, vocabulary = train_text(self.recipe, data, device, report)

        def save_extras(folder: Path) -> dict[str, str]:
            return {TOKENS: sha256(vocabulary.save(folder))}

        return TrainingResult(learn, history, save_extras)

    def load_learner(self, run: Run, data: LabelledTexts, device: torch.device) -> WordLearner:
        """Load what was saved, without reading the texts again."""
        return load_text(run, device, data=data)

    def pooled_features(self, loaded: WordLearner, files: Sequence[str], report: Report) -> dict[str, np.ndarray]:
        """Return each layer's output, averaged over the words of a text."""
        return pooled_features(loaded, files, report)

    def keys(self, data: LabelledTexts) -> Sequence[str]:
        """Return the texts: a name is a row of the table, which shifts when another row goes."""
        return data.texts

    def validation_keys(self, run: Run) -> set[str]:
        """Return the validation texts of an earlier run."""
        return set(run.predictions(["text"])["text"])

    def difference(self, run: Run, data: LabelledTexts) -> str:
        """Return how many texts there were and are."""
        before = run.manifest.counts["train"] + run.manifest.counts["valid"]
        return f"{before:,} before, {len(data.files):,} now"

    def memory_advice(self) -> str:
        """Return a sentence that says how to fit with less memory."""
        return (
            f"The GPU has too little free memory for batches of {self.recipe.batch_size} texts of up to "
            f"{self.recipe.max_tokens} words. Fit with a smaller --batch-size or --max-tokens."
        )
