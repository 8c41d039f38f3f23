"""Tokens joined back into the words of a text, so that colouring them shows the same text, character by character.

A network reads tokens: "didn't" is "did" and "n't" to it, and a capital letter may be a token of its own. A
reader reads words. Contributions add up, so those of a word's tokens are summed.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from analysis.learner.words.vocabulary import BEGINNING, UNKNOWN

_APOSTROPHES = "'’"
_SENTENCE_ENDS = ".!?…。！？;\n"


class Token(Protocol):
    """What a network reads: `text` as it knows it, from `review[start:stop]`; the span may be empty."""

    @property
    def text(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def stop(self) -> int: ...


class Word(NamedTuple):
    """One word, number, punctuation mark or emoji of a text.

    Attributes
    ----------
    text : its characters, `review[start:stop]`.
    key : the same as the network knows it, for counting: "Didn’t" has the key "didn't".
    start, stop : where it stands, in Python's characters.
    spoken : whether it has a letter or a digit; punctuation and emoji have none.
    """

    text: str
    key: str
    start: int
    stop: int
    spoken: bool


@dataclass(frozen=True)
class Words:
    """The words of a text, and which tokens each is made of.

    `owner` is (L,) int64, one number a token: the word it belongs to, or -1 for a token without a place in
    the text (the mark of the beginning) that no word follows as its own. `marks` is (L,) bool: the tokens
    without characters.
    """

    text: str
    words: tuple[Word, ...]
    owner: np.ndarray
    marks: np.ndarray

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self.words)

    def sums(self, tokens: np.ndarray) -> np.ndarray:
        """Add up the tokens' values (L,) word by word: (W,) float64."""
        placed = self.owner >= 0
        return np.bincount(self.owner[placed], weights=tokens[placed], minlength=len(self.words))

    def known(self, ids: np.ndarray) -> np.ndarray:
        """Return which words have a token, other than a mark, that the vocabulary knows: (W,) bool; ids (L,)."""
        return self.sums(((ids != UNKNOWN) & ~self.marks).astype(np.float64)) > 0

    def unplaced(self, tokens: np.ndarray) -> float:
        """Add up the values of the tokens that belong to no word, so that with `sums` nothing is lost."""
        return float(tokens[self.owner < 0].sum(dtype=np.float64))


@dataclass(frozen=True)
class Piece:
    """A part of a text to colour: `word` is the index of the word it is, None between words.

    `text` is raw: it may be markup. `html` is the same, escaped, so that a page shows it and never runs it.
    """

    text: str
    word: int | None

    @property
    def html(self) -> str:
        """Return the text with `&`, `<`, `>` and quotes escaped."""
        return html.escape(self.text)


def join_tokens(text: str, tokens: Sequence[Token]) -> Words:
    """Join the tokens of a text into words.

    Two tokens are one word where no character stands between them and letters, digits or an apostrophe with
    letters meet ("did" and "n't"). Scripts that put no space between words stay as they were split. A token
    without characters (a mark for a capital letter) belongs to the word that begins there; the mark of the
    beginning (`xxbos`, at 0) to none.
    """
    words: list[Word] = []
    owner = np.full(len(tokens), -1, dtype=np.int64)
    marks = np.zeros(len(tokens), dtype=bool)
    first_character, last, waiting = 0, "", -1  # waiting: the first of the marks before a word
    keys: list[str] = []
    for place, token in enumerate(tokens):
        if token.start >= token.stop:
            marks[place] = True
            if token.text != BEGINNING and waiting < 0:
                waiting = place
            continue
        raw = text[token.start : token.stop]
        if words and words[-1].stop == token.start and waiting < 0 and _continues(last, raw):
            keys.append(token.text)
            start = first_character
            spoken = words[-1].spoken or _is_spoken(raw)
            words[-1] = Word(text[start : token.stop], "".join(keys), start, token.stop, spoken)
        else:
            keys, first_character = [token.text], token.start
            words.append(Word(raw, token.text, token.start, token.stop, _is_spoken(raw)))
        if waiting >= 0:
            owner[waiting:place] = len(words) - 1
            waiting = -1
        owner[place] = len(words) - 1
        last = raw
    if waiting >= 0 and words:  # marks at the very end have no word to come
        owner[waiting:] = len(words) - 1
    return Words(text, tuple(words), owner, marks)


def pieces(words: Words) -> tuple[Piece, ...]:
    """Cut a text into words and what stands between them; joined, the pieces are the text."""
    cut, parts = 0, []
    for index, word in enumerate(words.words):
        if cut < word.start:
            parts.append(Piece(words.text[cut : word.start], None))
        parts.append(Piece(word.text, index))
        cut = word.stop
    if cut < len(words.text):
        parts.append(Piece(words.text[cut:], None))
    return tuple(parts)


def ends_sentence(words: Words, index: int) -> bool:
    """Return whether a sentence ends with a word: it is a mark such as ".", or a line break or markup follows."""
    word = words.words[index]
    if not word.spoken and any(character in _SENTENCE_ENDS for character in word.text):
        return True
    after = words.words[index + 1].start if index + 1 < len(words) else len(words.text)
    return any(character in "\n<" for character in words.text[word.stop : after])


def _continues(before: str, after: str) -> bool:
    """Return whether a token belongs to the same word as the token right before it."""
    if after[0] in _APOSTROPHES:
        return len(after) > 1 and after[1].isalpha() and _joins(before[-1])
    return _joins(before[-1]) and _joins(after[0])


def _joins(character: str) -> bool:
    if character.isascii():
        return character.isalnum()
    spaced = unicodedata.east_asian_width(character) not in "WF"
    return spaced and unicodedata.category(character)[0] in "LNM"


def _is_spoken(raw: str) -> bool:
    return raw[0].isalnum() or any(character.isalnum() for character in raw)
