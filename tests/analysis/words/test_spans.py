"""Words out of tokens, and the text out of its pieces."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.learner.words.tokenizer import tokenize
from analysis.words.spans import ends_sentence, join_tokens, pieces
from tests.analysis.words.learners import Mark

STRANGE = [
    "",
    " \n\t ",
    "!!! ... ?",
    "I didn’t -- well-made!! It's 8.5/10, isn't it?<br /><br />Yes.",
    "<script>alert('x')</script> & <b>bold</b> < 3 >",
    "Ein schönes Stück, très bien — отличный фильм, क्या फ़िल्म है",
    "这部电影很好看。映画はとても良い!",
    "👍🏽👩‍👩‍👧 great 🙂🙂",
    "\u202eright to left\u202c zero\u200bwidth \x00 nul",
    "a\u0301pe cafe\u0301s 10/10",
]


def joined(text: str) -> list[str]:
    return [word.text for word in join_tokens(text, tokenize(text)).words]


@pytest.mark.parametrize("text", STRANGE)
def test_the_pieces_are_the_text_character_for_character(text: str) -> None:
    words = join_tokens(text, tokenize(text))
    cut = pieces(words)
    assert "".join(piece.text for piece in cut) == text
    assert [piece.word for piece in cut if piece.word is not None] == list(range(len(words)))
    assert all(text[word.start : word.stop] == word.text for word in words.words)
    assert all(piece.text for piece in cut)
    assert len(words.owner) == len(tokenize(text))


def test_a_contraction_is_one_word_with_the_key_the_network_knows() -> None:
    words = join_tokens("He Didn’t.", tokenize("He Didn’t."))
    assert [(word.text, word.key, word.spoken) for word in words.words] == [
        ("He", "he", True),
        ("Didn’t", "didn't", True),
        (".", ".", False),
    ]
    assert words.owner.tolist() == [0, 1, 1, 2]


def test_what_stays_apart() -> None:
    assert joined("well-made it's good,bad") == ["well", "-", "made", "it's", "good", ",", "bad"]
    assert joined("很好看") == ["很", "好", "看"]
    assert joined("'quoted' 'n") == ["'", "quoted", "'", "'", "n"]


def test_pieces_of_a_word_meet_where_a_tokenizer_cut_it() -> None:
    parts = [Mark("un", 0, 2), Mark("believ", 2, 8), Mark("able", 8, 12), Mark("!", 12, 13), Mark("new", 14, 17)]
    words = join_tokens("unbelievable! new", parts)
    assert [word.text for word in words.words] == ["unbelievable", "!", "new"]
    assert words.words[0].key == "unbelievable"
    assert words.owner.tolist() == [0, 0, 0, 1, 2]
    parts = [Mark("it", 0, 2), Mark("'s", 2, 4), Mark("he", 4, 6)]
    assert [word.key for word in join_tokens("it'she", parts).words] == ["it'she"]


def test_a_mark_without_characters_belongs_to_the_next_word_and_the_beginning_to_none() -> None:
    tokens = [
        Mark("xxbos", 0, 0), Mark("xxmaj", 0, 0), Mark("so", 0, 2), Mark("xxup", 3, 3), Mark("bad", 3, 6),
        Mark("xxend", 6, 6), Mark("xxend", 6, 6),
    ]  # fmt: skip
    words = join_tokens("So BAD", tokens)
    assert words.owner.tolist() == [-1, 0, 0, 1, 1, 1, 1]
    values = np.array([10.0, 1, 2, 3, 4, 5, 6])
    assert words.sums(values).tolist() == [3, 18]
    assert words.unplaced(values) == 10
    assert words.marks.tolist() == [True, True, False, True, False, True, True]
    # the marks are in the vocabulary, "so" is not
    assert words.known(np.array([2, 4, 0, 3, 9, 4, 4])).tolist() == [False, True]
    assert join_tokens("", [Mark("xxbos", 0, 0)]).sums(np.array([1.0])).tolist() == []


def test_a_mark_between_two_touching_words_keeps_them_apart() -> None:
    words = join_tokens("goodBad", [Mark("good", 0, 4), Mark("xxmaj", 4, 4), Mark("bad", 4, 7)])
    assert [word.text for word in words.words] == ["good", "Bad"]
    assert words.owner.tolist() == [0, 1, 1]


def test_markup_is_a_piece_between_words_and_escaped() -> None:
    text = "<b onclick=\"x()\">good</b> & 'bad'"
    cut = pieces(join_tokens(text, tokenize(text)))
    assert cut[0].word is None
    assert cut[0].html == "&lt;b onclick=&quot;x()&quot;&gt;"
    assert not any(mark in piece.html for piece in cut for mark in "<>\"'")


def test_sentences_end_at_marks_lines_and_markup() -> None:
    text = "one, two. three<br />four\nfive (six) 7.5 seven"
    words = join_tokens(text, tokenize(text))
    ends = [word.text for place, word in enumerate(words.words) if ends_sentence(words, place)]
    assert ends == [".", "three", "four"]
