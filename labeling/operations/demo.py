"""Why: the first minute of a new installation shows everything alive.

Only for a service that listens on this machine alone: the passwords are known to everybody.
Where the demo is switched off, its logins are shut out as long as they have that password.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generation.models import Policy
from labeling.exchange.readers import read_rows
from labeling.exchange.rows import ItemRow
from labeling.models import GenerationRequest, Project, User, Workspace
from labeling.operations import members, users
from labeling.operations.adding import add_items
from labeling.operations.audit import Actor
from labeling.operations.candidates import cancel_requests, request_candidates
from labeling.operations.projects import create_project
from labeling.operations.versions import set_slate
from labeling.rules.project_config import SlateLine
from labeling.rules.states import ProjectState, Role, Template

PROMPTS = Path(__file__).resolve().parent.parent / "demo" / "prompts.jsonl"
WORKSPACE = "demo"
PASSWORD = "try-quorum-now"  # noqa: S105  (it is printed on every start)


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """Somebody of the demo workspace."""

    email: str
    name: str
    role: Role
    is_ops: bool = False


@dataclass(frozen=True, slots=True)
class DemoProject:
    """A project of the demo; `rows` is the `metadata.project` of its prompts.

    `samples`: of the cool and the warm policy, as its template has it.
    """

    slug: str
    rows: str
    name: str
    template: Template
    overlap: int
    samples: tuple[int, ...]
    description: str


LOGINS = (
    DemoLogin("admin@demo.quorum", "Ada Admin", Role.OWNER, is_ops=True),
    DemoLogin("manager@demo.quorum", "Mona Manager", Role.MANAGER),
    DemoLogin("reviewer@demo.quorum", "Remy Reviewer", Role.REVIEWER),
    DemoLogin("ana@demo.quorum", "Ana", Role.ANNOTATOR),
    DemoLogin("ben@demo.quorum", "Ben", Role.ANNOTATOR),
    DemoLogin("chi@demo.quorum", "Chi", Role.ANNOTATOR),
)

PROJECTS = (
    DemoProject(
        "demo-better-answers",
        "better-answers",
        "Better answers",
        Template.PREFERENCE,
        3,
        (1, 1),
        "Which of two answers is better, and by how much? For a reward model or DPO.",
    ),
    DemoProject(
        "demo-ideal-answers",
        "ideal-answers",
        "Ideal answers",
        Template.DEMONSTRATION,
        2,
        (1,),
        "Edit the model's suggestion into the answer you would want. For fine-tuning.",
    ),
    DemoProject(
        "demo-ranked-answers",
        "ranked-answers",
        "Ranked answers",
        Template.RANKING,
        2,
        (2, 2),
        "Put four answers in order, ties allowed. For preference tuning over lists.",
    ),
)


def ensure_demo(*, policies: Sequence[Policy], actor: Actor) -> tuple[DemoLogin, ...]:
    """Make what is missing of the demo workspace; returns its logins.

    `policies` are the default ones, cool and warm; without any, items wait until a later
    start brings some. Not to be called inside a transaction (`create_project`).
    """
    workspace = Workspace.objects.filter(slug=WORKSPACE).first()
    if workspace is None:
        workspace = members.create_workspace(name="Demo", slug=WORKSPACE, actor=actor)
    for login in LOGINS:
        _ensure_login(workspace, login, actor)
    rows = _rows()
    for wanted in PROJECTS:
        project = _ensure_project(workspace, wanted, policies, actor)
        if project.state != ProjectState.ARCHIVED:
            own = [row for row in rows if row.metadata.get("project") == wanted.rows]
            add_items(project_id=project.pk, rows=own)
    return LOGINS


def shut_demo_out(*, actor: Actor) -> int:
    """Shut the demo's logins out that still have the known password; returns how many."""
    emails = [login.email for login in LOGINS]
    known = [
        user
        for user in User.objects.filter(email__in=emails, is_active=True).order_by("id")
        if user.check_password(PASSWORD)
    ]
    for user in known:
        users.shut_out(user=user, actor=actor)
    return len(known)


def _ensure_login(workspace: Workspace, login: DemoLogin, actor: Actor) -> None:
    user = User.objects.filter(email__iexact=login.email).first()
    if user is None:
        user = users.create_user(
            email=login.email,
            password=PASSWORD,
            name=login.name,
            is_ops=login.is_ops,
            is_staff=login.is_ops,
            actor=actor,
        )
        # Django's admin asks for permissions; nobody else is given any.
        User.objects.filter(pk=user.pk).update(is_superuser=login.is_ops)
        members.set_role(workspace=workspace, user=user, role=login.role, actor=actor)
    elif not user.is_active:
        users.let_in_again(user=user, actor=actor)


def _ensure_project(
    workspace: Workspace, wanted: DemoProject, policies: Sequence[Policy], actor: Actor
) -> Project:
    slate = [SlateLine(policy.name, n) for policy, n in zip(policies, wanted.samples, strict=False)]
    project = Project.objects.filter(workspace=workspace, slug=wanted.slug).first()
    if project is not None:
        if slate and project.state != ProjectState.ARCHIVED:
            _renew_slate(project, slate, actor)
        return project
    config: dict[str, Any] = {
        "slug": wanted.slug,
        "overlap": wanted.overlap,
        "description": wanted.description,
        "slate": [{"policy": line.policy, "samples": line.n_samples} for line in slate],
    }
    return create_project(
        name=wanted.name,
        workspace=workspace,
        template=wanted.template,
        config=config,
        actor=actor,
        activate=True,
    )


def _renew_slate(project: Project, slate: Sequence[SlateLine], actor: Actor) -> None:
    """Replace a slate none of whose policies still answers (another model, or there was none)."""
    entries = project.slate.entries.all() if project.slate else None
    if entries is not None and entries.filter(policy__state="active").exists():
        return
    set_slate(project=project, slate=slate, actor=actor)
    stopped = GenerationRequest.objects.filter(project=project, policy__state="stopped")
    cancel_requests(item_ids=list(stopped.values_list("item_id", flat=True)))
    if project.state in (ProjectState.ACTIVE, ProjectState.PAUSED):
        request_candidates(project_id=project.pk)


def _rows() -> list[ItemRow]:
    with PROMPTS.open("rb") as file:
        found = read_rows(file, filename=PROMPTS.name, format="native", mapping={})
        return [row for row in found if isinstance(row, ItemRow)]
