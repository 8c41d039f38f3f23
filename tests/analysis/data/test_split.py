"""The split of a folder or a table: known examples keep their side."""

from __future__ import annotations

import hashlib

from analysis.data.split import stable_split

KEYS = [f"class/{number}.jpg" for number in range(2000)]


def test_a_key_s_side_does_not_depend_on_the_others():
    everything = dict(zip(KEYS, stable_split(KEYS, 21), strict=True))
    part = KEYS[700:900][::-1]
    assert stable_split(part, 21) == [everything[key] for key in part]


def test_about_a_fifth_is_held_back_and_each_seed_chooses_its_own():
    first, second = stable_split(KEYS, 21), stable_split(KEYS, 22)
    for held in (first, second):
        assert abs(sum(held) / len(KEYS) - 0.2) < 0.03  # more than three standard deviations
    both = sum(a and b for a, b in zip(first, second, strict=True))
    assert abs(both / len(KEYS) - 0.04) < 0.02


def test_the_validation_set_is_never_empty():
    for count in range(1, 8):
        for seed in range(40):
            assert sum(stable_split(KEYS[:count], seed)) >= 1


def test_the_split_is_the_same_on_every_machine_and_in_every_version():
    """The 8 bytes of `BLAKE2b("SEED, zero byte, KEY")`, with the product's own tag, as a number from 0 to 1."""

    def held(key: str) -> bool:
        tag = b"camlens-split".ljust(16, b"\0")
        digest = hashlib.blake2b(b"21\0" + key.encode(), digest_size=8, person=tag).digest()
        return sum(byte / 256 ** (place + 1) for place, byte in enumerate(digest)) < 0.2

    assert stable_split(KEYS, 21) == [held(key) for key in KEYS]
    assert [key for key, side in zip(KEYS[:12], stable_split(KEYS[:12], 21), strict=True) if side] == [
        "class/0.jpg",
        "class/6.jpg",
        "class/9.jpg",
    ]


def test_names_that_are_no_unicode_are_split_too():
    assert stable_split(["\udcff.jpg", "a"], 1) == stable_split(["\udcff.jpg", "a"], 1)
