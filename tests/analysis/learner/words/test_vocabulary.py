"""Which words are told apart, and a text as numbers."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.learner.words.tokenizer import tokenize
from analysis.learner.words.vocabulary import TokenVocabulary, learn_vocabulary, load_vocabulary
from analysis.runs import TOKENS, Run, RunError, sha256

TEXTS = ["Good good film", "a good FILM <br />", "a bad one", "xxpad xxpad"]


def test_the_most_frequent_words_have_the_lowest_numbers():
    vocabulary = learn_vocabulary(TEXTS, 100, 10)
    assert vocabulary.tokens == ("xxunk", "xxpad", "good", "a", "film", "xxpad")
    assert learn_vocabulary(TEXTS, 4, 10).tokens == ("xxunk", "xxpad", "good", "a")
    counts = Counter(token.text for text in TEXTS for token in tokenize(text))
    assert set(vocabulary.tokens[2:]) == {word for word, count in counts.items() if count > 1}


def test_a_word_of_a_review_is_never_padding_nor_a_marker():
    plain = TokenVocabulary(("xxunk", "xxpad", "good"), 10)
    assert plain.encode("xxpad xxunk good").ids.tolist() == [0, 0, 2]
    marked = TokenVocabulary(("xxunk", "xxpad", "xxbos", "xxup", "xxmaj", "good"), 10, markers=True)
    assert marked.encode("xxbos xxmaj good").ids.tolist() == [2, 0, 0, 5]


def test_an_encoding_says_where_its_words_are_and_what_is_left_out():
    vocabulary = learn_vocabulary(TEXTS, 100, max_tokens=3)
    text = "A <b>GOOD</b>   film, really!"
    encoding = vocabulary.encode(text)
    assert [text[token.start : token.stop] for token in encoding.tokens] == ["A", "GOOD", "film"]
    assert encoding.ids.tolist() == [vocabulary.index(word) for word in ("a", "good", "film")]
    assert (encoding.left_out, len(encoding), encoding.ids.dtype) == (3, 3, np.int64)
    assert vocabulary.encode("a film").left_out == 0


@pytest.mark.parametrize("text", ["", " <br /> ", "\ud800"])
def test_nothing_known_is_no_error(text: str):
    assert learn_vocabulary(TEXTS, 100, 10).encode(text).ids.tolist() in ([], [0])


def test_markers_stand_where_fastai_puts_them():
    from fastai.text.core import lowercase, replace_all_caps, replace_maj

    vocabulary = learn_vocabulary(TEXTS, 100, 50, markers=True)
    text = "Good film . BAD one , I saw A film"
    encoding = vocabulary.encode(text)
    expected = lowercase(replace_maj(replace_all_caps(text)))
    assert [token.text for token in encoding.tokens] == expected.split()
    assert encoding.tokens[0] == ("xxbos", 0, 0)
    for token in encoding.tokens:
        assert (token.start == token.stop) == token.text.startswith("xx")
    assert not (set(encoding.ids.tolist()) & {1})


@pytest.mark.parametrize("markers", [False, True])
def test_the_fast_way_gives_the_same_numbers(markers: bool):
    vocabulary = learn_vocabulary(TEXTS, 100, 12, markers)
    for text in (*TEXTS, "", "Don't SHOUT, O'Neil! 很好 " * 5):
        np.testing.assert_array_equal(vocabulary.numbers(text), vocabulary.encode(text).ids)


def test_a_hundred_thousand_words():
    encoding = learn_vocabulary(TEXTS, 100, 500).encode("good " * 100_000)
    assert (len(encoding), encoding.left_out) == (500, 99_500)


def test_a_run_hands_it_back_and_a_changed_file_is_refused(tiny_words_run: Run, tmp_path: Path):
    vocabulary = load_vocabulary(tiny_words_run)
    assert vocabulary.max_tokens == 30
    assert vocabulary.index("dull") > 1
    run = replace(tiny_words_run, path=Path(shutil.copytree(tiny_words_run.path, tmp_path / "run")))
    values = json.loads((run.path / TOKENS).read_text())
    (run.path / TOKENS).write_text(json.dumps({**values, "tokens": values["tokens"][::-1]}))
    with pytest.raises(RunError, match="sha256 does not match. Train it again"):
        load_vocabulary(run)
    (run.path / TOKENS).write_text("[]")
    files = {**run.manifest.files, TOKENS: sha256(run.path / TOKENS)}
    with pytest.raises(RunError, match="cannot be read"):
        load_vocabulary(replace(run, manifest=replace(run.manifest, files=files)))
