"""The split is a function of the prompt, the seed and the shares."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.exchange.splits import SPLITS, InvalidShares, prompt_hash, split_of

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
hashes = st.text("0123456789abcdef", min_size=64, max_size=64)
shares = st.dictionaries(st.sampled_from(SPLITS), st.floats(0, 100), min_size=1).filter(
    lambda s: sum(s.values()) > 0
)


@given(hashes, st.integers(), shares)
def test_split_is_stable_and_one_that_has_a_share(digest, seed, given_shares):
    split = split_of(digest, seed, given_shares)
    assert given_shares[split] > 0
    assert split == split_of(digest, seed, dict(reversed(given_shares.items())))


@given(st.text(), st.text())
def test_prompt_hash_looks_at_what_is_said_only(text, other):
    one = prompt_hash([{"role": "user", "content": text}])
    assert one == prompt_hash([{"content": text, "role": "user", "html": other, "name": None}])
    assert (one == prompt_hash([{"role": "user", "content": other}])) == (text == other)


def test_split_of_a_known_prompt_never_changes():
    digest = prompt_hash([{"role": "user", "content": "Hi"}])
    assert [split_of(digest, seed, SHARES) for seed in range(12)] == [
        "train",
        "train",
        "train",
        "train",
        "train",
        "train",
        "train",
        "test",
        "train",
        "train",
        "train",
        "train",
    ]


def test_shares_are_kept_and_seeds_draw_anew():
    digests = [prompt_hash([{"role": "user", "content": str(n)}]) for n in range(5000)]
    drawn = [split_of(d, 7, SHARES) for d in digests]
    counts = Counter(drawn)
    assert abs(counts["train"] - 4000) < 120
    assert abs(counts["validation"] - 500) < 90
    again = [split_of(d, 8, SHARES) for d in digests]
    assert sum(a == b for a, b in zip(drawn, again, strict=True)) < 3600


@pytest.mark.parametrize(
    "wrong", [{}, {"train": 0}, {"train": -1, "test": 2}, {"dev": 1}, {"train": float("nan")}]
)
def test_wrong_shares_are_refused(wrong):
    with pytest.raises(InvalidShares):
        split_of("00", 1, wrong)
