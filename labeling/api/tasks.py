"""Why: the desk's actions for clients without sockets (DESIGN.md section 7).

Each is the same operation that the socket runs, on Django's connection, with the same
limits on what may be said. Nothing is pushed here: `idle: "no_work"` means ask again later.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.desk_lines import (
    AcceptedShown,
    AcknowledgeBody,
    ActShown,
    AmendShown,
    ClaimBody,
    DeskShown,
    DraftBody,
    FlagBody,
    HandShown,
    LeaseAndWantBody,
    LeaseBody,
    SkipBody,
    SubmitBody,
    TaskOnly,
    amend_answer,
    hand_answer,
    spliced,
)
from labeling.api.parsers import DeskBody
from labeling.api.schema import operation
from labeling.api.views import ApiView
from labeling.errors import Conflict
from labeling.models import Enrolment, Project
from labeling.operations.assignments import (
    Hand,
    acknowledge_guidelines,
    claim_tasks,
    flag_task,
    mark_active,
    park_task,
    release_task,
    resume_tasks,
    skip_task,
)
from labeling.operations.drivers import run
from labeling.operations.quotas import ensure_enrolment
from labeling.operations.responses import amend_response, save_draft, submit_response
from labeling.operations.tasks import remember, remembered
from labeling.queries.access import annotator_for
from labeling.rules.permissions import Permission
from labeling.rules.question_types import to_wire
from labeling.rules.states import ResponseSource

CONTENDED_TRIES = 5


class DeskView(ApiView):
    """An annotator at a project; the enrolment is made on first sight."""

    parser_classes = [DeskBody]
    tag = "tasks"

    def enrolment(self, slug: str) -> Enrolment:
        """Return the place of whoever asks. Raises: as project_for, Conflict."""
        project = self.project(slug, Permission.PROJECT_WORK)
        if project.questions_id is None:
            raise Conflict("The project has no questions yet.")
        return ensure_enrolment(project, annotator_for(self.user, project))


class Tasks(DeskView):
    @operation("tasks_resume", DeskShown)
    def get(self, request: Request, slug: str) -> HttpResponse:
        """Return what is held and parked, with the same leases, whose time starts anew."""
        enrolment = self.enrolment(slug)
        hand = run(lambda: resume_tasks(enrolment_id=enrolment.pk, want=0))
        enrolment.refresh_from_db(fields=["guidelines_major"])
        return spliced(
            {
                "annotator": enrolment.annotator.pseudonym,
                "project": _card(enrolment.project, enrolment.guidelines_major),
                "progress": hand.progress.as_dict(),
                "idle": None,
                "lease_s": enrolment.project.lease_s,
                "server_time": timezone.now(),
            },
            hand.held,
        )


class Claim(DeskView):
    @operation("tasks_claim", HandShown, body=ClaimBody)
    def post(self, request: Request, slug: str) -> HttpResponse:
        """Claim tasks until `want` are held; answers the new ones."""
        enrolment = self.enrolment(slug)
        want = self.body(ClaimBody)["want"]
        hand = run(lambda: claim_tasks(enrolment_id=enrolment.pk, want=want))
        return hand_answer(_looked_everywhere(hand, enrolment, want))


class Acknowledge(DeskView):
    @operation("tasks_acknowledge", HandShown, body=AcknowledgeBody)
    def post(self, request: Request, slug: str) -> HttpResponse:
        """Say that the guidelines were read."""
        enrolment = self.enrolment(slug)
        said = self.body(AcknowledgeBody)
        hand = run(
            lambda: acknowledge_guidelines(
                enrolment_id=enrolment.pk,
                version=said["guidelines_version"],
                want=said["want"],
            )
        )
        return hand_answer(_looked_everywhere(hand, enrolment, said["want"]))


class Submit(DeskView):
    @operation("tasks_submit", AcceptedShown, body=SubmitBody)
    def post(self, request: Request, slug: str, task: str) -> HttpResponse:
        """Answer a task, and claim the next in the same transaction.

        A repeat under the same lease is accepted with `duplicate: true`.
        """
        enrolment = self.enrolment(slug)
        said = self.body(SubmitBody)
        accepted = run(
            lambda: submit_response(
                enrolment_id=enrolment.pk,
                task=task,
                lease=said["lease"],
                values=said["values"],
                spent_ms=said["spent_ms"],
                want=said["want"],
                wants_surplus=said["surplus"],
                source=ResponseSource.REST,
            )
        )
        hand = _looked_everywhere(accepted.hand, enrolment, said["want"])
        return hand_answer(hand, task=accepted.task, duplicate=accepted.is_duplicate)


class Draft(DeskView):
    @operation("tasks_draft", TaskOnly, body=DraftBody)
    def post(self, request: Request, slug: str, task: str) -> Response:
        """Keep what is typed so far; renews the lease."""
        enrolment = self.enrolment(slug)
        said = self.body(DraftBody)
        run(lambda: save_draft(enrolment_id=enrolment.pk, task=task, **said))
        return Response({"task": task})


class Skip(DeskView):
    @operation("tasks_skip", ActShown, body=SkipBody)
    def post(self, request: Request, slug: str, task: str) -> HttpResponse:
        """Pass a task on for good."""
        enrolment = self.enrolment(slug)
        said = self.body(SkipBody)
        hand = run(lambda: skip_task(enrolment_id=enrolment.pk, task=task, **said))
        return hand_answer(_looked_everywhere(hand, enrolment, said["want"]), task=task)


class Release(DeskView):
    @operation("tasks_release", ActShown, body=LeaseAndWantBody)
    def post(self, request: Request, slug: str, task: str) -> HttpResponse:
        """Give a task back."""
        enrolment = self.enrolment(slug)
        said = self.body(LeaseAndWantBody)
        hand = run(lambda: release_task(enrolment_id=enrolment.pk, task=task, **said))
        return hand_answer(_looked_everywhere(hand, enrolment, said["want"]), task=task)


class Park(DeskView):
    @operation("tasks_park", ActShown, body=LeaseAndWantBody)
    def post(self, request: Request, slug: str, task: str) -> HttpResponse:
        """Keep a task over night."""
        enrolment = self.enrolment(slug)
        said = self.body(LeaseAndWantBody)
        hand = run(lambda: park_task(enrolment_id=enrolment.pk, task=task, **said))
        return hand_answer(_looked_everywhere(hand, enrolment, said["want"]), task=task)


class Flag(DeskView):
    @operation("tasks_flag", TaskOnly, body=FlagBody)
    def post(self, request: Request, slug: str, task: str) -> Response:
        """Ask the project's leads about a task."""
        enrolment = self.enrolment(slug)
        said = self.body(FlagBody)
        run(lambda: flag_task(enrolment_id=enrolment.pk, task=task, **said))
        return Response({"task": task})


