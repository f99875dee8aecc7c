"""Projects and what of them is versioned: questions, guidelines, slate, batches."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from labeling.models.base import Row, choices, one_of, state_field
from labeling.models.people import Annotator, Skill, Team, User, Workspace
from labeling.rules.states import (
    GateMode,
    OrderStrategy,
    ProjectState,
    ReasoningDisplay,
    Template,
)

DEFAULT_LEASE_S = 300
DEFAULT_HOLD_S = 900
DEFAULT_SKIP_LIMIT = 3
MAX_PARKED = 3


class PolicyAccess(models.Model):
    """Lets a workspace use a policy; policies themselves have no tenant."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="policy_access")
    policy = models.ForeignKey("generation.Policy", models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "policy"], name="policy_access_unique")
        ]


class Project(Row):
    """One labelling campaign. Its slug is its public address (`/ws/desk/<slug>/`)."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="projects")
    name = models.CharField(max_length=160)
    slug = models.SlugField(max_length=120, unique=True)
    description = models.TextField(blank=True)
    template = models.CharField(max_length=16, choices=choices(Template))
    state = state_field(ProjectState, ProjectState.DRAFT)
    questions = models.ForeignKey("QuestionSet", models.PROTECT, null=True, related_name="+")
    guidelines = models.ForeignKey("GuidelinesVersion", models.PROTECT, null=True, related_name="+")
    slate = models.ForeignKey("SlateVersion", models.PROTECT, null=True, related_name="+")
    candidates_needed = models.PositiveSmallIntegerField(default=0)

    overlap = models.PositiveSmallIntegerField(default=3)
    overlap_max = models.PositiveSmallIntegerField(null=True)
    overlap_share = models.FloatField(default=0.0)
    order_strategy = models.CharField(
        max_length=16, choices=choices(OrderStrategy), default=OrderStrategy.FINISH_STARTED.value
    )
    lease_s = models.PositiveIntegerField(default=DEFAULT_LEASE_S)
    hold_s = models.PositiveIntegerField(default=DEFAULT_HOLD_S)
    max_parked = models.PositiveSmallIntegerField(default=MAX_PARKED)
    skip_limit = models.PositiveSmallIntegerField(default=DEFAULT_SKIP_LIMIT)
    amend_s = models.PositiveIntegerField(
        null=True, help_text="For how long a response may be amended; empty: while active."
    )
    quota_total = models.PositiveIntegerField(null=True)
    quota_day = models.PositiveIntegerField(null=True)
    mix_limit = models.FloatField(null=True)
    is_restricted = models.BooleanField(default=False)
    metadata_shown = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    reasoning_display = models.CharField(
        max_length=8, choices=choices(ReasoningDisplay), default=ReasoningDisplay.FOLD.value
    )
    gate_mode = models.CharField(
        max_length=16, choices=choices(GateMode), default=GateMode.MARK.value
    )
    resample_limit = models.PositiveSmallIntegerField(default=2)
    gold_rate = models.FloatField(default=0.0)
    repeat_rate = models.FloatField(default=0.0)
    shows_feedback = models.BooleanField(default=False)
    deadline_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    activated_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            one_of("state", ProjectState, "project_state"),
            one_of("template", Template, "project_template"),
            one_of("order_strategy", OrderStrategy, "project_order_strategy"),
            models.CheckConstraint(
                condition=models.Q(overlap__gte=1, overlap__lte=100), name="project_overlap"
            ),
            models.CheckConstraint(
                condition=models.Q(overlap_max__isnull=True)
                | models.Q(overlap_max__gte=models.F("overlap")),
                name="project_overlap_max",
            ),
            models.CheckConstraint(
                condition=models.Q(lease_s__gte=1, hold_s__gte=1), name="project_lease"
            ),
        ]

    def __str__(self) -> str:
        return self.slug


class QuestionSet(Row):
    """A version of a project's questions; never changed once a response refers to it."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="question_sets")
    version = models.PositiveIntegerField()
    questions = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "version"], name="question_set_version")
        ]


class GuidelinesVersion(Row):
    """A version of the guidelines; a new major one is acknowledged before work."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="guidelines_versions")
    major = models.PositiveIntegerField()
    minor = models.PositiveIntegerField(default=0)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    renderer_version = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "major", "minor"], name="guidelines_version_unique"
            )
        ]

    @property
    def label(self) -> str:
        """`2.1`: what the protocol calls `guidelines_version`."""
        return f"{self.major}.{self.minor}"


class SlateVersion(Row):
    """Which policies answer, and how many samples of each; a change makes a new version."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="slates")
    version = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "version"], name="slate_version_unique")
        ]


class SlateEntry(models.Model):
    slate = models.ForeignKey(SlateVersion, models.CASCADE, related_name="entries")
    policy = models.ForeignKey("generation.Policy", models.PROTECT, related_name="+")
    n_samples = models.PositiveSmallIntegerField(default=1)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["slate", "policy"], name="slate_entry_unique"),
            models.CheckConstraint(
                condition=models.Q(n_samples__gte=1, n_samples__lte=64), name="slate_entry_samples"
            ),
        ]


class Batch(Row):
    """Items with one slate version, a group of annotators, a deadline and a sign-off."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="batches")
    name = models.CharField(max_length=120)
    slate = models.ForeignKey(SlateVersion, models.PROTECT, null=True, related_name="+")
    team = models.ForeignKey(Team, models.SET_NULL, null=True, related_name="+")
    deadline_at = models.DateTimeField(null=True)
    signed_off_at = models.DateTimeField(null=True)
    signed_off_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="batch_name_unique")
        ]


class ProjectSkill(models.Model):
    """A skill a project asks for, with the lowest level that will do."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="skills_needed")
    skill = models.ForeignKey(Skill, models.CASCADE, related_name="+")
    min_level = models.PositiveSmallIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "skill"], name="project_skill_unique")
        ]


class Notice(Row):
    """A manager's message to the desks of a project, or to one annotator's."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="notices")
    annotator = models.ForeignKey(Annotator, models.CASCADE, null=True, related_name="notices")
    text = models.TextField()
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
