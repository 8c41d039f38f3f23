"""The steps of a fit that are those of words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from analysis.data.load import load_texts
from analysis.data.texts import LabelledTexts
from analysis.fitting.steps import FitSteps, Trained
from analysis.learner.words.store import LoadedText, load_text, pooled_features
from analysis.learner.words.train import train_text
from analysis.progress import ProgressEvent, Report
from analysis.recipes.words import TextRecipe
from analysis.runs import TOKENS, Run, sha256


class WordSteps(FitSteps[TextRecipe, LabelledTexts, LoadedText]):
    """A training of a text classifier."""

    libraries = ("torch", "fastai", "pandas", "safetensors")
    noun = "texts"

    def settle(self, report: Report) -> tuple[str, ...]:
        """Begin with random weights where the pretrained ones cannot be had."""
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

    def data(self, report: Report) -> LabelledTexts:
        """Return the labelled texts."""
        recipe = self.recipe
        return load_texts(recipe.source, recipe.task, recipe.path, recipe.columns, recipe.seed, report)

    def work(self, data: LabelledTexts) -> dict[str, float]:
        """Return what the stages cost, in forward passes of one text."""
        held = sum(data.valid)
        shown = len(data.files) - held
        training = self.recipe.freeze_epochs * (2 * shown + held) + self.recipe.epochs * (4 * shown + held)
        return {"train": training, "evaluate": held, "probes": shown + held}

    def train(self, data: LabelledTexts, device: torch.device | None, report: Report) -> Trained:
        """Train a learner."""
        learn, history, vocabulary = train_text(self.recipe, data, device, report)

        def keep(folder: Path) -> dict[str, str]:
            return {TOKENS: sha256(vocabulary.save(folder))}

        return Trained(learn, history, keep)

    def load(self, run: Run, data: LabelledTexts, device: torch.device) -> LoadedText:
        """Bring back what was saved, without reading the texts again."""
        return load_text(run, device, data=data)

    def features(self, loaded: LoadedText, files: Sequence[str], report: Report) -> dict[str, np.ndarray]:
        """Return the mean over the words of each layer's output."""
        return pooled_features(loaded, files, report)

    def smaller(self) -> str:
        """Return how to fit with less memory."""
        return (
            f"The GPU has too little free memory for batches of {self.recipe.batch_size} texts of up to "
            f"{self.recipe.max_tokens} words. Fit with a smaller --batch-size or --max-tokens."
        )
