"""fastai's DataLoaders over texts: every text with its own label, padded on the side that the network expects."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis.learner.words.dataloaders import SEQUENCE, make_text_dataloaders
from analysis.learner.words.vocabulary import PAD, SPECIAL, TokenVocabulary

VOCABULARY = TokenVocabulary((*SPECIAL, *"abcdefghij"), 400)
CLASSES = ("no", "yes")
LENGTHS = [3, 80, 1, 150, 7, 20, 2]


def items(shift: int) -> list[tuple[np.ndarray, int]]:
    """Text i holds the number 2 + i only, `LENGTHS[i]` times; its label is i modulo 2."""
    return [(np.full(length + shift, 2 + at), at % 2) for at, length in enumerate(LENGTHS)]


@pytest.mark.parametrize("chunked", [False, True])
def test_every_text_comes_once_with_its_label_and_padding_on_one_side(chunked: bool) -> None:
    dls = make_text_dataloaders(items(0), items(5), VOCABULARY, CLASSES, torch.device("cpu"), 3, chunked)
    for loader, shift in ((dls.train, 0), (dls.valid, 5)):
        rows: dict[int, int] = {}
        for ids, answers in loader:
            assert ids.dtype == torch.int64
            for row, answer in zip(ids, answers.tolist(), strict=True):
                real = row != PAD
                at = int(row[real][0]) - 2
                assert answer == at % 2
                assert (row[real] == 2 + at).all()
                rows[at] = int(real.sum())
                # fastai puts the whole pieces of the padding in front and the rest of it at the end
                whole_pieces = (len(row) - rows[at]) // SEQUENCE * SEQUENCE
                assert int(real.nonzero()[0]) == (whole_pieces if chunked else 0)
        assert rows == {at: length + shift for at, length in enumerate(LENGTHS)}


def test_words_and_classes_are_the_vocabulary_and_long_texts_share_a_batch() -> None:
    dls = make_text_dataloaders(items(0), items(0), VOCABULARY, CLASSES, torch.device("cpu"), 3)
    assert dls.vocab == [list(VOCABULARY.tokens), list(CLASSES)]
    widths = [ids.shape[1] for ids, _ in dls.valid]
    assert widths == [150, 7, 1]  # in order of length, three at a time
