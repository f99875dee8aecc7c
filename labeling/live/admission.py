"""Why: decides, once per connection, whether somebody may sit down at a desk.

Synchronous: it runs in a thread while a socket opens, never afterwards.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlparse

from channels.security.websocket import OriginValidator
from django.conf import settings
from django.contrib.auth.models import AnonymousUser

from labeling.errors import DomainError, Forbidden
from labeling.live.protocol import CloseCode
from labeling.models import Enrolment, GuidelinesVersion, Notice, Project, User
from labeling.operations.quotas import ensure_enrolment
from labeling.operations.tasks import remember, remembered
from labeling.operations.tokens import note_token_use
from labeling.queries.access import annotator_for, project_for
from labeling.queries.people import token_of
from labeling.rules.permissions import Permission
from labeling.rules.question_types import to_wire


class TurnedAway(Exception):
    """Somebody who may not sit down; `code` closes the accepted socket."""

    def __init__(self, code: CloseCode) -> None:
        super().__init__(code.name)
        self.code = code


@dataclass(frozen=True, slots=True)
class Admission:
    """Who sits down where."""

    user_id: int
    annotator_id: int
    annotator: str
    enrolment_id: int
    project_id: int
    lease_s: int


def is_allowed_origin(headers: list[tuple[bytes, bytes]]) -> bool | None:
    """Return whether the Origin is one of ours; None where there is none."""
    origins = [value for name, value in headers if name == b"origin"]
    if not origins:
        return None
    try:
        parsed = urlparse(origins[-1].decode("latin1"))
    except ValueError:
        return False
    return bool(OriginValidator(None, settings.ALLOWED_HOSTS).valid_origin(parsed))


def bearer_of(headers: list[tuple[bytes, bytes]]) -> str | None:
    """Return the bearer token of a request, None without one."""
    for name, value in headers:
        if name == b"authorization":
            scheme, _, secret = value.decode("latin1").partition(" ")
            if scheme.lower() == "bearer" and secret.strip():
                return secret.strip()
    return None


def admit(user: User | AnonymousUser | None, bearer: str | None, slug: str) -> Admission:
    """Return who sits down, with an enrolment made on first sight.

    Raises:
        TurnedAway: not logged in, not allowed, or no such project.
    """
    scopes = None
    if bearer is not None:
        token = token_of(bearer)
        if token is None:
            raise TurnedAway(CloseCode.NOT_LOGGED_IN)
        note_token_use(token_id=token.pk)
        user, scopes = token.user, token.scopes
    if not isinstance(user, User) or not user.is_active:
        raise TurnedAway(CloseCode.NOT_LOGGED_IN)
    try:
        project = project_for(user, slug, Permission.PROJECT_WORK, scopes=scopes)
        annotator = annotator_for(user, project)
    except Forbidden as error:
        raise TurnedAway(CloseCode.NOT_ALLOWED) from error
    except DomainError as error:
        raise TurnedAway(CloseCode.NO_SUCH_PROJECT) from error
    if project.questions_id is None:
        raise TurnedAway(CloseCode.NO_SUCH_PROJECT)
    enrolment = ensure_enrolment(project, annotator)
    return Admission(
        user_id=user.pk,
        annotator_id=annotator.pk,
        annotator=annotator.pseudonym,
        enrolment_id=enrolment.pk,
        project_id=project.pk,
        lease_s=project.lease_s,
    )


def project_card(project_id: int, enrolment_id: int) -> str:
    """Return the `project` of a welcome as JSON: what does not change with the task.

    `guidelines` is what must be acknowledged before work, else null.
    """
    project = Project.objects.select_related("questions", "guidelines").get(pk=project_id)
    assert project.questions is not None
    read = Enrolment.objects.values_list("guidelines_major", flat=True).get(pk=enrolment_id)
    view = remembered(project.questions.pk) or remember(
        project.questions.pk, json.dumps(project.questions.questions)
    )
    guidelines = project.guidelines
    card: dict[str, Any] = {
        "name": project.name,
        "slug": project.slug,
        "template": project.template,
        "state": project.state,
        "questions": [to_wire(question) for question in view.questions],
        "guidelines_version": guidelines.label if guidelines else None,
        "guidelines": _to_acknowledge(guidelines, read),
        "reasoning": project.reasoning_display,
    }
    return json.dumps(card, ensure_ascii=False)


def _to_acknowledge(guidelines: GuidelinesVersion | None, major_read: int) -> dict[str, str] | None:
    if guidelines is None or guidelines.major <= major_read:
        return None
    return {"version": guidelines.label, "html": guidelines.html}


def notice_text(notice_id: int) -> str | None:
    """Return what a notice says."""
    return Notice.objects.filter(pk=notice_id).values_list("text", flat=True).first()
