"""Every address × every method × everybody: what rules/permissions.py says, and nothing else.

A route without a line in `MATRIX` fails. What is allowed may still be refused for another
reason (an empty body, a state): only 401, 403 and 404 are refusals here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, reverse

from generation.models import Endpoint, Policy
from labeling.api import urls
from labeling.api.views import ApiView
from labeling.models import (
    Enrolment,
    ImportRun,
    Invitation,
    Membership,
    Process,
    Project,
    QueueDepth,
    Snapshot,
    User,
)
from labeling.operations.invitations import invite
from labeling.operations.quotas import ensure_enrolment
from labeling.operations.tokens import create_token
from labeling.queries.people import annotator_of
from labeling.rules.permissions import (
    OPS_PERMISSIONS,
    Permission,
    Scope,
    is_allowed,
    is_in_scope,
)
from labeling.rules.states import ProcessKind, Role
from tests.api.client import BASE, Api
from tests.cast import TEST, Cast, make_items

pytestmark = pytest.mark.django_db
P = Permission
PUBLIC, ANYBODY, OWN = "public", "anybody logged in", "a person at a browser"

MATRIX: dict[tuple[str, str], Permission | str] = {
    ("index", "GET"): PUBLIC,
    ("schema", "GET"): PUBLIC,
    ("docs", "GET"): PUBLIC,
    ("me", "GET"): ANYBODY,
    ("me", "PATCH"): OWN,
    ("tokens", "GET"): OWN,
    ("tokens", "POST"): OWN,
    ("token", "DELETE"): OWN,
    ("templates", "GET"): ANYBODY,
    ("workspaces", "GET"): ANYBODY,
    ("workspace", "GET"): P.PROJECT_VIEW,
    ("workspace", "PATCH"): P.WORKSPACE_MANAGE,
    ("members", "GET"): P.PEOPLE_VIEW,
    ("member", "PUT"): P.PEOPLE_MANAGE,
    ("member", "DELETE"): P.PEOPLE_MANAGE,
    ("invitations", "GET"): P.PEOPLE_MANAGE,
    ("invitations", "POST"): P.PEOPLE_MANAGE,
    ("invitation", "DELETE"): P.PEOPLE_MANAGE,
    ("workspace-policies", "GET"): P.POLICY_USE,
    ("projects", "GET"): ANYBODY,
    ("projects", "POST"): P.PROJECT_MANAGE,
    ("project", "GET"): P.PROJECT_VIEW,
    ("project", "PATCH"): P.PROJECT_MANAGE,
    ("project-activate", "POST"): P.PROJECT_MANAGE,
    ("project-pause", "POST"): P.PROJECT_MANAGE,
    ("project-resume", "POST"): P.PROJECT_MANAGE,
    ("project-finish", "POST"): P.PROJECT_MANAGE,
    ("project-archive", "POST"): P.PROJECT_MANAGE,
    ("questions", "GET"): P.PROJECT_VIEW,
    ("questions", "PUT"): P.PROJECT_MANAGE,
    ("guidelines", "GET"): P.PROJECT_VIEW,
    ("guidelines", "PUT"): P.PROJECT_MANAGE,
    ("slate", "GET"): P.PROJECT_VIEW,
    ("slate", "PUT"): P.PROJECT_MANAGE,
    ("generate", "POST"): P.PROJECT_MANAGE,
    ("progress", "GET"): P.PROGRESS_VIEW,
    ("agreement", "GET"): P.PROGRESS_VIEW,
    ("notices", "GET"): P.NOTICE_SEND,
    ("notices", "POST"): P.NOTICE_SEND,
    ("audit", "GET"): P.AUDIT_VIEW,
    ("items", "GET"): P.ITEMS_VIEW,
    ("items", "POST"): P.ITEMS_IMPORT,
    ("item", "GET"): P.ITEMS_VIEW,
    ("item-withdraw", "POST"): P.ITEMS_MANAGE,
    ("item-priority", "PUT"): P.ITEMS_MANAGE,
    ("item-one-more", "POST"): P.ITEMS_MANAGE,
    ("item-gold", "PUT"): P.ITEMS_MANAGE,
    ("item-gold", "DELETE"): P.ITEMS_MANAGE,
    ("imports", "GET"): P.ITEMS_IMPORT,
    ("imports", "POST"): P.ITEMS_IMPORT,
    ("import", "GET"): P.ITEMS_IMPORT,
    ("responses", "GET"): P.RESPONSES_VIEW,
    ("snapshots", "GET"): P.EXPORT_MAKE,
    ("snapshots", "POST"): P.EXPORT_MAKE,
    ("snapshot", "GET"): P.EXPORT_MAKE,
    ("snapshot-archive", "GET"): P.EXPORT_MAKE,
    ("snapshot-file", "GET"): P.EXPORT_MAKE,
    ("quotas", "GET"): P.PROGRESS_VIEW,
    ("quotas", "PUT"): P.QUOTA_SET,
    ("quotas", "POST"): P.QUOTA_SET,
    ("quota", "PUT"): P.QUOTA_SET,
    ("quota-state", "PUT"): P.QUOTA_SET,
    ("tasks", "GET"): P.PROJECT_WORK,
    ("task-claim", "POST"): P.PROJECT_WORK,
    ("task-acknowledge", "POST"): P.PROJECT_WORK,
    ("task-submit", "POST"): P.PROJECT_WORK,
    ("task-draft", "POST"): P.PROJECT_WORK,
    ("task-skip", "POST"): P.PROJECT_WORK,
    ("task-release", "POST"): P.PROJECT_WORK,
    ("task-park", "POST"): P.PROJECT_WORK,
    ("task-flag", "POST"): P.PROJECT_WORK,
    ("task-active", "POST"): P.PROJECT_WORK,
    ("task-amend", "POST"): P.PROJECT_WORK,
    ("fleet", "GET"): P.FLEET_VIEW,
    ("fleet-process", "PUT"): P.FLEET_STEER,
    ("fleet-queue", "PUT"): P.FLEET_STEER,
    ("endpoints", "GET"): P.ENDPOINT_MANAGE,
    ("endpoints", "POST"): P.ENDPOINT_MANAGE,
    ("endpoint", "GET"): P.ENDPOINT_MANAGE,
    ("endpoint", "PUT"): P.ENDPOINT_MANAGE,
    ("endpoint-state", "PUT"): P.ENDPOINT_MANAGE,
    ("endpoint-confirm", "POST"): P.ENDPOINT_MANAGE,
    ("policies", "GET"): P.ENDPOINT_MANAGE,
    ("policies", "POST"): P.ENDPOINT_MANAGE,
    ("policy", "GET"): P.ENDPOINT_MANAGE,
    ("policy-state", "PUT"): P.ENDPOINT_MANAGE,
    ("policy-workspace", "PUT"): P.ENDPOINT_MANAGE,
    ("policy-workspace", "DELETE"): P.ENDPOINT_MANAGE,
}
NOT_A_ROUTE = {"no-such-address"}
METHODS = ("get", "post", "put", "patch", "delete")
BODIES = {
    ("projects", "POST"): {"workspace": "lab", "name": "New", "template": "classification"},
}


@dataclass(frozen=True)
class Person:
    """Somebody who asks; `scopes` of the token they come with, None for a session."""

    name: str
    user: str | None
    role: Role | None = None
    is_ops: bool = False
    scopes: tuple[str, ...] | None = None


PEOPLE = (
    Person("anonymous", None),
    Person("owner", "olga", Role.OWNER),
    Person("manager", "maya", Role.MANAGER),
    Person("reviewer", "ravi", Role.REVIEWER),
    Person("annotator", "ana", Role.ANNOTATOR),
    Person("outsider", "eve"),
    Person("ops", "otto", is_ops=True),
    *(Person(f"owner's {s} token", "olga", Role.OWNER, scopes=(s.value,)) for s in Scope),
    *(Person(f"ops' {s} token", "otto", is_ops=True, scopes=(s.value,)) for s in Scope),
    Person("annotator's tokens", "ana", Role.ANNOTATOR, scopes=tuple(s.value for s in Scope)),
    Person("outsider's tokens", "eve", scopes=tuple(s.value for s in Scope)),
)


def patterns() -> Iterator[URLPattern]:
    """Yield every address of labeling.api."""
    left: list[Any] = list(urls.urlpatterns)
    while left:
        entry = left.pop()
        if isinstance(entry, URLResolver):
            left.extend(entry.url_patterns)
        else:
            yield entry


def routes() -> Iterator[tuple[str, type[Any]]]:
    """Yield every address's name with its view's class."""
    for pattern in patterns():
        assert pattern.name, f"{pattern.pattern} has no name"
        yield pattern.name, pattern.callback.view_class  # type: ignore[attr-defined]


def test_every_route_and_method_is_in_the_matrix() -> None:
    found = {
        (name, method.upper())
        for name, view in routes()
        if name not in NOT_A_ROUTE
        for method in METHODS
        if hasattr(view, method)
    }
    assert found == set(MATRIX)


def test_every_view_is_one_of_ours_or_public() -> None:
    for name, view in routes():
        assert issubclass(view, ApiView) or MATRIX.get((name, "GET")) == PUBLIC, name


@pytest.fixture
def places(cast: Cast, lab_project: Project) -> dict[str, str]:
    """Return something real for each argument of an address."""
    olga = annotator_of(cast.olga, cast.lab)
    assert olga is not None
    enrolment: Enrolment = ensure_enrolment(lab_project, olga)
    [item] = make_items(lab_project, 1)
    run = ImportRun.objects.create(project=lab_project, name="cats.jsonl")
    snapshot = Snapshot.objects.create(project=lab_project, format="raw")
    endpoint = Endpoint.objects.create(
        name="there", base_url="http://there.example/v1", kind="vllm"
    )
    policy = Policy.objects.create(name="cool", endpoint=endpoint, model="m")
    Process.objects.create(name="worker@a", kind=ProcessKind.WORKER.value)
    QueueDepth.objects.create(queue="general")
    ben = Membership.objects.get(user=cast.ben)
    invitation: Invitation = invite(workspace=cast.lab, role=Role.ANNOTATOR, actor=TEST).invitation
    return {
        "token": str(item.uid),
        "slug": lab_project.slug,
        "workspace": cast.lab.slug,
        "task": str(item.uid),
        "item": str(item.uid),
        "run": str(run.uid),
        "snapshot": str(snapshot.uid),
        "enrolment": str(enrolment.uid),
        "member": str(ben.uid),
        "invitation": str(invitation.uid),
        "endpoint": str(endpoint.uid),
        "policy": str(policy.uid),
        "process": "worker@a",
        "queue": "general",
        "name": "manifest.json",
    }


@pytest.mark.parametrize("person", PEOPLE, ids=[person.name for person in PEOPLE])
def test_everybody_gets_what_the_rules_say(
    person: Person, cast: Cast, places: dict[str, str]
) -> None:
    user: User | None = getattr(cast, person.user) if person.user else None
    api = Api(user, scopes=person.scopes)
    if user is not None:
        places["token"] = str(create_token(user=user, actor=TEST).token.uid)
    wrong = []
    for (name, method), needed in MATRIX.items():
        with transaction.atomic():
            status, answer = _ask(api, name, method, places)
            transaction.set_rollback(True)
        refused = status if status in (401, 403, 404) else None
        if name == "task-amend" and answer.get("detail") == "You have no such task.":
            refused = None
        if refused != _expected(needed, person) or status >= 500:
            wrong.append((name, method, status, answer))
    assert not wrong


def _ask(api: Api, name: str, method: str, places: dict[str, str]) -> tuple[int, dict[str, Any]]:
    path = reverse(f"api:{name}", kwargs=_arguments(name, places))
    body = None if method in ("GET", "DELETE") else BODIES.get((name, method), {})
    if not path.startswith(BASE):  # the schema, and the page that shows it
        return api.client.generic(method, path).status_code, {}
    answer = api.call(method, path.removeprefix(BASE), body)
    return api.last.status_code, answer or {}


def _arguments(name: str, places: dict[str, str]) -> dict[str, str]:
    [pattern] = [entry for entry in patterns() if entry.name == name]
    return {argument: places[argument] for argument in pattern.pattern.converters}


def _expected(needed: Permission | str, person: Person) -> int | None:
    """Return the refusal to expect, None for none."""
    if needed == PUBLIC:
        return None
    if person.user is None:
        return 401
    if needed == ANYBODY:
        return None
    if needed == OWN:
        return None if person.scopes is None else 403
    assert isinstance(needed, Permission)
    if needed not in OPS_PERMISSIONS and person.role is None:
        return 404  # not even that it exists
    may = is_allowed(needed, person.role, person.is_ops) and is_in_scope(needed, person.scopes)
    return None if may else 403


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_unknown_addresses_are_not_found_in_json(cast: Cast, method: str) -> None:
    for path in ("nothing/", "projects", "projects/cats/tasks/claim"):
        answer = Api(cast.maya).call(method, path, status=404)
        assert answer["code"] == "not_found"
