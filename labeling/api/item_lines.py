"""Why: what the addresses of items, imports and responses take and answer.

Reviewers and managers see where a candidate comes from; no annotator is allowed here.
"""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from labeling.api.bodies import Array, Body, Integer, Object, PageParams, Params, Text
from labeling.exchange.sniff import FORMATS
from labeling.models import ImportRun, Response
from labeling.rules.keys import candidate_keys
from labeling.rules.states import ItemState

MAX_ROWS = 1_000


# --- bodies -------------------------------------------------------------------


class ItemParams(PageParams):
    state = serializers.ChoiceField(
        choices=[state.value for state in ItemState], default=None, allow_null=True
    )
    search = serializers.CharField(
        default="", allow_blank=True, max_length=500, help_text="An id or a piece of the text."
    )


class RowsBody(Body):
    rows = Array(help_text=f"Native item rows, at most {MAX_ROWS}.")

    def validate_rows(self, rows: list[Any]) -> list[Any]:
        if not 1 <= len(rows) <= MAX_ROWS:
            raise serializers.ValidationError(f"Must have 1 to {MAX_ROWS} rows.")
        return rows


class PriorityBody(Body):
    priority = Integer(help_text="-100 to 100; higher first, 0 is usual.")


class GoldBody(Body):
    values = Object(help_text="Right answers by question; keys A, B, … are candidates by age.")
    feedback = Text(default="", allow_blank=True, max_length=5_000)


class UploadBody(Body):
    """A multipart form."""

    file = serializers.FileField()
    format = serializers.ChoiceField(
        choices=list(FORMATS), required=False, help_text="Guessed if left out."
    )
    map = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="ours=theirs, such as prompt=question; may be repeated.",
    )

    def validate_map(self, pairs: list[str]) -> dict[str, str]:
        mapping = {}
        for pair in pairs:
            ours, separator, theirs = pair.partition("=")
            if not separator or not ours or not theirs:
                raise serializers.ValidationError("Each must look like ours=theirs.")
            mapping[ours] = theirs
        return mapping


class UploadParams(Params):
    wait = serializers.BooleanField(
        default=False, help_text="Read the file within this request: small files only."
    )


class ResponseParams(PageParams):
    item = serializers.UUIDField(default=None)
    annotator = serializers.CharField(default=None, max_length=80, help_text="A pseudonym.")
    revisions = serializers.BooleanField(default=False, help_text="Also those that were amended.")


# --- answers ------------------------------------------------------------------


class ItemShownLine(serializers.Serializer[Any]):
    id = serializers.CharField(source="uid")
    external_id = serializers.CharField(allow_null=True)
    state = serializers.CharField()
    preview = serializers.CharField(help_text="The start of its first open turn.")
    language = serializers.CharField()
    n_messages = serializers.IntegerField()
    n_candidates = serializers.IntegerField()
    overlap = serializers.IntegerField()
    n_taken = serializers.IntegerField()
    n_answered = serializers.IntegerField()
    n_skipped = serializers.IntegerField()
    priority = serializers.IntegerField()
    is_gold = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class CandidateLineage(serializers.Serializer[Any]):
    id = serializers.CharField(source="uid")
    policy = serializers.CharField()
    model = serializers.CharField()
    model_revision = serializers.CharField()
    parameters = Object()
    seed = serializers.IntegerField(allow_null=True)
    sample = serializers.IntegerField()
    turns = Array()
    tokens_in = serializers.IntegerField(allow_null=True)
    tokens_out = serializers.IntegerField(allow_null=True)
    finish_reason = serializers.CharField()
    latency_ms = serializers.IntegerField(allow_null=True)
    server_request_id = serializers.CharField()
    marks = serializers.ListField(child=serializers.CharField())
    draws = serializers.IntegerField()
    rejections = Array()
    created_at = serializers.DateTimeField()


