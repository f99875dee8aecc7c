"""Why: write down what the responses to finished items add up to.

The sweep finds items whose `consensus_at` is empty: an item that just finished, or one
whose response was amended since. The maths is agreement/consensus.py's; ties are settled
by `queries.ratings.TIE_POLICY`, everywhere the same.

The items' locks are held while a batch is added up, so an amendment that comes meanwhile
waits a moment, empties `consensus_at` again and is seen by the next sweep.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from labeling.agreement.answers import Answer, BadAnswer
from labeling.agreement.consensus import Consensus as Verdict
from labeling.agreement.consensus import question_consensus
from labeling.models import Consensus, Item
from labeling.queries.ratings import (
    TIE_POLICY,
    QuestionAnswers,
    Wire,
    answers_by_question,
    load_question_sets,
    responses_of_items,
)

logger = logging.getLogger(__name__)

BATCH = 100  # items locked at once: some 20 ms


def settle_finished(*, limit: int = 500) -> int:
    """Add up finished items that wait for it, oldest first; return how many.

    Two sweeps at once take different items. Some seven queries per hundred items, in a
    transaction of their own. Served by item_without_consensus.
    """
    n_settled = 0
    while n_settled < limit:
        n_wanted = min(BATCH, limit - n_settled)
        n_found = _settle_batch(n_wanted)
        n_settled += n_found
        if n_found < n_wanted:
            break
    return n_settled


@transaction.atomic
def _settle_batch(n: int) -> int:
    waiting = Item.objects.filter(done_at__isnull=False, consensus_at__isnull=True)
    locked = waiting.order_by("id").select_for_update(skip_locked=True, no_key=True)
    ids = list(locked.values_list("id", flat=True)[:n])
    if ids:
        _add_up(ids)
    return len(ids)


def recompute(*, item_ids: Sequence[int]) -> int:
    """Add some items up again, whatever is written there; return how many were finished.

    Items that are not finished (any more) lose their consensus. Waits for who is
    changing one of them just now.
    """
    n_finished = 0
    wanted = sorted(set(item_ids))
    for start in range(0, len(wanted), BATCH):
        with transaction.atomic():
            locked = Item.objects.filter(id__in=wanted[start : start + BATCH]).order_by("id")
            rows = locked.select_for_update(no_key=True).values_list("id", "done_at")
            states = dict(rows)
            finished = [pk for pk, done_at in states.items() if done_at is not None]
            open_again = [pk for pk, done_at in states.items() if done_at is None]
            if open_again:
                Consensus.objects.filter(item_id__in=open_again).delete()
                Item.objects.filter(id__in=open_again).update(consensus_at=None)
            if finished:
                _add_up(finished)
            n_finished += len(finished)
    return n_finished


def _add_up(item_ids: Sequence[int]) -> None:
    """Replace the consensus of items that the caller has locked."""
    responses = responses_of_items(item_ids)
    asked = {r.questions_id for of_item in responses.values() for r in of_item}
    question_sets = load_question_sets(asked)
    rows = [
        row
        for item_id, of_item in responses.items()
        for row in _rows_of_item(item_id, answers_by_question(of_item, question_sets))
    ]
    Consensus.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["item", "question"],
        update_fields=["value", "confidence", "n_responses", "method", "tied", "computed_at"],
    )
    wanted = {(row.item_id, row.question) for row in rows}
    there = Consensus.objects.filter(item_id__in=item_ids).values_list("id", "item_id", "question")
    stale = [pk for pk, item_id, question in there if (item_id, question) not in wanted]
    if stale:
        Consensus.objects.filter(id__in=stale).delete()
    Item.objects.filter(id__in=item_ids).update(consensus_at=Now())


def _rows_of_item(item_id: int, questions: Mapping[str, QuestionAnswers]) -> Iterator[Consensus]:
    now = timezone.now()
    for name, asked in questions.items():
        if not asked.answers:
            continue
        verdict = _verdict(item_id, asked.question, asked.answers)
        yield Consensus(
            item_id=item_id,
            question=name,
            value=verdict.value,
            confidence=verdict.confidence if verdict.n else None,
            n_responses=verdict.n,
            method=verdict.method,
            tied=list(verdict.tied),
            computed_at=now,
        )


def _verdict(item_id: int, question: Wire, answers: Sequence[Answer]) -> Verdict:
    """Return the consensus; an answer that cannot be read must not stop the sweep for ever."""
    try:
        return question_consensus(question, answers, tie_policy=TIE_POLICY)
    except BadAnswer:
        logger.exception("answers do not fit their question", extra={"item_id": item_id})
        return Verdict(None, 0.0, 0, "unreadable")
