"""Why: train, validation and test by prompt, the same on every machine and every day.

Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from labeling.errors import Invalid
from labeling.exchange.rows import canonical_json

SPLITS = ("train", "validation", "test")
PROMPT_KEYS = ("role", "content", "tool_calls", "tool_call_id", "name")


class InvalidShares(Invalid):
    """The shares of the splits are no shares; `fields` says which."""


def prompt_hash(prompt_messages: Iterable[Mapping[str, Any]]) -> str:
    """Return the SHA-256 (hex) of the exported prompt, which ends at the first open turn.

    Items that differ only in later turns, context or candidates share it.
    """
    said = [{k: m[k] for k in PROMPT_KEYS if m.get(k)} for m in prompt_messages]
    return hashlib.sha256(canonical_json(said).encode("utf-8")).hexdigest()


def check_shares(shares: Mapping[str, float]) -> None:
    """Raise InvalidShares unless all are numbers from 0 on and one is above."""
    for name, share in shares.items():
        if name not in SPLITS:
            raise InvalidShares(f"There is no split {name!r}.", fields={name: "is no split"})
        if not 0 <= share < float("inf"):
            raise InvalidShares(f"The share of {name} is not a number from 0 on.")
    if not sum(shares.values()) > 0:
        raise InvalidShares("No split has a share.")


def split_of(prompt_hash: str, seed: int | str, shares: Mapping[str, float]) -> str:
    """Return "train", "validation" or "test" for a prompt; shares need not add up to 1.

    The hash of seed and prompt is a point in [0, 1), and the shares, laid end to end in
    the order above, say whose it is. With another seed the split is another draw.

    >>> split_of("00", 7, {"train": 1.0})
    'train'
    """
    check_shares(shares)
    digest = hashlib.sha256(f"{seed}:{prompt_hash}".encode()).digest()
    point = int.from_bytes(digest[:6], "big") / 2**48 * sum(shares.values())
    end = 0.0
    chosen = ""
    for name in SPLITS:
        share = shares.get(name, 0)
        if share > 0:
            chosen = name
            end += share
            if point < end:
                break
    return chosen
