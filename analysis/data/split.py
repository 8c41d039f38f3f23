"""A split into training and validation that stays the same while examples come and go."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from analysis.data.labelled import VALID_SHARE

_PERSON = b"camlens-split"  # separates this use of the hash from others; another value gives another split


def stable_split(keys: Sequence[str], seed: int) -> list[bool]:
    """Return for each key whether it goes to the validation set: about one in five.

    The key and the seed alone decide, so that a key stays on its side of the split when other keys come and go.
    If no key were left for the validation set, the one that comes nearest to it goes there.

    Parameters
    ----------
    keys : what identifies an example, such as the name of a file or a text; at least one
    seed : another seed gives another split
    """
    positions = [_position(key, seed) for key in keys]
    limit = max(VALID_SHARE, min(positions))
    return [position < VALID_SHARE or position == limit for position in positions]


def _position(key: str, seed: int) -> float:
    """Return a number from 0 to 1, uniform over keys."""
    text = f"{seed}\0{key}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8, person=_PERSON).digest(), "big") / 2**64
