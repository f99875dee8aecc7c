"""Why: spans are compared and voted on character by character, not span by span."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from labeling.agreement.answers import Span
from labeling.agreement.distances import Cover


def cover(spans: Iterable[Span], *, places: Mapping[str, str] | None = None) -> Cover:
    """Merge spans of one label on one text; `places` renames candidate ids in `on`.

    Empty spans cover nothing and vanish.

    >>> cover([Span("message:0", 3, 6, "x"), Span("message:0", 0, 4, "x")])
    (('message:0', 'x', ((0, 6),)),)
    """
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for span in spans:
        if span.end > span.start:
            key = (_rename(span.on, places or {}), span.label)
            found.setdefault(key, []).append((span.start, span.end))
    return tuple((on, label, _merge(parts)) for (on, label), parts in sorted(found.items()))


def majority_spans(answers: Sequence[Sequence[Span]]) -> tuple[Span, ...]:
    """Give the stretches that more than half of the annotators gave the same label.

    Decided per (text, label, character); exactly half is not enough. Neighbouring
    characters are joined. No answers: none.

    >>> a, b = [Span("message:0", 0, 4, "x")], [Span("message:0", 2, 6, "x")]
    >>> majority_spans([a, b])
    (Span(on='message:0', start=2, end=4, label='x'),)
    """
    edges: dict[tuple[str, str], dict[int, int]] = {}
    for spans in answers:
        for on, label, parts in cover(spans):
            steps = edges.setdefault((on, label), {})
            for start, end in parts:
                steps[start] = steps.get(start, 0) + 1
                steps[end] = steps.get(end, 0) - 1
    found = []
    for (on, label), steps in edges.items():
        votes = 0
        begun = 0
        for at in sorted(steps):
            before, votes = votes, votes + steps[at]
            if 2 * before <= len(answers) < 2 * votes:
                begun = at
            elif 2 * votes <= len(answers) < 2 * before:
                found.append(Span(on, begun, at, label))
    return tuple(sorted(found))


def _rename(on: str, places: Mapping[str, str]) -> str:
    if not on.startswith("candidate:"):
        return on
    candidate, _, turn = on.removeprefix("candidate:").rpartition(":")
    return f"candidate:{places.get(candidate, candidate)}:{turn}"


def _merge(parts: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(parts):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
