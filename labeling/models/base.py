"""Why: the three things every table repeats. No behaviour beyond field definitions."""

from __future__ import annotations

from enum import StrEnum

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from uuid_utils.compat import uuid7


def choices(kinds: type[StrEnum]) -> list[tuple[str, str]]:
    """Return Django's choices of a StrEnum: its value, and the value in words."""
    return [(kind.value, kind.value.replace("_", " ")) for kind in kinds]


def one_of(field: str, kinds: type[StrEnum], name: str) -> models.CheckConstraint:
    """Return the constraint that a column holds one of the StrEnum's values."""
    values = [kind.value for kind in kinds]
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": values}), name=name)


def state_field(kinds: type[StrEnum], default: StrEnum) -> models.CharField[str, str]:
    """Return a column for a StrEnum, with a database default as named SQL writes rows too."""
    return models.CharField(
        max_length=16, choices=choices(kinds), default=default.value, db_default=default.value
    )


class Row(models.Model):
    """A row people outside may name: `uid` (UUIDv7), and when it was made."""

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        abstract = True
