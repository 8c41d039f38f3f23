"""Splitting a review into the words that a network sees, each with its place in the text."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import lru_cache
from typing import NamedTuple


class Token(NamedTuple):
    """One word, number, punctuation mark or emoji.

    Attributes
    ----------
    text : as the network knows it: lower case, a run of one punctuation mark shortened to three
    start, stop : where it stands: `review[start:stop]`, in Python's characters
    """

    text: str
    start: int
    stop: int


def tokenize(text: str) -> tuple[Token, ...]:
    """Return the tokens of any string, in order; their spans ascend and never overlap or end up empty.

    Contractions are split as spaCy, fastai's tokeniser, splits them: "didn't" is "did" and "n't", so that a
    negation is a token of its own. White space and markup such as `<br />` lie between tokens. Scripts
    that write no spaces between words (Chinese, Japanese) give one token a character.
    """
    found = _TOKEN.finditer(text)
    return tuple(Token(normal_form(match[1]), *match.span(1)) for match in found if match[1])


def raw_tokens(text: str, most: int | None = None) -> list[str]:
    """Return the tokens' own characters, or those of the first ones, without places or normal form.

    Three times as fast as `tokenize`.
    """
    found = _TOKEN.findall(text)
    return [raw for raw, _ in (found if most is None else found[:most]) if raw]


@lru_cache(maxsize=1 << 17)
def normal_form(raw: str) -> str:
    """Return a token's characters as the network knows them."""
    if len(raw) > 1 and not raw[0].isalnum() and raw == raw[0] * len(raw):
        return raw[0] * 3
    return unicodedata.normalize("NFC", raw.replace("’", "'").lower())


def _characters(kinds: str) -> str:
    """Return the inside of a regular expression's [...] for the Unicode categories with these first letters.

    Characters of `_UNSPACED` are left out.
    """
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code))[0] in kinds and not any(low <= code <= high for low, high in _UNSPACED):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{re.escape(chr(low))}-{re.escape(chr(high))}" for low, high in ranges)


_UNSPACED = ((0x3040, 0x30FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3134F))  # kana and Han
_MARK = _characters("M")  # accents and vowel signs, which \w leaves out; the emoji's variation selectors
_WORD = _characters("LNM") + "\u200c"
_ENDING = rf"(?:[sS]|[rR][eE]|[vV][eE]|[lL][lL]|[dD]|[mM])(?![{_WORD}])"  # split off after an apostrophe
_NOT = rf"[nN]['’][tT](?![{_WORD}])"
# Possessive quantifiers (++) and few alternatives before the plain word: a review has 270 of them.
_TOKEN = re.compile(
    rf"""
    (?:</?[a-zA-Z][^<>]{{0,300}}>|<!--[^<>]{{0,300}}-->|\s)*+   # white space and markup
    (
     \d++(?:[.,/:]\d++)++                                     # 8.5, 10/10, 1,000
    |[{_WORD}]++(?!['’])                                      # a plain word or number
    |{_NOT}|['’]{_ENDING}                                     # n't, 's
    |[{_WORD}]+?(?={_NOT})                                    # did before n't
    |[{_WORD}]++(?:['’](?!{_ENDING})[{_WORD}]++)*+            # O'Brien, it before 's
    |([^{_WORD}\s])\2++                                   # ..., !!!
    |\S[{_MARK}🏻-🏿]*+(?:\u200d\S[{_MARK}🏻-🏿]*+)*+           # a sign, a whole emoji, a Han character
    |$)                                                       # nothing is left
    """,
    re.VERBOSE,
)
