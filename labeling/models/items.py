"""Items: what is to be labelled, its slots as one counted column, and its place in the order.

`n_taken` of `overlap` slots are taken by live or answered assignments; the CHECK
between them is invariant 1. `place` orders the open items of a project; whenever a
slot opens (again) the item gets a new, later place, so that no annotator's frontier
hides it (operations/sql/claim.sql).
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from labeling.models.base import Row, one_of, state_field
from labeling.models.people import Annotator, Team
from labeling.models.projects import Batch, Project
from labeling.rules.states import ItemState


class Item(Row):
    # Foreign keys without an index of their own are served by a constraint or index below.
    project = models.ForeignKey(Project, models.CASCADE, related_name="items", db_index=False)
    batch = models.ForeignKey(Batch, models.SET_NULL, null=True, related_name="items")
    external_id = models.CharField(max_length=255, null=True)
    content_hash = models.CharField(max_length=64)
    parent = models.ForeignKey("self", models.SET_NULL, null=True, related_name="children")
    continues = models.ForeignKey("Candidate", models.SET_NULL, null=True, related_name="+")
    author = models.ForeignKey(Annotator, models.SET_NULL, null=True, related_name="items_written")
    source = models.CharField(max_length=255, blank=True)
    licence = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=16, blank=True)
    sensitivity = models.CharField(max_length=40, blank=True)

    messages = models.JSONField(help_text="[{role, content, reasoning?, tool_calls?, …}]")
    context = models.TextField(blank=True)
    metadata = models.JSONField(default=dict)
    rendered = models.JSONField(
        help_text="Messages as the desk shows them: [{role, content, html, …}]"
    )
    renderer_version = models.PositiveIntegerField(default=0)
    n_open_turns = models.PositiveSmallIntegerField(default=1)

    state = state_field(ItemState, ItemState.WAITING)
    overlap = models.PositiveSmallIntegerField()
    n_taken = models.PositiveSmallIntegerField(default=0, db_default=0)
    n_answered = models.PositiveSmallIntegerField(default=0, db_default=0)
    n_skipped = models.PositiveSmallIntegerField(default=0, db_default=0)
    is_open = models.GeneratedField(
        expression=models.Case(
            models.When(state=ItemState.READY.value, n_taken__lt=F("overlap"), then=True),
            default=False,
        ),
        output_field=models.BooleanField(),
        db_persist=True,
        help_text="Ready, with a slot left: what the claim's index holds. A column of its own, so "
        "that counting up n_taken rewrites no index until the item is full.",
    )
    place = models.BigIntegerField(null=True)
    priority = models.SmallIntegerField(default=0)
    is_gold = models.BooleanField(default=False, db_default=False)
    is_training = models.BooleanField(default=False, db_default=False)
    ready_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    consensus_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            one_of("state", ItemState, "item_state"),
            models.CheckConstraint(
                condition=Q(n_taken__gte=0, n_taken__lte=F("overlap")), name="item_never_over"
            ),
            models.CheckConstraint(
                condition=Q(n_answered__gte=0, n_answered__lte=F("n_taken")),
                name="item_answered_is_taken",
            ),
            models.CheckConstraint(
                condition=~Q(state=ItemState.READY.value) | Q(place__isnull=False),
                name="item_ready_has_place",
            ),
            models.UniqueConstraint(
                fields=["project", "external_id"],
                condition=Q(external_id__isnull=False),
                name="item_external_id",
            ),
            models.UniqueConstraint(
                fields=["project", "content_hash"],
                condition=Q(external_id__isnull=True),
                name="item_content_hash",
            ),
        ]
        indexes = [
            # Serves exactly the claim: open items of a project in their order.
            models.Index(
                fields=["project", "place", "id"],
                condition=Q(is_open=True),
                name="item_open_places",
            ),
            models.Index(fields=["project", "state", "id"], name="item_by_state"),
            # Serves the sweep that adds up finished items.
            models.Index(
                fields=["id"],
                condition=Q(done_at__isnull=False, consensus_at__isnull=True),
                name="item_without_consensus",
            ),
        ]


class Gold(models.Model):
    """The right answer of a gold item; apart from it, so that no desk query can carry it."""

    item = models.OneToOneField(Item, models.CASCADE, related_name="gold")
    values = models.JSONField(help_text="By question; candidates by their ids, not keys.")
    feedback = models.TextField(blank=True)


class Reservation(models.Model):
    """An item kept for an annotator or a team until `release_at`."""

    item = models.ForeignKey(Item, models.CASCADE, related_name="reservations")
    annotator = models.ForeignKey(Annotator, models.CASCADE, null=True, related_name="+")
    team = models.ForeignKey(Team, models.CASCADE, null=True, related_name="+")
    release_at = models.DateTimeField(null=True)
