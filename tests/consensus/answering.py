"""People who answer through the hot path, and know which candidate they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from labeling.models import Assignment, Enrolment, Item
from labeling.operations import drivers
from labeling.operations.assignments import claim_tasks
from labeling.operations.responses import amend_response, submit_response
from labeling.rules.keys import candidate_keys
from tests.desk.builders import Campaign

Answers = Callable[[Item, dict[int, str]], Mapping[str, Any]]
"""Given the item and candidate number (0, 1, … as imported) → key shown, the values."""


def better(number: int | str, strength: int = 2) -> Answers:
    """Prefer the candidate with this number, or say `tie` or `neither`."""

    def answer(item: Item, keys: dict[int, str]) -> Mapping[str, Any]:
        if isinstance(number, str):
            return {"better": {"better": number}}
        return {"better": {"better": keys[number], "strength": strength}}

    return answer


def answer_next(enrolment: Enrolment, answers: Answers, **more: Any) -> Assignment | None:
    """Claim one task and answer it; None where there is nothing to do."""
    hand = drivers.run(lambda: claim_tasks(enrolment_id=enrolment.id, want=1))
    if not hand.tasks:
        return None
    task = hand.tasks[0]
    assignment = Assignment.objects.select_related("item").get(uid=task.task)
    values = answers(assignment.item, keys_of(assignment))
    drivers.run(
        lambda: submit_response(
            enrolment_id=enrolment.id,
            task=task.task,
            lease=task.lease,
            values=values,
            spent_ms=1500,
            want=0,
            **more,
        )
    )
    return assignment


def answer_all(enrolment: Enrolment, answers: Answers) -> int:
    """Answer until nothing is left; return how many."""
    n = 0
    while answer_next(enrolment, answers) is not None:
        n += 1
    return n


def amend(assignment: Assignment, answers: Answers) -> None:
    """Open one's own response again and answer otherwise."""
    enrolment_id, uid = assignment.enrolment_id, str(assignment.uid)
    task, _ = drivers.run(lambda: amend_response(enrolment_id=enrolment_id, task=uid))
    values = answers(assignment.item, keys_of(assignment))
    drivers.run(
        lambda: submit_response(
            enrolment_id=enrolment_id,
            task=uid,
            lease=task.lease,
            values=values,
            spent_ms=100,
            want=0,
        )
    )


def keys_of(assignment: Assignment) -> dict[int, str]:
    """Return candidate number → key for what was shown."""
    numbers = {pk: n for n, pk in enumerate(sorted(assignment.shown))}
    keys = candidate_keys(len(assignment.shown))
    return {numbers[pk]: key for key, pk in zip(keys, assignment.shown, strict=True)}


def candidate_id(item: Item, number: int) -> int:
    """Return the id of an item's candidate by its number."""
    return list(item.candidates.order_by("id").values_list("id", flat=True))[number]


def run_campaign(campaign: Campaign, *people: Answers) -> None:
    """Let each annotator answer everything in their own way, one after the other."""
    for enrolment, answers in zip(campaign.enrolments, people, strict=True):
        answer_all(enrolment, answers)
