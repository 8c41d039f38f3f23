"""fastai's Wikipedia language model: the pretrained weights of awd_lstm."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from fastai.data.external import URLs
from fastai.text.learner import TextLearner, clean_raw_keys, load_ignore_keys, match_embeds

from analysis.data.download import Archive, fetch
from analysis.data.labelled import DataError
from analysis.errors import CamLensError
from analysis.learner.words.vocabulary import TokenVocabulary
from analysis.progress import Report, silent


class LanguageModelError(CamLensError, RuntimeError):
    """The pretrained weights are not available; the message says what was tried."""


def fetch_language_model(report: Report = silent) -> Path:
    """Return the folder with the language model's files, downloaded first; raises LanguageModelError."""
    archive = Archive(URLs.WT103_FWD, "the weights of fastai's language model", "", "model")
    try:
        return fetch(archive, report)
    except DataError as error:
        raise LanguageModelError(str(error).strip()) from error


def load_language_model(learn: TextLearner, vocabulary: TokenVocabulary, folder: Path) -> None:
    """Put the language model's weights into a classifier, and freeze all but its head, as fastai does.

    Words that the language model does not know get the mean of its word vectors. fastai's own function
    would run the pickles; here tensors and a list of words are read from them and nothing else.

    Raises LanguageModelError where the files are missing, damaged, or hold something else.
    """
    try:
        weights_file, words_file = next(folder.glob("*.pth")), next(folder.glob("*.pkl"))
        weights = torch.load(weights_file, map_location="cpu", weights_only=True)
        words = _read_words(words_file)
        weights = match_embeds(weights.get("model", weights), words, list(vocabulary.tokens))
        load_ignore_keys(learn.model[0], clean_raw_keys(weights))
    except (
        OSError,
        StopIteration,
        RuntimeError,
        ValueError,
        KeyError,
        AttributeError,
        pickle.PickleError,
    ) as error:
        raise LanguageModelError(
            f"The files in {folder} are not those of fastai's language model ({error!r}). "
            f"Delete that folder and start again to download them anew, or fit with --no-pretrained."
        ) from error
    learn.freeze()


def _read_words(path: Path) -> list[str]:
    with path.open("rb") as file:
        words = _PlainUnpickler(file).load()
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{path.name} holds no list of words")
    return words


class _PlainUnpickler(pickle.Unpickler):
    """Reads lists, strings and numbers, and refuses to look up anything that could be run."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
