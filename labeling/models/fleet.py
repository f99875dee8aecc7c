"""Processes and queues as rows, so that pages and API steer the fleet without Celery."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from labeling.models.base import Row, choices, one_of
from labeling.rules.states import ProcessKind, WantedState


class Process(Row):
    """A web, worker or scheduler process; alive while `seen_at` is fresh."""

    name = models.CharField(max_length=160, unique=True)
    kind = models.CharField(max_length=16, choices=choices(ProcessKind))
    version = models.CharField(max_length=40, blank=True)
    queues = ArrayField(models.CharField(max_length=40), default=list)
    wanted = models.CharField(
        max_length=8, choices=choices(WantedState), default=WantedState.RUN.value
    )
    n_in_flight = models.PositiveIntegerField(default=0)
    n_desks = models.PositiveIntegerField(default=0)
    facts = models.JSONField(default=dict)
    started_at = models.DateTimeField(default=timezone.now, db_default=Now())
    seen_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        constraints = [
            one_of("kind", ProcessKind, "process_kind"),
            one_of("wanted", WantedState, "process_wanted"),
        ]


class QueueDepth(models.Model):
    """How many messages a Celery queue held when a sweep last looked."""

    queue = models.CharField(max_length=40, unique=True)
    depth = models.PositiveIntegerField(default=0)
    oldest_s = models.FloatField(null=True)
    wanted = models.CharField(
        max_length=8, choices=choices(WantedState), default=WantedState.RUN.value
    )
    measured_at = models.DateTimeField(default=timezone.now, db_default=Now())
