"""Why: the rows of each training format (TRL's column names), and of the raw export.

Pure. One function per format makes the rows of one item or raises `Dropped`; `rows`
runs it over all items and keeps the tally. Formats and the types of questions they learn
from: of each item the first on which it has a consensus.

sft         what people wrote (`edit`), where they wrote anything; else the best candidate
            by preference, ranking or rating. An edited turn whose text is unchanged keeps
            the candidate's reasoning and tool calls. Columns prompt + completion.
preference  preference, ranking, rating per candidate; prompt + chosen + rejected. Ties and
            neither give no row.
reward      the same pairs, of one question for all items, the prompt inside chosen and
            rejected; `margin` (mean strength, difference of ratings) if every row has one.
kto         rating per candidate (good from `good_from`), label per candidate
            (`good_labels`), preference (winner good, others bad; neither: all bad),
            ranking (first group good, last bad); prompt + completion + label.
ranking     ranking, rating, preference; prompt + completions + ranks (1 is best, ties
            share a rank, the next group has the next number).
raw         one row per response, with everything that is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from labeling.errors import Invalid
from labeling.exchange.conversations import completion_of, is_empty, prompt_of
from labeling.exchange.records import ExportCandidate, ExportItem, ExportOptions, ExportQuestion
from labeling.exchange.rows import Turn, turn_as_dict
from labeling.exchange.tally import Dropped, Tally
from labeling.exchange.verdicts import (
    COMPARABLE,
    NoUsableQuestion,
    pairs_of,
    question_for,
    settled,
    usable_questions,
    verdict_of,
)

Row = dict[str, Any]
RowsOfItem = Callable[[ExportItem, ExportOptions, ExportQuestion, Tally], list[Row]]
KTO_TYPES = ("rating", "label", "preference", "ranking")
RANKING_TYPES = ("ranking", "rating", "preference")


def rows(
    items: Iterable[ExportItem], options: ExportOptions, *, format: str, tally: Tally
) -> Iterator[tuple[str, Row]]:
    """Give (split, row) for each row of a training set, in the order of the items.

    `tally` is counted up as rows are taken. Raises: Invalid for an unknown format or
    option, NoUsableQuestion.
    """
    of_item = _rows_of_item(format, options)
    for item in items:
        tally.items_in += 1
        try:
            made = of_item(item, tally)
        except Dropped as dropped:
            tally.dropped[dropped.reason] += 1
            continue
        tally.items_used += 1
        tally.rows_out += len(made)
        for row in made:
            yield item.split, row


def _rows_of_item(format: str, options: ExportOptions) -> Callable[[ExportItem, Tally], list[Row]]:
    _check_options(format, options)
    if format == "raw":
        return lambda item, tally: _raw(item, options)
    if format == "sft":
        usable_questions(options, ("edit", *COMPARABLE))
        return lambda item, tally: _sft(item, options, tally)
    make, types = PAIRED[format]
    questions = usable_questions(options, types)
    if format == "reward":
        questions = questions[:1]  # a margin means the same in every row
    return lambda item, tally: make(item, options, question_for(item, questions), tally)


def _check_options(format: str, options: ExportOptions) -> None:
    if format not in FORMATS:
        raise Invalid(
            f"There is no format {format!r}; the formats are {', '.join(FORMATS)}.",
            fields={"format": f"is none of {', '.join(FORMATS)}"},
        )
    for name, allowed in (
        ("pairs", ("all", "best_worst")),
        ("sft_shape", ("prompt_completion", "messages")),
        ("demonstrations", ("all", "first")),
    ):
        if getattr(options, name) not in allowed:
            raise Invalid(
                f"{name} must be {' or '.join(allowed)}.",
                fields={name: f"must be {' or '.join(allowed)}"},
            )


def _preference(
    item: ExportItem, options: ExportOptions, question: ExportQuestion, tally: Tally
) -> list[Row]:
    prompt = prompt_of(item, options.reasoning_key)
    return [
        {"prompt": prompt, "chosen": chosen, "rejected": rejected, **lineage}
        for chosen, rejected, _, lineage in _pairs(item, options, question, tally)
    ]


def _reward(
    item: ExportItem, options: ExportOptions, question: ExportQuestion, tally: Tally
) -> list[Row]:
    prompt = prompt_of(item, options.reasoning_key)
    return [
        {"chosen": prompt + chosen, "rejected": prompt + rejected, "margin": margin, **lineage}
        for chosen, rejected, margin, lineage in _pairs(item, options, question, tally)
    ]


def _pairs(
    item: ExportItem, options: ExportOptions, question: ExportQuestion, tally: Tally
) -> list[tuple[list[Row], list[Row], float | None, Row]]:
    verdict = verdict_of(item, question, options)
    if len(item.candidates) < 2:
        raise Dropped("too_few_candidates")
    made = []
    reasons: list[str] = []
    for pair in pairs_of(verdict, options):
        if is_empty(pair.chosen.turns):
            reasons.append("empty_answer")
            continue
        chosen = completion_of(item, pair.chosen.turns, options.reasoning_key)
        rejected = completion_of(item, pair.rejected.turns, options.reasoning_key)
        if chosen == rejected:
            reasons.append("identical_texts")
            continue
        ids = {"chosen_id": pair.chosen.id, "rejected_id": pair.rejected.id}
        lineage = _lineage(item, options, verdict.confidence, **ids)
        made.append((chosen, rejected, pair.margin, lineage))
    if not made:
        unordered = "neither" if verdict.all_bad else "tie" if len(verdict.groups) == 1 else None
        raise Dropped(reasons[0] if reasons else unordered or "no_order")
    tally.skipped.update(reasons)
    return made


def _lineage(
    item: ExportItem, options: ExportOptions, confidence: float | None, **ids: str | None
) -> Row:
    return {"item_id": item.id, **ids, "confidence": confidence} if options.lineage else {}


def _sft(item: ExportItem, options: ExportOptions, tally: Tally) -> list[Row]:
    answers = _demonstrations(item, options) or [_best_answer(item, options)]
    prompt = prompt_of(item, options.reasoning_key)
    made: list[Row] = []
    seen: list[list[Row]] = []
    reasons: list[str] = []
    for turns, candidate_id, confidence in answers:
        completion = completion_of(item, turns, options.reasoning_key)
        if is_empty(turns):
            reasons.append("empty_answer")
        elif completion in seen:
            reasons.append("identical_texts")
        else:
            seen.append(completion)
            row: Row = {"prompt": prompt, "completion": completion}
            if options.sft_shape == "messages":
                row = {"messages": prompt + completion}
            made.append(row | _lineage(item, options, confidence, candidate_id=candidate_id))
    if not made:
        raise Dropped(reasons[0])
    tally.skipped.update(reasons)
    return made


Answer = tuple[tuple[Turn, ...], str | None, float | None]


def _demonstrations(item: ExportItem, options: ExportOptions) -> list[Answer]:
    """Return what people wrote: the settled one, else everybody's, in the order given."""
    if options.question is not None and _type_of(options, options.question) != "edit":
        return []
    asked = usable_questions(options, ("edit",), needed=False)
    if not asked:
        return []
    question = asked[0]
    view = item.consensus.get(question.name)
    if view is not None and view.value is not None:
        return [_written(item, view.value, view.confidence)]
    written = [
        _written(item, response.values[question.name], None)
        for response in sorted(item.responses, key=lambda r: (r.created_at, r.id))
        if not response.surplus and response.values.get(question.name) is not None
    ]
    return written[:1] if options.demonstrations == "first" else written


