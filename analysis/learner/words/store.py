"""Load the learner of a run of words, without pickle."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from analysis.data.texts import LabelledTexts
from analysis.learner.training import best_device
from analysis.learner.weights_file import check_weights, load_weights
from analysis.learner.words.awd_lstm import AwdLstm
from analysis.learner.words.batches import by_length, padded
from analysis.learner.words.dataloaders import make_text_dataloaders
from analysis.learner.words.examples import text_recipe, texts_of
from analysis.learner.words.train import build_text_learner
from analysis.learner.words.vocabulary import Encoding, TokenVocabulary, load_vocabulary
from analysis.learner.words.wordcnn import WordCNN
from analysis.progress import Report, silent
from analysis.recipes.words import TextRecipe
from analysis.runs import Run
from analysis.sweep import array_of, sweep, table_of

_BATCH = 64


class WordLearner:
    """The learner of a run of words in evaluation mode, with its vocabulary and its texts.

    Attributes
    ----------
    run : the run it was loaded from
    recipe : the run's recipe
    model : from token ids (B, L) int64 to logits (B, C) float32
    vocabulary : its words
    device : where the model is
    """

    def __init__(
        self,
        run: Run,
        recipe: TextRecipe,
        model: WordCNN | AwdLstm,
        vocabulary: TokenVocabulary,
        data: LabelledTexts | None = None,
    ) -> None:
        """Hold a network whose weights are loaded, and the run's texts where they are in memory."""
        self.run, self.recipe, self.model, self.vocabulary = run, recipe, model, vocabulary
        self._data = data
        self.device: torch.device = model.embedding.weight.device

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the classes as shown to a person, in the order of the logits."""
        return self.run.manifest.class_names

    def view(self, example: str) -> Encoding:
        """Return any text as the network sees it, with the place of each word."""
        return self.vocabulary.encode(example)

    def batch(self, examples: Sequence[Encoding]) -> Tensor:
        """Return texts as one batch (B, L) int64 on the device, padded at the end; L is at least 1."""
        return padded([encoding.ids for encoding in examples], self.device)

    def texts(self) -> dict[str, str]:
        """Return all texts of the run by name, read again from their source; raises RunError."""
        return self._texts

    def logits(self, files: Sequence[str], report: Report = silent) -> Tensor:
        """Return the logits (N, C), float64 on the CPU, of texts of the run, in the order given.

        Raises RunError where their source is missing or has changed.
        """
        texts = self.texts()
        numbers = [self.vocabulary.numbers(texts[file]) for file in files]

        @torch.no_grad()
        def predict(batch: Sequence[np.ndarray]) -> pa.Table:
            return table_of({"logits": self.model(padded(batch, self.device)).double().cpu().numpy()})

        batches = by_length([len(ids) for ids in numbers], _BATCH)
        message = "Predicting texts, {done} of {total}"
        results = sweep(numbers, predict, batches=batches, report=report, message=message)
        return torch.from_numpy(array_of(results.table(), "logits"))

    def columns(self, files: Sequence[str]) -> dict[str, list[Any]]:
        """Return the further columns of a predictions table of texts: the texts."""
        texts = self.texts()
        return {"text": [texts[file] for file in files]}

    @cached_property
    def _texts(self) -> dict[str, str]:
        data = self._data or texts_of(self.run)
        return dict(zip(data.files, data.texts, strict=True))


def load_text(
    run: Run,
    device: torch.device | str | None = None,
    verify: bool = True,
    data: LabelledTexts | None = None,
) -> WordLearner:
    """Load the learner of a run of words, on CUDA where there is one unless a device is named.

    Neither the run's texts nor a pickle is read; `data` is the texts that the run was fitted on, where they are in
    memory already. Raises RunError where the run is one of images, or its files are not those that the manifest
    names or do not fit.
    """
    manifest, recipe = run.manifest, text_recipe(run)
    if verify:
        check_weights(run)
    vocabulary = load_vocabulary(run)
    device = torch.device(device) if device is not None else best_device()
    blank = [(np.zeros(1, dtype=np.int64), 0)] * 2
    dls = make_text_dataloaders(blank, blank, vocabulary, manifest.class_names, device)
    network = build_text_learner(recipe, dls, vocabulary, len(manifest.class_names)).model
    load_weights(network, run, device)
    model = network if isinstance(network, WordCNN) else AwdLstm(network)
    return WordLearner(run, recipe, model.eval(), vocabulary, data)


def pooled_features(loaded: WordLearner, files: Sequence[str], report: Report = silent) -> dict[str, np.ndarray]:
    """Return the mean over the words of each layer's output: {layer: (N, C) float32}, in forward order.

    The layers of a WordCNN are "embedding", "blocks.0" and so on; there are none of another network, whose
    outputs are not averaged over words. `report` receives stage "probes".
    """
    model = loaded.model
    if not isinstance(model, WordCNN):
        return {}
    texts = loaded.texts()
    numbers = [loaded.vocabulary.numbers(texts[file]) for file in files]

    @torch.no_grad()
    def pool(batch: Sequence[np.ndarray]) -> pa.Table:
        ids = padded(batch, loaded.device)
        mask = model.mask(ids)
        layers = model.layers(model.embedding(ids), mask)
        return table_of({layer: model.pool(output, mask).cpu().numpy() for layer, output in layers})

    batches = by_length([len(ids) for ids in numbers], _BATCH)
    message = "Collecting features of texts for the probes, {done} of {total}"
    table = sweep(numbers, pool, batches=batches, report=report, stage="probes", message=message).table()
    return {layer: array_of(table, layer) for layer in table.column_names}
