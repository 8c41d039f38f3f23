"""The words that a text network tells apart, and a text as numbers for it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from analysis.learner.words.tokenizer import Token, normal_form, raw_tokens, tokenize
from analysis.runs import TOKENS, Run, RunError, check_digest

UNKNOWN, PAD = 0, 1  # as in fastai's vocabularies
SPECIAL = ("xxunk", "xxpad")
BEGINNING, UPPER, CAPITAL = "xxbos", "xxup", "xxmaj"
MARKERS = (BEGINNING, UPPER, CAPITAL)
_FORMAT = "camlens-tokens-1"
_LEAST = 2  # a word that stands once in all training texts teaches nothing


@dataclass(frozen=True)
class Encoding:
    """A text as a network sees it.

    Attributes
    ----------
    text : as it was given
    tokens : the L words it sees, with their places in `text`
    ids : int64 (L,), one a token
    left_out : how many words at the end of the text it does not see
    """

    text: str
    tokens: tuple[Token, ...]
    ids: np.ndarray
    left_out: int = 0

    def __len__(self) -> int:
        """Return L."""
        return len(self.tokens)


@dataclass(frozen=True)
class TokenVocabulary:
    """Words and their numbers.

    Attributes
    ----------
    tokens : by number; the first two stand for unknown words and for padding
    max_tokens : how many of a text's tokens the network sees
    markers : whether markers are put in as fastai does: one at the beginning, and one before each
        capitalised and each upper-case word, as all words are in lower case
    """

    tokens: tuple[str, ...]
    max_tokens: int
    markers: bool = False

    pad = PAD
    unknown = UNKNOWN

    def __len__(self) -> int:
        """Return how many numbers there are."""
        return len(self.tokens)

    def index(self, token: str) -> int:
        """Return a word's number: `unknown` where it is not in the vocabulary."""
        return self._words.get(token, UNKNOWN)

    def encode(self, text: str) -> Encoding:
        """Return any text as numbers, with the place of each token in it; a marker has an empty place."""
        tokens = list(tokenize(text))
        if self.markers:
            tokens = [
                token for word in tokens for token in (*_marks(text[word.start : word.stop], word.start), word)
            ]
            tokens.insert(0, Token(BEGINNING, 0, 0))
        kept = tuple(tokens[: self.max_tokens])
        # A review that says "xxbos" itself has written an unknown word, not a marker.
        ids = [
            self._marker_numbers[token.text] if token.start == token.stop else self.index(token.text)
            for token in kept
        ]
        left_out = sum(token.start < token.stop for token in tokens[self.max_tokens :])
        return Encoding(text, kept, np.array(ids, dtype=np.int64), left_out)

    def numbers(self, text: str) -> np.ndarray:
        """Return `encode(text).ids`, four times as fast."""
        words = raw_tokens(text, self.max_tokens)
        if not self.markers:
            ids = [self.index(normal_form(raw)) for raw in words]
        else:
            ids = [self._marker_numbers[BEGINNING]]
            for raw in words:
                ids += [self._marker_numbers[token.text] for token in _marks(raw, 0)]
                ids.append(self.index(normal_form(raw)))
        return np.array(ids[: self.max_tokens], dtype=np.int64)

    def save(self, folder: Path) -> Path:
        """Write `tokens.json` into a folder, and return that file."""
        path = folder / TOKENS
        values = {"format": _FORMAT, "max_tokens": self.max_tokens, "markers": self.markers, "tokens": self.tokens}
        path.write_text(json.dumps(values), encoding="utf-8")
        return path

    @cached_property
    def _words(self) -> dict[str, int]:
        first = len(SPECIAL) + (len(MARKERS) if self.markers else 0)
        return {token: number for number, token in enumerate(self.tokens) if number >= first}

    @cached_property
    def _marker_numbers(self) -> dict[str, int]:
        return {marker: number for number, marker in enumerate(MARKERS, start=len(SPECIAL))}


def learn_vocabulary(texts: Iterable[str], size: int, max_tokens: int, markers: bool = False) -> TokenVocabulary:
    """Return a vocabulary of at most `size` tokens: the most frequent words of the training texts.

    Words that stand only once are left out. Equal counts are in alphabetical order, so that the same texts
    give the same numbers.
    """
    raw: Counter[str] = Counter()
    for text in texts:
        raw.update(raw_tokens(text))
    counts: Counter[str] = Counter()
    for word, count in raw.items():
        counts[normal_form(word)] += count
    fixed = (*SPECIAL, *(MARKERS if markers else ()))
    ranked = sorted((-count, word) for word, count in counts.items() if count >= _LEAST)
    return TokenVocabulary((*fixed, *(word for _, word in ranked[: size - len(fixed)])), max_tokens, markers)


def load_vocabulary(run: Run) -> TokenVocabulary:
    """Read a run's vocabulary; raises RunError where the file is not the one that the manifest names."""
    cure = run.how_to_retrain()
    check_digest(run, TOKENS, cure)
    try:
        values = json.loads((run.path / TOKENS).read_text(encoding="utf-8"))
        if values["format"] != _FORMAT:
            raise RunError(f"{run.path / TOKENS} does not hold a vocabulary. {cure}")
        return TokenVocabulary(tuple(values["tokens"]), int(values["max_tokens"]), bool(values["markers"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{run.path / TOKENS} cannot be read ({error}). {cure}") from error


def _marks(raw: str, start: int) -> list[Token]:
    """Return the marker, if any, that goes before a word."""
    if raw.isupper() and len(raw) > 1:
        return [Token(UPPER, start, start)]
    if raw[0].isupper() and raw[1:].islower():
        return [Token(CAPITAL, start, start)]
    return []