def _type_of(options: ExportOptions, name: str) -> str | None:
    return next((q.type for q in options.questions if q.name == name), None)


def _written(item: ExportItem, value: Any, confidence: float | None) -> Answer:
    texts = value["turns"] if value.get("turns") is not None else [value["text"]]
    source = next((c for c in item.candidates if c.id == value.get("from")), None)
    before: Sequence[Turn | None] = source.turns if source else ()
    before = before if len(before) == len(texts) else [None] * len(texts)
    turns = tuple(
        old if old is not None and old.text == text else Turn(text)
        for text, old in zip(texts, before, strict=True)
    )
    return turns, value.get("from"), confidence


def _best_answer(item: ExportItem, options: ExportOptions) -> Answer:
    named = None if options.question is None else _type_of(options, options.question)
    if named == "edit":
        raise Dropped("no_answer")
    asked = usable_questions(options, COMPARABLE, needed=False)
    if not asked:
        raise Dropped("no_answer")
    question = question_for(item, asked)
    verdict = verdict_of(item, question, options)
    if verdict.all_bad:
        raise Dropped("neither")
    if question.type == "preference" and len(verdict.groups) == 1:
        raise Dropped("tie")
    best = verdict.groups[0][0]
    return best.turns, best.id, verdict.confidence


def _kto(
    item: ExportItem, options: ExportOptions, question: ExportQuestion, tally: Tally
) -> list[Row]:
    prompt = prompt_of(item, options.reasoning_key)
    confidence = settled(item, question, options).confidence
    judged = [
        (candidate, good, completion_of(item, candidate.turns, options.reasoning_key))
        for candidate, good in _absolute(item, options, question)
    ]
    made: list[Row] = []
    reasons: list[str] = []
    for candidate, good, completion in judged:
        if good and is_empty(candidate.turns):
            reasons.append("empty_answer")
        elif any(other == completion and label != good for _, label, other in judged):
            reasons.append("contradiction")
        else:
            row: Row = {"prompt": prompt, "completion": completion, "label": good}
            made.append(row | _lineage(item, options, confidence, candidate_id=candidate.id))
    if not made:
        raise Dropped(reasons[0] if reasons else "not_absolute")
    tally.skipped.update(reasons)
    return made


