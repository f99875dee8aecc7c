"""Why: what the addresses of people, quotas and tokens take and answer."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from labeling.api.bodies import Body, Integer, Text, Word
from labeling.models import ApiToken
from labeling.operations.invitations import DEFAULT_LIFE, MAX_LIFE
from labeling.operations.tokens import MAX_NAME_CHARS
from labeling.rules.permissions import Scope
from labeling.rules.states import EnrolmentState, Role

# --- bodies -------------------------------------------------------------------


class ProfileBody(Body):
    name = Text(required=False, allow_blank=True, max_length=120)
    time_zone = Text(required=False, max_length=64, help_text="Such as Europe/Berlin.")


class RenameBody(Body):
    name = Text(max_length=120)


class RoleBody(Body):
    role = Word(Role)


class InvitationBody(RoleBody):
    email = Text(
        default="", allow_blank=True, max_length=254, help_text="Only its owner may accept it."
    )
    days = Integer(default=DEFAULT_LIFE.days, min_value=1, max_value=MAX_LIFE.days)


class TokenBody(Body):
    name = Text(default="token", max_length=MAX_NAME_CHARS)
    scopes = serializers.ListField(
        child=Word(Scope), default=None, help_text="All you have use for if left out."
    )
    expires_at = serializers.DateTimeField(default=None)


class QuotaBody(Body):
    total = Integer(allow_null=True, help_text="Responses in all; null is no limit.")
    per_day = Integer(allow_null=True, help_text="Responses per day; null is no limit.")


class EnrolBody(Body):
    annotator = Text(help_text="The pseudonym of a member.")


class EnrolmentStateBody(Body):
    state = Word(EnrolmentState)


# --- answers ------------------------------------------------------------------


class OwnMembership(serializers.Serializer[Any]):
    workspace = serializers.CharField(source="workspace.slug")
    name = serializers.CharField(source="workspace.name")
    role = serializers.CharField()


class Me(serializers.Serializer[Any]):
    email = serializers.CharField()
    name = serializers.CharField()
    time_zone = serializers.CharField()
    is_ops = serializers.BooleanField()
    scopes = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="The token's; null in a session."
    )
    workspaces = OwnMembership(many=True)


class WorkspaceShown(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()


class WorkspacesShown(serializers.Serializer[Any]):
    results = OwnMembership(many=True)


class MemberShown(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="uid")
    email = serializers.CharField(source="user.email")
    name = serializers.CharField(source="user.name")
    role = serializers.CharField()
    annotator = serializers.SerializerMethodField(help_text="The pseudonym they answer under.")
    is_active = serializers.BooleanField(source="user.is_active")
    since = serializers.DateTimeField(source="created_at")

    def get_annotator(self, member: Any) -> str:
        return str(self.context["pseudonyms"].get(member.user_id, ""))


class InvitationShown(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="uid")
    email = serializers.CharField()
    role = serializers.CharField()
    created_by = serializers.CharField(source="created_by.email", default="")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class InvitationIssued(InvitationShown):
    secret = serializers.CharField(help_text="Belongs into the link; shown this once.")


class TokenShown(serializers.ModelSerializer[ApiToken]):
    id = serializers.UUIDField(source="uid")
    scopes = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = ApiToken
        fields = ("id", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at")


class TokenIssued(TokenShown):
    token = serializers.CharField(help_text="Shown this once.")

    class Meta(TokenShown.Meta):
        fields = (*TokenShown.Meta.fields, "token")  # type: ignore[assignment]


class QuotaLine(serializers.Serializer[Any]):
    """An annotator's place in a project; `today` is their own day."""

    id = serializers.CharField(source="enrolment_uid")
    annotator = serializers.CharField(source="pseudonym")
    state = serializers.CharField()
    total = serializers.IntegerField(source="quota_total", allow_null=True)
    per_day = serializers.IntegerField(source="quota_day", allow_null=True)
    n_answered = serializers.IntegerField()
    n_answered_today = serializers.IntegerField()
    n_left = serializers.IntegerField(allow_null=True)
    n_held = serializers.IntegerField()
    n_parked = serializers.IntegerField()
    n_skipped = serializers.IntegerField()
    last_answer_at = serializers.DateTimeField(allow_null=True)
    is_at_desk = serializers.BooleanField()


class QuotaLines(serializers.Serializer[Any]):
    results = QuotaLine(many=True)


class QuotasSet(serializers.Serializer[Any]):
    n_annotators = serializers.IntegerField(help_text="How many were enrolled already.")
