"""Why: projects are made from a template and a config, and go through their life.

What is versioned (questions, guidelines, slate) is in versions.py, settings of a running
project in project_settings.py. The project's row is locked first; tasks are taken back
after the commit, for their locks come in another order (members.py says why).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from generation.models import Policy
from labeling.errors import Conflict, Invalid
from labeling.events import bus
from labeling.events.types import NoticeSent, ProjectChanged
from labeling.models import Annotator, Notice, Project, Workspace
from labeling.operations.audit import Actor, record
from labeling.operations.candidates import request_candidates
from labeling.operations.policies import default_policies, grant_policy, policy_for
from labeling.operations.returns import revoke_all_of
from labeling.operations.slots import open_ready_items
from labeling.operations.slugs import free_slug
from labeling.operations.versions import (
    SlatePart,
    add_guidelines,
    add_question_set,
    add_slate,
    locked_project,
)
from labeling.rules.project_config import MAX_NAME_CHARS, ProjectConfig, parse_config
from labeling.rules.states import ProjectState, Template
from labeling.rules.templates import ProjectTemplate, get_template
from labeling.rules.transitions import CLOSED_STATES, check_transition
from labeling.rules.vocabulary import RevokedReason

MAX_SLUG_CHARS = 120
MAX_NOTICE_CHARS = 4_000


class SlugTaken(Conflict):
    """Another project, perhaps of another workspace, has this slug."""


class NotReady(Conflict):
    """A project that lacks something cannot become active."""


def create_project(
    *,
    name: str,
    workspace: Workspace,
    template: Template,
    actor: Actor,
    config: Mapping[str, Any] | None = None,
    activate: bool = False,
) -> Project:
    """Make a project from a template, with what the config says otherwise.

    Asks the default model server for its model where that is not known yet, so it is not
    to be called inside a transaction.

    Raises: InvalidConfig (with paths), SlugTaken, NoSuchPolicy, NoModelKnown.
    """
    wanted = parse_config(config or {})
    name = (wanted.name or name).strip()
    if not name or len(name) > MAX_NAME_CHARS:
        raise Invalid(
            "A project needs a name.", fields={"name": f"1 to {MAX_NAME_CHARS} characters."}
        )
    spec = get_template(template)
    needs_default = wanted.slate is None and spec.slate.n_policies
    defaults = default_policies() if needs_default else ()
    with transaction.atomic():
        parts = _slate_parts(wanted, spec, defaults, workspace, actor)
        project = _insert_project(name, workspace, template, wanted, spec, actor)
        add_question_set(project, wanted.questions or spec.questions)
        add_guidelines(
            project,
            text=spec.guidelines if wanted.guidelines is None else wanted.guidelines,
            is_major=False,
            actor=actor,
        )
        add_slate(project, parts)
        record(
            actor=actor,
            action="project.created",
            subject=project,
            project=project,
            after={"slug": project.slug, "template": template.value, "overlap": project.overlap},
        )
    if activate:
        project = change_state(project=project, state=ProjectState.ACTIVE, actor=actor)
    return project


def change_state(*, project: Project, state: ProjectState, actor: Actor) -> Project:
    """Bring a project to another state, with all that follows from it.

    Active: what waiting items lack is requested, and those that lack nothing open, in the
    same transaction. Paused, finished or archived: tasks come back from the desks; drafts
    stay, and come again with their tasks when the project is resumed.

    Raises: StateRefused, NotReady.
    """
    with transaction.atomic():
        row = locked_project(project)
        before = ProjectState(row.state)
        check_transition(before, state)
        if state is ProjectState.ACTIVE and row.questions_id is None:
            raise NotReady("The project has no questions yet.")
        row.state = state.value
        changed = ["state"]
        if state is ProjectState.ACTIVE:
            row.finished_at = None
            changed.append("finished_at")
            if row.activated_at is None:
                row.activated_at = Now()
                changed.append("activated_at")
        elif state is ProjectState.FINISHED:
            row.finished_at = Now()
            changed.append("finished_at")
        row.save(update_fields=changed)
        record(
            actor=actor,
            action="project.state_changed",
            subject=row,
            project=row,
            before={"state": before.value},
            after={"state": state.value},
        )
        if state is ProjectState.ACTIVE:
            request_candidates(project_id=row.pk)
            open_ready_items(project_id=row.pk)
        bus.publish(ProjectChanged(row.pk))
    if state is ProjectState.PAUSED:
        revoke_all_of(reason=RevokedReason.PAUSED, project_id=row.pk)
    elif state in CLOSED_STATES:
        revoke_all_of(reason=RevokedReason.WITHDRAWN, project_id=row.pk)
    row.refresh_from_db()
    return row


@transaction.atomic
def send_notice(
    *, project: Project, text: str, actor: Actor, annotator: Annotator | None = None
) -> Notice:
    """Write to all desks of a project, or to one annotator's.

    Raises: Invalid.
    """
    text = text.strip()
    if not text or len(text) > MAX_NOTICE_CHARS:
        raise Invalid(
            "A notice needs a text.", fields={"text": f"1 to {MAX_NOTICE_CHARS} characters."}
        )
    if annotator is not None and annotator.workspace_id != project.workspace_id:
        raise Invalid("This annotator is not in the project's workspace.")
    notice = Notice.objects.create(
        project=project, annotator=annotator, text=text, created_by=actor.user
    )
    record(actor=actor, action="notice.sent", subject=notice, project=project)
    bus.publish(NoticeSent(project.pk, annotator.pk if annotator else None, notice.pk))
    return notice


def _insert_project(
    name: str,
    workspace: Workspace,
    template: Template,
    wanted: ProjectConfig,
    spec: ProjectTemplate,
    actor: Actor,
) -> Project:
    settings = {
        "candidates_needed": spec.candidates_needed,
        "overlap": spec.overlap,
        **wanted.settings,
    }
    quotas = wanted.quotas
    row = Project(
        name=name,
        workspace=workspace,
        template=template.value,
        created_by=actor.user,
        quota_total=quotas.total if quotas else None,
        quota_day=quotas.per_day if quotas else None,
        **settings,
    )
    if row.overlap_max is not None and row.overlap_max < row.overlap:
        raise Invalid(
            "The config has a mistake.",
            fields={"overlap_max": f"Must be at least overlap ({row.overlap})."},
        )
    row.slug = wanted.slug or free_slug(
        Project.objects.all(), name, default="project", max_chars=MAX_SLUG_CHARS
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise SlugTaken(
            "Another project has this slug; choose another.", fields={"slug": "is taken"}
        ) from None
    return row


def _slate_parts(
    wanted: ProjectConfig,
    spec: ProjectTemplate,
    defaults: tuple[Policy, ...],
    workspace: Workspace,
    actor: Actor,
) -> list[SlatePart]:
    if wanted.slate is None:
        parts = [
            SlatePart(policy, spec.slate.n_samples) for policy in defaults[: spec.slate.n_policies]
        ]
        for part in parts:
            grant_policy(workspace=workspace, policy=part.policy, actor=actor)
        return parts
    return [
        SlatePart(
            policy_for(
                workspace=workspace, name=line.policy, actor=actor, path=f"slate[{i}].policy"
            ),
            line.n_samples,
        )
        for i, line in enumerate(wanted.slate)
    ]