def _absolute(
    item: ExportItem, options: ExportOptions, question: ExportQuestion
) -> list[tuple[ExportCandidate, bool]]:
    """Return the candidates that are good or bad, in the order of the item."""
    good: dict[str, bool] = {}
    if question.type == "label":
        value = settled(item, question, options).value
        good = {i: label in options.good_labels for i, label in dict(value).items()}
    else:
        verdict = verdict_of(item, question, options)
        if verdict.scores is not None:
            good = _from_ratings(verdict.scores, options, question)
        elif verdict.all_bad:
            good = {c.id: False for c in item.candidates}
        elif len(verdict.groups) == 1:
            raise Dropped("tie")
        else:
            good = {c.id: False for c in verdict.groups[-1]}
            good |= {c.id: True for c in verdict.groups[0]}
    return [(c, good[c.id]) for c in item.candidates if c.id in good]


def _from_ratings(
    scores: Mapping[str, float], options: ExportOptions, question: ExportQuestion
) -> dict[str, bool]:
    if options.good_from is not None:
        return {i: score >= options.good_from for i, score in scores.items()}
    if question.min is None or question.max is None:
        raise NoUsableQuestion("kto from ratings needs good_from, or a rating with min and max.")
    middle = (question.min + question.max) / 2
    return {i: score > middle for i, score in scores.items() if score != middle}


def _ranking(
    item: ExportItem, options: ExportOptions, question: ExportQuestion, tally: Tally
) -> list[Row]:
    verdict = verdict_of(item, question, options)
    if verdict.all_bad:
        raise Dropped("neither")
    ranks = {c.id: n for n, group in enumerate(verdict.groups, start=1) for c in group}
    ranked = [c for c in item.candidates if c.id in ranks]
    if len(ranked) < 2:
        raise Dropped("too_few_candidates")
    lineage = _lineage(item, options, verdict.confidence)
    if lineage:
        lineage["completion_ids"] = [c.id for c in ranked]
    return [
        {
            "prompt": prompt_of(item, options.reasoning_key),
            "completions": [completion_of(item, c.turns, options.reasoning_key) for c in ranked],
            "ranks": [ranks[c.id] for c in ranked],
            **lineage,
        }
    ]


def _raw(item: ExportItem, options: ExportOptions) -> list[Row]:
    if not item.responses:
        raise Dropped("no_responses")
    shared: Row = {
        "item_id": item.id,
        "external_id": item.external_id,
        "split": item.split,
        "prompt": prompt_of(item, options.reasoning_key),
        "following_user_turns": list(item.following_user_turns),
        "context": item.context,
        "metadata": dict(item.metadata),
        "candidates": [_raw_candidate(c) for c in item.candidates],
        "consensus": {
            name: {"value": view.value, "confidence": view.confidence, "n": view.n}
            for name, view in sorted(item.consensus.items())
        },
    }
    return [
        shared
        | {
            "response_id": response.id,
            "annotator": response.annotator,
            "values": dict(response.values),
            "question_types": dict(response.question_types),
            "questions_version": response.questions_version,
            "guidelines_version": response.guidelines_version,
            "created_at": response.created_at,
            "spent_ms": response.spent_ms,
            "surplus": response.surplus,
        }
        for response in item.responses
    ]


def _raw_candidate(candidate: ExportCandidate) -> Row:
    return {
        "id": candidate.id,
        "turns": [turn_as_dict(t) for t in candidate.turns],
        "policy": candidate.policy,
        "model": candidate.model,
        "model_revision": candidate.model_revision,
        "parameters": dict(candidate.parameters),
        "marks": list(candidate.marks),
        "lineage": dict(candidate.lineage),
    }


PAIRED: dict[str, tuple[RowsOfItem, Sequence[str]]] = {
    "preference": (_preference, COMPARABLE),
    "reward": (_reward, COMPARABLE),
    "kto": (_kto, KTO_TYPES),
    "ranking": (_ranking, RANKING_TYPES),
}
FORMATS = ("sft", *PAIRED, "raw")