class RequestShown(serializers.Serializer[Any]):
    id = serializers.CharField(source="uid")
    policy = serializers.CharField()
    endpoint = serializers.CharField()
    sample = serializers.IntegerField()
    state = serializers.CharField()
    attempts = serializers.IntegerField()
    draws = serializers.IntegerField()
    error_class = serializers.CharField()
    first_error = serializers.CharField()
    last_error = serializers.CharField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class ItemShownWhole(serializers.Serializer[Any]):
    """Everything about an item but its responses, which are at `responses/?item=`."""

    line = ItemShownLine()
    messages = Array()
    context = serializers.CharField()  # type: ignore[assignment]
    metadata = Object()
    source = serializers.CharField()  # type: ignore[assignment]
    licence = serializers.CharField()
    sensitivity = serializers.CharField()
    parent = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    continues = serializers.CharField(allow_null=True)
    batch = serializers.CharField(allow_null=True)
    ready_at = serializers.DateTimeField(allow_null=True)
    done_at = serializers.DateTimeField(allow_null=True)
    candidates = CandidateLineage(many=True)
    requests = RequestShown(many=True)
    consensus = Array()
    disputes = Array()

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown = super().to_representation(instance)
        return {**shown.pop("line"), **shown}


class BadRowShown(serializers.Serializer[Any]):
    row = serializers.IntegerField()
    field = serializers.CharField()
    reason = serializers.CharField()


class AddedShown(serializers.Serializer[Any]):
    added = serializers.IntegerField()
    already = serializers.IntegerField()
    bad = BadRowShown(many=True)


class ReadShown(AddedShown):
    n_read = serializers.IntegerField()
    n_bad = serializers.IntegerField(help_text="All of them; `bad` shows the first.")


class TakenBack(serializers.Serializer[Any]):
    n_returned = serializers.IntegerField(help_text="Tasks that came back from desks.")


class PriorityShown(serializers.Serializer[Any]):
    priority = serializers.IntegerField()


class OverlapShown(serializers.Serializer[Any]):
    overlap = serializers.IntegerField()


class ImportLine(serializers.ModelSerializer[ImportRun]):
    id = serializers.CharField(source="uid")
    state = serializers.CharField()
    added = serializers.IntegerField(source="n_added")
    already = serializers.IntegerField(source="n_already")

    class Meta:
        model = ImportRun
        fields = (
            "id",
            "name",
            "format",
            "state",
            "n_read",
            "added",
            "already",
            "n_bad",
            "error",
            "created_at",
            "finished_at",
        )


class ImportShown(ImportLine):
    bad = BadRowShown(many=True, help_text="The first 1,000.")

    class Meta(ImportLine.Meta):
        fields = (*ImportLine.Meta.fields, "bad")  # type: ignore[assignment]


class ResponseLine(serializers.Serializer[Response]):
    """A response as it was given; `candidates` says which candidate each key stood for."""

    id = serializers.CharField(source="uid")
    item = serializers.CharField(source="item.uid")
    external_id = serializers.CharField(source="item.external_id", allow_null=True)
    annotator = serializers.CharField(source="annotator.pseudonym")
    annotator_kind = serializers.CharField(source="annotator.kind")
    values = Object()
    candidates = serializers.SerializerMethodField()
    questions_version = serializers.IntegerField(source="questions.version")
    guidelines_version = serializers.CharField(source="guidelines.label", default=None)
    revision = serializers.IntegerField()
    is_current = serializers.BooleanField()
    is_surplus = serializers.BooleanField()
    came_by = serializers.CharField(source="source", help_text="desk, rest or import")
    spent_ms = serializers.IntegerField()
    submitted_at = serializers.DateTimeField()

    def get_candidates(self, response: Response) -> dict[str, str]:
        uids: dict[int, str] = self.context["candidates"]
        shown = response.assignment.shown
        keys = candidate_keys(len(shown))
        return {key: uids[pk] for key, pk in zip(keys, shown, strict=True) if pk in uids}
