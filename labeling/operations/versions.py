"""Why: what of a project is versioned: its questions, guidelines and slate.

A version is never changed once it is there, for responses and candidates refer to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, Max, OuterRef

from generation.models import Policy
from labeling.errors import Invalid
from labeling.events import bus
from labeling.events.types import ProjectChanged
from labeling.models import (
    GenerationRequest,
    GuidelinesVersion,
    Item,
    Project,
    QuestionSet,
    SlateEntry,
    SlateVersion,
)
from labeling.operations.audit import Actor, record
from labeling.operations.candidates import request_candidates
from labeling.operations.policies import policy_for
from labeling.rules.project_config import MAX_TEXT_CHARS, SlateLine
from labeling.rules.questions import Question, parse_questions, to_wire
from labeling.rules.rendering import RENDERER_VERSION, render_markdown
from labeling.rules.states import ItemState, ProjectState


@dataclass(frozen=True)
class SlatePart:
    """A policy of a slate and how many answers it gives to each item."""

    policy: Policy
    n_samples: int


@transaction.atomic
def set_questions(*, project: Project, questions: object, actor: Actor) -> QuestionSet:
    """Give a project new questions, as managers write them.

    Tasks on desks keep the version they were handed out with.

    Raises: InvalidQuestions, with the path of each mistake.
    """
    parsed = parse_questions(questions)
    row = locked_project(project)
    before = row.questions.version if row.questions else None
    new = add_question_set(row, parsed)
    _note(row, actor, "project.questions_set", before, new.version)
    return new


@transaction.atomic
def set_guidelines(
    *, project: Project, text: str, is_major: bool, actor: Actor
) -> GuidelinesVersion:
    """Give a project new guidelines in Markdown.

    A major version is read and acknowledged before the next task is handed out.

    Raises: Invalid.
    """
    row = locked_project(project)
    before = row.guidelines.label if row.guidelines else None
    new = add_guidelines(row, text=text, is_major=is_major, actor=actor)
    _note(row, actor, "project.guidelines_set", before, new.label)
    return new


@transaction.atomic
def set_slate(*, project: Project, slate: Sequence[SlateLine], actor: Actor) -> SlateVersion:
    """Give a project a new slate.

    It is for items without any request: those that come, and those that waited for a slate.
    Items already asked about keep theirs.

    Raises: NoSuchPolicy, Invalid.
    """
    parts = [
        SlatePart(
            policy_for(
                workspace=project.workspace, name=line.policy, actor=actor, path=f"[{i}].policy"
            ),
            line.n_samples,
        )
        for i, line in enumerate(slate)
    ]
    row = locked_project(project)
    before = row.slate.version if row.slate else None
    new = add_slate(row, parts)
    _note(row, actor, "project.slate_set", before, new.version)
    if row.state in (ProjectState.ACTIVE, ProjectState.PAUSED):
        asked = GenerationRequest.objects.filter(item=OuterRef("pk"))
        unasked = Item.objects.filter(~Exists(asked), project=row, state=ItemState.WAITING)
        request_candidates(project_id=row.pk, item_ids=list(unasked.values_list("pk", flat=True)))
    return new


def add_question_set(project: Project, questions: Iterable[Question]) -> QuestionSet:
    """Insert the next version and point the project at it; the project's row is locked."""
    new = QuestionSet.objects.create(
        project=project,
        version=_next_version(project.question_sets.aggregate(Max("version"))["version__max"]),
        questions=[to_wire(question) for question in questions],
    )
    project.questions = new
    project.save(update_fields=["questions"])
    return new


def add_guidelines(
    project: Project, *, text: str, is_major: bool, actor: Actor
) -> GuidelinesVersion:
    """Insert the next version, rendered, and point the project at it (its row is locked).

    A project begins with 0.1: no major version, so nothing to acknowledge before work.

    Raises: Invalid.
    """
    if len(text) > MAX_TEXT_CHARS or "\x00" in text:
        raise Invalid(
            "The guidelines cannot be stored.",
            fields={"guidelines": f"At most {MAX_TEXT_CHARS} characters."},
        )
    last = project.guidelines_versions.order_by("-major", "-minor").first()
    major, minor = (last.major, last.minor) if last else (0, 0)
    major, minor = (major + 1, 0) if is_major else (major, minor + 1)
    new = GuidelinesVersion.objects.create(
        project=project,
        major=major,
        minor=minor,
        text=text,
        html=render_markdown(text),
        renderer_version=RENDERER_VERSION,
        created_by=actor.user,
    )
    project.guidelines = new
    project.save(update_fields=["guidelines"])
    return new


def add_slate(project: Project, parts: Sequence[SlatePart]) -> SlateVersion:
    """Insert the next version and point the project at it; the project's row is locked."""
    new = SlateVersion.objects.create(
        project=project,
        version=_next_version(project.slates.aggregate(Max("version"))["version__max"]),
    )
    SlateEntry.objects.bulk_create(
        SlateEntry(slate=new, policy=part.policy, n_samples=part.n_samples, position=position)
        for position, part in enumerate(parts)
    )
    project.slate = new
    project.save(update_fields=["slate"])
    return new


def locked_project(project: Project) -> Project:
    """Return a fresh row of the project, locked, with its workspace and versions."""
    rows = Project.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("workspace", "questions", "guidelines", "slate").get(pk=project.pk)


def _next_version(last: int | None) -> int:
    return (last or 0) + 1


def _note(
    project: Project, actor: Actor, action: str, before: int | str | None, after: int | str
) -> None:
    record(
        actor=actor,
        action=action,
        subject=project,
        project=project,
        before={"version": before},
        after={"version": after},
    )
    bus.publish(ProjectChanged(project.pk))
