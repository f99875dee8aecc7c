"""Why: a row count that nobody can explain is a row count that nobody trusts.

Pure. Every item that goes in either gives rows or is counted under one reason.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

REASONS = {
    "no_consensus": "nobody has answered the question, or it came to nothing",
    "low_confidence": "the consensus is below the wanted confidence",
    "tie": "the answers are equally good",
    "neither": "no answer is good",
    "no_order": "no answer is better than another by the wanted gap",
    "too_few_candidates": "there are not two candidates to compare",
    "no_answer": "there is no answer to learn from",
    "identical_texts": "the texts to compare are the same",
    "empty_answer": "the answer to learn from is empty",
    "unknown_candidate": "the consensus names a candidate that the item does not have",
    "turn_mismatch": "the answer has not one turn per open turn",
    "no_responses": "there are no responses",
    "not_absolute": "the rating is in the middle, neither good nor bad",
    "contradiction": "the same text is called good and bad",
}


class Dropped(Exception):
    """An item gives no row; never leaves the package. `reason` is a key of REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class Tally:
    """What became of the items: `items_in == items_used + sum(dropped)`.

    `skipped` counts single rows that items which gave other rows did not give.
    """

    items_in: int = 0
    items_used: int = 0
    rows_out: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    def sentence(self) -> str:
        """Return the counts as a sentence for people.

        >>> Tally(3, 2, 5, Counter(tie=1)).sentence()
        '5 rows from 2 of 3 items; 1 item gave none: the answers are equally good (1).'
        """
        said = f"{_n(self.rows_out, 'row')} from {self.items_used} of {_n(self.items_in, 'item')}"
        if self.dropped:
            why = ", ".join(f"{REASONS[r]} ({n})" for r, n in sorted(self.dropped.items()))
            said += f"; {_n(self.dropped.total(), 'item')} gave none: {why}"
        if self.skipped:
            why = ", ".join(f"{REASONS[r]} ({n})" for r, n in sorted(self.skipped.items()))
            said += f"; single rows left out: {why}"
        return said + "."


def _n(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
