"""Why: what the desk's operations take and answer, written once for schema and code.

Tasks come from the database as JSON text and are spliced into the answers as they stand;
the shapes of this module describe them and never touch them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpResponse
from rest_framework import serializers

from labeling.api.bodies import Array, Body, Boolean, Integer, Object, Text, Word
from labeling.operations.assignments import MAX_HELD, Hand
from labeling.operations.tasks import Task
from labeling.rules.answers import find_draft_mistake
from labeling.rules.vocabulary import SkipReason

MAX_ID_CHARS = 200
MAX_REASON_CHARS = 40
MAX_NOTE_CHARS = 5_000
MAX_SPENT_MS = 2**31 - 1
"""A timer that ran away costs nobody an answer: longer times count as this."""


# --- bodies -------------------------------------------------------------------


class WantBody(Body):
    want = Integer(
        min_value=0,
        max_value=MAX_HELD,
        default=0,
        help_text="How many tasks to hold afterwards; claims what is lacking.",
    )


class ClaimBody(Body):
    want = Integer(min_value=0, max_value=MAX_HELD, help_text="How many tasks to hold.")


class LeaseBody(Body):
    lease = Text(max_length=MAX_ID_CHARS)


class LeaseAndWantBody(WantBody):
    lease = Text(max_length=MAX_ID_CHARS)


class DraftBody(LeaseBody):
    values = Object(help_text="Values by question name, as far as there are any.")

    def validate_values(self, values: dict[str, Any]) -> dict[str, Any]:
        mistake = find_draft_mistake(values)
        if mistake is not None:
            raise serializers.ValidationError(mistake)
        return values


class SubmitBody(LeaseAndWantBody):
    values = Object(help_text="Values by question name.")
    spent_ms = Integer(min_value=0)
    surplus = Boolean(default=False, help_text="Take it though its slot is gone.")

    validate_values = DraftBody.validate_values

    def validate_spent_ms(self, spent_ms: int) -> int:
        return min(spent_ms, MAX_SPENT_MS)


class SkipBody(LeaseAndWantBody):
    reason = Word(SkipReason)
    note = Text(max_length=MAX_NOTE_CHARS, allow_blank=True, default="")


class FlagBody(Body):
    reason = Text(max_length=MAX_REASON_CHARS)
    note = Text(max_length=MAX_NOTE_CHARS, allow_blank=True, default="")


class AcknowledgeBody(WantBody):
    guidelines_version = Text(max_length=80, help_text="Such as 2.1.")


# --- answers ------------------------------------------------------------------


class ItemShown(serializers.Serializer[Any]):
    messages = Array(help_text="[{role, content, html, …}]")
    context = serializers.CharField()  # type: ignore[assignment]
    metadata = Object()


class CandidateShown(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="A, B, … as shown to this annotator.")
    turns = Array(help_text="[{text, html, …}], one per open turn of the item")


class TaskShown(serializers.Serializer[Any]):
    """The task object of the desk protocol."""

    task = serializers.CharField()
    lease = serializers.CharField(help_text="Proves the right to answer until `expires_at`.")
    expires_at = serializers.DateTimeField()
    item = ItemShown()
    candidates = CandidateShown(many=True)
    questions = Array()
    draft = Object(allow_null=True)
    suggestion = Object(allow_null=True)
    parked = serializers.BooleanField(required=False)


class ProgressShown(serializers.Serializer[Any]):
    done = serializers.IntegerField()
    today = serializers.IntegerField()
    quota_left = serializers.IntegerField(allow_null=True)
    held = serializers.IntegerField()
    parked = serializers.IntegerField()


class HandShown(serializers.Serializer[Any]):
    """New tasks, the annotator's progress, and why fewer are held than wanted."""

    tasks = TaskShown(many=True)
    progress = ProgressShown()
    idle = serializers.CharField(
        allow_null=True, help_text="no_work, quota_reached, paused, not_qualified; null if none."
    )


class ProjectCard(serializers.Serializer[Any]):
    """What an annotator needs to know of a project."""

    name = serializers.CharField()
    slug = serializers.CharField()
    template = serializers.CharField()
    state = serializers.CharField()
    questions = Array()
    guidelines_version = serializers.CharField(allow_null=True)
    guidelines = Object(
        allow_null=True, help_text="{version, html}: to acknowledge before work; else null."
    )
    reasoning = serializers.CharField(help_text="How reasoning is displayed: show, fold, hide.")


class DeskShown(HandShown):
    """What is held, as the socket's `welcome`."""

    annotator = serializers.CharField()
    project = ProjectCard()
    lease_s = serializers.IntegerField()
    server_time = serializers.DateTimeField()


class ActShown(HandShown):
    task = serializers.CharField()


class AcceptedShown(ActShown):
    duplicate = serializers.BooleanField(help_text="It was stored before; the first values stand.")


class TaskOnly(serializers.Serializer[Any]):
    task = serializers.CharField()


class AmendShown(serializers.Serializer[Any]):
    task = TaskShown()
    progress = ProgressShown()


def hand_answer(hand: Hand, **more: Any) -> HttpResponse:
    """Return a hand as JSON, with `more` before it."""
    idle = hand.idle.value if hand.idle else None
    return spliced({**more, "progress": hand.progress.as_dict(), "idle": idle}, hand.tasks)


def spliced(fields: Mapping[str, Any], tasks: Iterable[Task]) -> HttpResponse:
    """Return the fields and `tasks`, the tasks' text as it stands."""
    head = json.dumps(fields, ensure_ascii=False, default=_plain)[:-1]
    text = f'{head},"tasks":[{",".join(task.json for task in tasks)}]}}'
    return HttpResponse(text, content_type="application/json")


def amend_answer(task: Task, progress: Mapping[str, Any]) -> HttpResponse:
    """Return a reopened task, its text as it stands."""
    text = f'{{"task":{task.json},"progress":{json.dumps(progress)}}}'
    return HttpResponse(text, content_type="application/json")


def _plain(value: Any) -> str:
    return str(value.isoformat())