class Active(DeskView):
    @operation("tasks_active", TaskOnly, body=LeaseBody)
    def post(self, request: Request, slug: str, task: str) -> Response:
        """Say that the person is at it: renews the lease."""
        enrolment = self.enrolment(slug)
        said = self.body(LeaseBody)
        run(lambda: mark_active(enrolment_id=enrolment.pk, task=task, **said))
        return Response({"task": task})


class Amend(DeskView):
    @operation("tasks_amend", AmendShown)
    def post(self, request: Request, slug: str, task: str) -> HttpResponse:
        """Reopen one's own response, under a new lease."""
        enrolment = self.enrolment(slug)
        reopened, progress = run(lambda: amend_response(enrolment_id=enrolment.pk, task=task))
        return amend_answer(reopened, progress.as_dict())


def _looked_everywhere(hand: Hand, enrolment: Enrolment, want: int) -> Hand:
    """Return the hand with what a look from the beginning of the order adds.

    Open slots somebody has locked just now are waited for, a third of a second at most.
    """
    for attempt in range(CONTENDED_TRIES):
        is_worth_it = hand.may_find_more if attempt == 0 else hand.is_contended
        if not is_worth_it:
            break
        if attempt:
            time.sleep(random.uniform(0.005, 0.02) * 2**attempt)  # noqa: S311
        more = run(lambda: claim_tasks(enrolment_id=enrolment.pk, want=want, rescan=True))
        hand = replace(more, tasks=(*hand.tasks, *more.tasks))
    return hand


def _card(project: Project, major_read: int) -> dict[str, Any]:
    """Return what the socket's `welcome` says of a project (live/admission.py)."""
    assert project.questions is not None
    view = remembered(project.questions.pk) or remember(
        project.questions.pk, json.dumps(project.questions.questions)
    )
    read = project.guidelines
    is_new = read is not None and read.major > major_read
    return {
        "name": project.name,
        "slug": project.slug,
        "template": project.template,
        "state": project.state,
        "questions": [to_wire(question) for question in view.questions],
        "guidelines_version": read.label if read else None,
        "guidelines": {"version": read.label, "html": read.html} if read and is_new else None,
        "reasoning": project.reasoning_display,
    }
