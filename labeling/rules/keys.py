"""Why: a key (`A`, `B`, …) means a candidate only together with the order one annotator saw.

Pure. Everything that leaves an assignment (consensus, gold, exports) names candidates by id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labeling.rules.question_types import Per, QuestionType

_KEYS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def candidate_keys(n: int) -> tuple[str, ...]:
    """Return the keys of n candidates in the order shown: A … Z, then AA, AB, …

    >>> candidate_keys(3), candidate_keys(28)[-2:]
    (('A', 'B', 'C'), ('AA', 'AB'))
    """
    if n <= len(_KEYS):
        return tuple(_KEYS[:n])
    more = (a + b for a in _KEYS for b in _KEYS)
    return (*_KEYS, *(next(more) for _ in range(n - len(_KEYS))))


def ids_by_key(shown: Sequence[int]) -> dict[str, str]:
    """Return key → candidate id, as text, for an assignment's `shown`.

    >>> ids_by_key([7, 3])
    {'A': '7', 'B': '3'}
    """
    keys = candidate_keys(len(shown))
    return {key: str(one) for key, one in zip(keys, shown, strict=True)}


def with_ids(value: Any, *, kind: QuestionType, per: Per, ids: Mapping[str, str]) -> Any:
    """Return a valid answer's value with candidates named by `ids` (key → id).

    A name that `ids` does not have stays.

    >>> with_ids([["B"], ["A"]], kind=QuestionType.RANKING, per=Per.TASK, ids={"A": "7", "B": "3"})
    [['3'], ['7']]
    >>> with_ids({"A": 4}, kind=QuestionType.RATING, per=Per.CANDIDATE, ids={"A": "7"})
    {'7': 4}
    """
    if value is None:
        return None
    if per is Per.CANDIDATE:
        return {ids.get(key, key): _renamed(kind, one, ids) for key, one in value.items()}
    return _renamed(kind, value, ids)


def _renamed(kind: QuestionType, value: Any, ids: Mapping[str, str]) -> Any:
    match kind:
        case QuestionType.PREFERENCE:
            named = {k: ids.get(value[k], value[k]) for k in ("better", "leaning") if k in value}
            return {**value, **named}
        case QuestionType.RANKING:
            return [[ids.get(key, key) for key in group] for group in value]
        case QuestionType.EDIT:
            return {**value, "from": ids.get(value.get("from"), value.get("from"))}
        case QuestionType.SPANS:
            return [{**span, "on": _place(span["on"], ids)} for span in value]
        case _:
            return value


def _place(on: str, ids: Mapping[str, str]) -> str:
    if not on.startswith("candidate:"):
        return on
    key, _, turn = on.removeprefix("candidate:").rpartition(":")
    return f"candidate:{ids.get(key, key)}:{turn}"
