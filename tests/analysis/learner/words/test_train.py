"""From labelled texts to a trained network: it learns, the same seed gives the same weights, bad data is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from analysis.data.texts import LabelledTexts, labelled_texts
from analysis.learner.training import TrainingError
from analysis.learner.words.batches import padded
from analysis.learner.words.train import train_text
from analysis.learner.words.wordcnn import WordCNN
from analysis.progress import ProgressEvent
from analysis.recipes.words import TextRecipe

CPU = torch.device("cpu")
RECIPE = TextRecipe(epochs=4, batch_size=8, base_lr=2e-2, vocabulary_size=100)


def texts(count: int = 48) -> LabelledTexts:
    """Texts of one class say "great" and those of the other "awful"; only validation texts say "unheard"."""
    valid = [at % 6 >= 4 for at in range(count)]
    words = [
        f"the film {at} was {('awful', 'great')[at % 2]} and it was {('long', 'unheard')[valid[at]]}"
        for at in range(count)
    ]
    labels = [("negative", "positive")[at % 2] for at in range(count)]
    names = [f"row/{at}" for at in range(count)]
    return labelled_texts("reviews", "imdb", Path("."), names, words, labels, valid)


def test_it_learns_the_word_that_decides_and_says_how_far_it_is() -> None:
    events: list[ProgressEvent] = []
    learn, history, vocabulary = train_text(RECIPE, texts(), CPU, events.append)
    assert isinstance(learn.model, WordCNN)
    assert not learn.model.training
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert history[-1]["valid_loss"] < history[0]["valid_loss"]
    with torch.no_grad():
        logits = learn.model(padded([vocabulary.numbers(text) for text in ("a great film", "an awful film")]))
    assert logits.argmax(1).tolist() == [1, 0]  # classes in alphabetical order
    assert {event.stage for event in events} == {"weights", "train"}
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)


def test_the_vocabulary_is_that_of_the_training_texts() -> None:
    data = texts()
    _, _, vocabulary = train_text(TextRecipe(epochs=1, vocabulary_size=100), data, CPU)
    assert {"great", "awful", "film", "long"} <= set(vocabulary.tokens)
    assert "unheard" not in vocabulary.tokens


def test_the_same_seed_gives_the_same_weights() -> None:
    one, again, other = (
        train_text(TextRecipe(epochs=1, batch_size=8, vocabulary_size=100, seed=seed), texts(), CPU)[0].model
        for seed in (1, 1, 2)
    )
    assert torch.equal(one.head.weight, again.head.weight)
    assert not torch.equal(one.head.weight, other.head.weight)


def test_too_few_training_texts_are_named() -> None:
    data = replace(texts(6), valid=(False, *[True] * 5))
    with pytest.raises(TrainingError, match="1 training texts are too few"):
        train_text(RECIPE, data, CPU)
