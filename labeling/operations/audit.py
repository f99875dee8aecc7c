"""Why: every change of consequence is written down in the transaction that makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from labeling.models import AuditEntry, Project, User, Workspace


@dataclass(frozen=True)
class Actor:
    """Who does something and through which door (`page`, `api`, `command`, `desk`, `sweep`)."""

    user: User | None
    via: str


MACHINE = Actor(user=None, via="machine")


def record(
    *,
    actor: Actor,
    action: str,
    subject: Model,
    workspace: Workspace | None = None,
    project: Project | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Write one entry of the audit trail; `before` and `after` hold ids and states, no texts."""
    AuditEntry.objects.create(
        workspace=workspace or (project.workspace if project else None),
        project=project,
        actor=actor.user,
        via=actor.via,
        action=action,
        subject_kind=type(subject).__name__.lower(),
        subject_id=str(getattr(subject, "uid", None) or subject.pk),
        before=before,
        after=after,
    )
