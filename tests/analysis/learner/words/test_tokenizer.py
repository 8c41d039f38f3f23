"""Words with their places, in whatever a person types."""

from __future__ import annotations

import time

import pytest

from analysis.learner.words.tokenizer import raw_tokens, tokenize

TEXTS = [
    "",
    "   \n\t ",
    "!!!!",
    "I didn't like it. It's O'Brien's, isn't it?",
    "Not <b>good</b>.<br /><br />Terrible! <script>alert(1)</script>",
    "a < b > c, 3 <4",
    "8.5/10, 1,000 and 10/10... well-made",
    "Ёлки-палки, очень хороший фильм",
    "很好看的电影",
    "映画です。",
    "हिन्दी फ़िल्म बहुत अच्छी है",
    "فيلم رائع",
    "👍🏽 great 👨‍👩‍👧 ❤️ 🇩🇪",
    "cafe\u0301 naïve",
    "don’t “quote” me—ever",
    "\ud800 half a pair, \x00 and \u202e turned",
    "_so_ good",
]


def words(text: str) -> list[str]:
    return [token.text for token in tokenize(text)]


@pytest.mark.parametrize("text", TEXTS)
def test_places_ascend_and_cover_everything_but_white_space_and_markup(text: str):
    end = 0
    for token in tokenize(text):
        assert end <= token.start < token.stop
        between = text[end : token.start]
        assert not between.strip() or between.strip()[0] == "<"
        end = token.stop
    rest = text[end:].strip()
    assert not rest or rest.startswith("<")


@pytest.mark.parametrize("text", TEXTS)
def test_raw_tokens_are_the_characters_at_those_places(text: str):
    assert raw_tokens(text) == [text[token.start : token.stop] for token in tokenize(text)]
    assert raw_tokens(text, 3) == raw_tokens(text)[:3]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I didn't like it", ["i", "did", "n't", "like", "it"]),
        ("It's O'Brien's; we'd've CAN'T", ["it", "'s", "o'brien", "'s", ";", "we", "'d", "'ve", "ca", "n't"]),
        ("don’t", ["do", "n't"]),
        ("GOOD, good", ["good", ",", "good"]),
        ("no!!!!! oh.. well...", ["no", "!!!", "oh", "...", "well", "..."]),
        ("a 10/10, an 8.5 or 1,000", ["a", "10/10", ",", "an", "8.5", "or", "1,000"]),
        ("well-made (2)", ["well", "-", "made", "(", "2", ")"]),
        ("bad<br /><br/>worse<!-- no -->", ["bad", "worse"]),
        ("a <b", ["a", "<", "b"]),
        ("很好 ok", ["很", "好", "ok"]),
        ("👍🏽👨‍👩‍👧", ["👍🏽", "👨‍👩‍👧"]),
        ("cafe\u0301", ["caf\u00e9"]),
        ("हिन्दी", ["हिन्दी"]),
    ],
)
def test_what_counts_as_one_word(text: str, expected: list[str]):
    assert words(text) == expected


def test_contractions_are_split_as_spacy_splits_them():
    spacy = pytest.importorskip("spacy")
    english = spacy.blank("en")
    for text in (
        "I didn't see it",
        "it's we're they've she'll I'd I'm",
        "couldn't wouldn't isn't",
        "the film's end",
    ):
        assert words(text) == [token.text.lower() for token in english(text)]


@pytest.mark.parametrize("text", ["a" * 200_000, "<a " * 70_000, "n't" * 70_000, "x'" * 100_000, "<!-- " * 40_000])
def test_no_text_takes_long(text: str):
    start = time.process_time()
    tokenize(text)
    assert time.process_time() - start < 10
