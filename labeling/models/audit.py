"""The audit trail: who, when, what, before and after; ids, never texts."""

from __future__ import annotations

from django.db import models

from labeling.models.base import Row
from labeling.models.people import User, Workspace
from labeling.models.projects import Project


class AuditEntry(Row):
    """One change of consequence. `actor` is empty for the machine, `via` names the door."""

    workspace = models.ForeignKey(Workspace, models.SET_NULL, null=True, related_name="+")
    project = models.ForeignKey(Project, models.SET_NULL, null=True, related_name="audit")
    actor = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    via = models.CharField(max_length=40, blank=True)
    action = models.CharField(max_length=80)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=64)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["project", "-id"], name="audit_by_project"),
            models.Index(fields=["subject_kind", "subject_id", "-id"], name="audit_by_subject"),
        ]
