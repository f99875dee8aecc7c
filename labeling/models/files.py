"""Files that came in and went out, and the runs that read or wrote them."""

from __future__ import annotations

from django.db import models

from labeling.models.base import Row, one_of, state_field
from labeling.models.people import User
from labeling.models.projects import Project
from labeling.rules.states import RunState


class StoredFile(Row):
    """A file in Django's storage; web and workers may be on different hosts."""

    key = models.CharField(max_length=400, unique=True)
    name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64, blank=True)
    n_bytes = models.PositiveBigIntegerField(default=0)
    expires_at = models.DateTimeField(null=True)


class ImportRun(Row):
    """One file on its way into a project, with its progress and its bad rows."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="import_runs")
    file = models.ForeignKey(StoredFile, models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=255)
    format = models.CharField(max_length=40, blank=True)
    mapping = models.JSONField(default=dict)
    state = state_field(RunState, RunState.PENDING)
    n_read = models.PositiveIntegerField(default=0)
    n_added = models.PositiveIntegerField(default=0)
    n_already = models.PositiveIntegerField(default=0)
    n_bad = models.PositiveIntegerField(default=0)
    bad = models.JSONField(default=list, help_text="The first 1,000: [{row, field, reason}]")
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    beat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [one_of("state", RunState, "import_run_state")]


class Snapshot(Row):
    """A frozen, reproducible export with a manifest."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="snapshots")
    format = models.CharField(max_length=40)
    file_type = models.CharField(max_length=16, default="jsonl")
    options = models.JSONField(default=dict)
    state = state_field(RunState, RunState.PENDING)
    manifest = models.JSONField(null=True)
    archive = models.ForeignKey(StoredFile, models.SET_NULL, null=True, related_name="+")
    n_rows = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    beat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [one_of("state", RunState, "snapshot_state")]
