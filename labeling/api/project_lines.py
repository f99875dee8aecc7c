"""Why: what the addresses of projects take and answer."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from labeling.api.bodies import Array, Body, Boolean, Object, Params, Text, Word
from labeling.models import Project
from labeling.operations.projects import MAX_NOTICE_CHARS
from labeling.rules.project_config import KNOWN_KEYS, MAX_NAME_CHARS, MAX_TEXT_CHARS
from labeling.rules.states import ItemState, Template

SETTINGS = (
    "overlap",
    "overlap_max",
    "overlap_share",
    "order_strategy",
    "candidates_needed",
    "lease_s",
    "hold_s",
    "max_parked",
    "skip_limit",
    "amend_s",
    "mix_limit",
    "is_restricted",
    "metadata_shown",
    "reasoning_display",
    "gate_mode",
    "resample_limit",
    "gold_rate",
    "repeat_rate",
    "shows_feedback",
    "deadline_at",
)
"""Columns of a project that PATCH changes, by the keys of a config."""
_SETTABLE = tuple(
    key for key in KNOWN_KEYS if key not in ("slug", "questions", "guidelines", "slate")
)


# --- bodies -------------------------------------------------------------------


class NewProjectBody(Body):
    workspace = Text(help_text="The slug of a workspace you manage.")
    name = Text(max_length=MAX_NAME_CHARS)
    template = Word(Template)
    config = Object(
        required=False,
        help_text=f"What differs from the template: {', '.join(KNOWN_KEYS)}.",
    )
    activate = Boolean(default=False)


@extend_schema_field({"type": "object", "additionalProperties": {}})
class _Any(serializers.JSONField):
    pass


class SettingsBody(serializers.Serializer[Any]):
    """Settings by the keys of a config; judged by rules/project_config.py."""

    locals().update({key: _Any(required=False) for key in _SETTABLE})


class QuestionsBody(Body):
    questions = Array(help_text="All questions, as managers write them.")


class GuidelinesBody(Body):
    text = Text(max_length=MAX_TEXT_CHARS, allow_blank=True, help_text="Markdown.")
    is_major = Boolean(default=False, help_text="To be read and acknowledged before the next task.")


class SlateBody(Body):
    slate = Array(help_text='[{"policy": name, "samples": 1}]')


class NoticeBody(Body):
    text = Text(max_length=MAX_NOTICE_CHARS)
    annotator = Text(
        required=False, allow_null=True, help_text="A pseudonym; all desks if left out."
    )


class GenerateBody(Body):
    retry_dead = Boolean(default=False, help_text="Also ask again where errors were permanent.")


class AgreementParams(Params):
    heatmaps = serializers.BooleanField(
        default=False, help_text="Also who agrees with whom, per question."
    )


# --- answers ------------------------------------------------------------------


class ProjectLine(serializers.Serializer[Project]):
    """A project in a list; `may` is what you may do: view, work, or both."""

    name = serializers.CharField()
    slug = serializers.CharField()
    workspace = serializers.CharField(source="workspace.slug")
    template = serializers.CharField()
    state = serializers.CharField()
    created_at = serializers.DateTimeField()
    may = serializers.SerializerMethodField()

    def get_may(self, project: Any) -> list[str]:
        return [word for word in ("view", "work") if getattr(project, f"may_{word}")]


class QuotasShown(serializers.Serializer[Any]):
    total = serializers.IntegerField(allow_null=True, source="quota_total")
    per_day = serializers.IntegerField(allow_null=True, source="quota_day")


class ProjectShown(serializers.ModelSerializer[Project]):
    """A project with its settings; the versions are at addresses of their own."""

    workspace = serializers.CharField(source="workspace.slug")
    quotas = QuotasShown(source="*")
    questions_version = serializers.IntegerField(source="questions.version", default=None)
    guidelines_version = serializers.CharField(source="guidelines.label", default=None)
    slate_version = serializers.IntegerField(source="slate.version", default=None)
    template = serializers.CharField()
    state = serializers.CharField()
    order_strategy = serializers.CharField()
    reasoning_display = serializers.CharField()
    gate_mode = serializers.CharField()

    class Meta:
        model = Project
        fields = (
            "name",
            "slug",
            "workspace",
            "description",
            "template",
            "state",
            "questions_version",
            "guidelines_version",
            "slate_version",
            "quotas",
            *SETTINGS,
            "created_at",
            "activated_at",
            "finished_at",
        )


class QuestionsShown(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    questions = Array()


class GuidelinesShown(serializers.Serializer[Any]):
    version = serializers.CharField(source="label")
    text = serializers.CharField()
    html = serializers.CharField()
    created_at = serializers.DateTimeField()


class SlateLineShown(serializers.Serializer[Any]):
    policy = serializers.CharField()
    samples = serializers.IntegerField()


class SlateShown(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    slate = SlateLineShown(many=True)


class ItemCounts(serializers.Serializer[Any]):
    locals().update({state.value: serializers.IntegerField() for state in ItemState})


class SlotCountsShown(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    open = serializers.IntegerField(help_text="May be claimed now.")
    held = serializers.IntegerField()
    answered = serializers.IntegerField()


class ResponseCountsShown(serializers.Serializer[Any]):
    total = serializers.IntegerField(help_text="Answers that count.")
    today = serializers.IntegerField(help_text="Each person's own day.")
    last_hour = serializers.IntegerField()
    per_minute = serializers.ListField(
        child=serializers.IntegerField(), help_text="60 numbers, oldest first."
    )


class RequestCountsShown(serializers.Serializer[Any]):
    requested = serializers.IntegerField()
    open = serializers.IntegerField()
    done = serializers.IntegerField()
    dead = serializers.IntegerField(help_text="Permanent errors.")


class GeneratedShown(RequestCountsShown):
    n_made = serializers.IntegerField(help_text="Requests made now.")
    n_retried = serializers.IntegerField(help_text="Dead ones asked again now.")


class AtDeskShown(serializers.Serializer[Any]):
    annotator = serializers.CharField()
    state = serializers.CharField(help_text="working, waiting or idle")
    since = serializers.DateTimeField()
    n_held = serializers.IntegerField()
    n_desks = serializers.IntegerField()


class ProgressOfProject(serializers.Serializer[Any]):
    state = serializers.CharField()
    n_items = serializers.IntegerField()
    items = ItemCounts()
    slots = SlotCountsShown()
    responses = ResponseCountsShown()
    candidates = RequestCountsShown()
    forecast = Object(allow_null=True, help_text="When it is done at this pace, if known.")
    desks = AtDeskShown(many=True)


class AgreementShown(serializers.Serializer[Any]):
    questions = Object(help_text="Per question: alpha, percent, n_units, majority, …")
    heatmaps = Object(required=False)


class NoticeShown(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="uid")
    text = serializers.CharField()
    annotator = serializers.CharField(source="annotator.pseudonym", default=None)
    created_at = serializers.DateTimeField()


class AuditLine(serializers.Serializer[Any]):
    """Who changed what; `who` is empty for the machine. Ids and states, never texts."""

    id = serializers.UUIDField(source="uid")
    at = serializers.DateTimeField(source="created_at")
    who = serializers.CharField(source="actor.email", default="")
    via = serializers.CharField()
    action = serializers.CharField()
    subject_kind = serializers.CharField()
    subject_id = serializers.CharField()
    before = Object(allow_null=True)
    after = Object(allow_null=True)


class TemplateShown(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    overlap = serializers.IntegerField()
    candidates_needed = serializers.IntegerField()
    questions = Array()
    guidelines = serializers.CharField()


class TemplatesShown(serializers.Serializer[Any]):
    results = TemplateShown(many=True)
