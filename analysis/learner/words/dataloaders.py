"""fastai DataLoaders for texts as numbers, with texts of similar length in one batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from fastai.data.core import DataLoaders
from fastai.text.data import SortedDL, pad_input_chunk
from fastcore.foundation import L
from torch import Tensor

from analysis.learner.words.batches import padded
from analysis.learner.words.vocabulary import PAD, TokenVocabulary

Item = tuple[Tensor, Tensor]  # ids (L,) int64 and class () int64
SEQUENCE = 72  # fastai's: awd_lstm is trained on pieces of that many words


def make_text_dataloaders(
    train: Sequence[tuple[np.ndarray, int]],
    valid: Sequence[tuple[np.ndarray, int]],
    vocabulary: TokenVocabulary,
    classes: Sequence[str],
    device: torch.device,
    batch_size: int = 64,
    chunked: bool = False,
) -> DataLoaders:
    """Return fastai's DataLoaders over (ids, class).

    Parameters
    ----------
    chunked : pad as fastai does for its recurrent networks, at the beginning, in whole pieces of `SEQUENCE`
        words; else at the end
    """
    loaders = [
        SortedDL(
            [(torch.from_numpy(ids), torch.tensor(answer)) for ids, answer in part],
            res=[len(ids) for ids, _ in part],
            bs=min(batch_size, len(train)),
            shuffle=part is train,
            create_batch=_chunked_batch if chunked else _batch,
            num_workers=0,
            device=device,
        )
        for part in (train, valid)
    ]
    dls = DataLoaders(*loaders, device=device)
    dls.vocab = L([list(vocabulary.tokens), list(classes)], use_list=None)
    return dls


def _batch(samples: Sequence[Item]) -> Item:
    return padded([ids.numpy() for ids, _ in samples]), torch.stack([answer for _, answer in samples])


def _chunked_batch(samples: Sequence[Item]) -> Item:
    ids, answers = zip(*pad_input_chunk(samples, pad_idx=PAD, pad_first=True, seq_len=SEQUENCE), strict=True)
    return torch.stack(ids), torch.stack(answers)
