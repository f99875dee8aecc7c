"""Why: operators look everything up here. Read-only: writes belong to operations/.

Texts of people (prompts, answers, values, drafts) are left out of lists, so that a look
at the admin is not a look over an annotator's shoulder. Endpoints and policies are in
generation/admin.py.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest

from labeling import models

admin.site.site_header = "Quorum"
admin.site.site_title = "Quorum"
admin.site.index_title = "Look things up"
admin.site.unregister(Group)


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Shows, finds and filters; adds, changes and deletes nothing."""

    list_per_page = 50
    show_full_result_count = False
    ordering = ("-pk",)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_staff and (request.user.is_superuser or request.user.is_ops)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(models.User)
class UserAdmin(ReadOnly):
    list_display = ("email", "name", "is_active", "is_ops", "is_staff", "last_login", "created_at")
    list_filter = ("is_active", "is_ops", "is_staff")
    search_fields = ("email", "name")
    exclude = ("password", "groups", "user_permissions")


@admin.register(models.Workspace)
class WorkspaceAdmin(ReadOnly):
    list_display = ("name", "slug", "created_at")
    search_fields = ("name", "slug")


@admin.register(models.Membership)
class MembershipAdmin(ReadOnly):
    list_display = ("user", "workspace", "role", "created_at")
    list_filter = ("role", "workspace")
    search_fields = ("user__email",)
    list_select_related = ("user", "workspace")


@admin.register(models.Invitation)
class InvitationAdmin(ReadOnly):
    list_display = ("workspace", "role", "email", "expires_at", "accepted_at", "revoked_at")
    list_filter = ("role", "workspace")
    search_fields = ("email",)
    exclude = ("token_hash",)
    list_select_related = ("workspace",)


@admin.register(models.ApiToken)
class ApiTokenAdmin(ReadOnly):
    list_display = ("prefix", "name", "user", "scopes", "last_used_at", "expires_at", "revoked_at")
    search_fields = ("prefix", "user__email")
    exclude = ("token_hash",)
    list_select_related = ("user",)


@admin.register(models.Annotator)
class AnnotatorAdmin(ReadOnly):
    list_display = ("pseudonym", "workspace", "kind", "created_at")
    list_filter = ("kind", "workspace")
    search_fields = ("pseudonym",)
    list_select_related = ("workspace",)


@admin.register(models.Project)
class ProjectAdmin(ReadOnly):
    list_display = ("slug", "name", "workspace", "template", "state", "overlap", "created_at")
    list_filter = ("state", "template", "workspace")
    search_fields = ("slug", "name")
    list_select_related = ("workspace",)


@admin.register(models.Item)
class ItemAdmin(ReadOnly):
    list_display = ("uid", "project", "external_id", "state", "overlap", "n_taken", "n_answered")
    list_filter = ("state", "project")
    search_fields = ("uid__exact", "external_id__exact")
    exclude = ("rendered",)
    list_select_related = ("project",)


@admin.register(models.Candidate)
class CandidateAdmin(ReadOnly):
    list_display = ("uid", "item_id", "policy_name", "sample", "finish_reason", "marks", "draws")
    search_fields = ("uid__exact", "item__uid__exact")
    exclude = ("rendered",)


@admin.register(models.GenerationRequest)
class GenerationRequestAdmin(ReadOnly):
    list_display = (
        "uid",
        "project",
        "policy",
        "sample",
        "state",
        "attempts",
        "next_attempt_at",
        "error_class",
    )
    list_filter = ("state", "error_class", "endpoint", "project")
    search_fields = ("uid__exact", "item__uid__exact")
    list_select_related = ("project", "policy")


@admin.register(models.GenerationAttempt)
class GenerationAttemptAdmin(ReadOnly):
    list_display = ("request_id", "started_at", "outcome", "latency_ms", "tokens_out", "worker")
    list_filter = ("outcome",)


@admin.register(models.Enrolment)
class EnrolmentAdmin(ReadOnly):
    list_display = (
        "annotator",
        "project",
        "state",
        "n_answered",
        "n_held",
        "n_parked",
        "quota_total",
        "quota_day",
    )
    list_filter = ("state", "project")
    search_fields = ("annotator__pseudonym",)
    list_select_related = ("annotator", "project")


@admin.register(models.Assignment)
class AssignmentAdmin(ReadOnly):
    list_display = ("uid", "project", "annotator", "state", "claimed_at", "expires_at", "n_leases")
    list_filter = ("state", "project")
    search_fields = ("uid__exact", "item__uid__exact", "annotator__pseudonym__exact")
    exclude = ("lease",)
    list_select_related = ("project", "annotator")


@admin.register(models.Response)
class ResponseAdmin(ReadOnly):
    list_display = ("uid", "project", "annotator", "revision", "is_current", "submitted_at")
    list_filter = ("source", "is_surplus", "project")
    search_fields = ("uid__exact", "item__uid__exact", "annotator__pseudonym__exact")
    exclude = ("lease",)
    list_select_related = ("project", "annotator")


@admin.register(models.Dispute)
class DisputeAdmin(ReadOnly):
    list_display = ("uid", "item_id", "question", "state", "settled_by", "settled_at")
    list_filter = ("state",)
    list_select_related = ("settled_by",)


@admin.register(models.ImportRun)
class ImportRunAdmin(ReadOnly):
    list_display = ("name", "project", "state", "n_read", "n_added", "n_already", "n_bad")
    list_filter = ("state", "project")
    list_select_related = ("project",)


@admin.register(models.Snapshot)
class SnapshotAdmin(ReadOnly):
    list_display = ("uid", "project", "format", "file_type", "state", "n_rows", "created_at")
    list_filter = ("state", "format", "project")
    list_select_related = ("project",)


@admin.register(models.Desk)
class DeskAdmin(ReadOnly):
    list_display = ("enrolment_id", "process", "wanted", "connected_at", "seen_at", "closed_at")
    list_filter = ("process",)


@admin.register(models.Process)
class ProcessAdmin(ReadOnly):
    list_display = ("name", "kind", "version", "wanted", "n_in_flight", "n_desks", "seen_at")
    list_filter = ("kind", "wanted")


@admin.register(models.AuditEntry)
class AuditEntryAdmin(ReadOnly):
    list_display = ("created_at", "action", "subject", "actor", "via", "workspace", "project")
    list_filter = ("action", "via", "workspace")
    search_fields = ("subject_id__exact", "actor__email", "action")
    list_select_related = ("actor", "workspace", "project")

    @admin.display(description="subject")
    def subject(self, entry: Any) -> str:
        """Say what the entry is about."""
        return f"{entry.subject_kind} {entry.subject_id}"
