"""Why: the first rows of a local stack: its model server, the default policies, the demo.

Every start calls it, so all of it is idempotent; a start with another port or model makes
the rows say that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from generation.models import Policy
from labeling.models import Workspace
from labeling.operations import demo
from labeling.operations.audit import Actor
from labeling.operations.policies import (
    NoModelKnown,
    ensure_default_endpoint,
    ensure_default_policies,
    grant_policy,
)


@dataclass(frozen=True, slots=True)
class LocalSetup:
    """What a start found or made. `problem` is a sentence about a model that is not known."""

    logins: tuple[dict[str, Any], ...]
    policies: tuple[str, ...]
    n_shut_out: int = 0
    problem: str = ""


def set_up_local(*, actor: Actor) -> LocalSetup:
    """Make the rows of LLM_BASE_URL, and of the demo where DEMO says so.

    A model server that does not answer is no error: the rest is made, and the next start
    goes on. Not to be called inside a transaction, as it may ask the server for its model.
    """
    policies, problem = _default_policies()
    for workspace in Workspace.objects.order_by("id"):
        for policy in policies:
            grant_policy(workspace=workspace, policy=policy, actor=actor)
    names = tuple(policy.name for policy in policies)
    if not settings.DEMO:
        return LocalSetup((), names, demo.shut_demo_out(actor=actor), problem)
    logins = demo.ensure_demo(policies=policies, actor=actor)
    return LocalSetup(tuple(_as_json(login) for login in logins), names, problem=problem)


def _default_policies() -> tuple[tuple[Policy, ...], str]:
    endpoint_id = ensure_default_endpoint()
    if endpoint_id is None:
        return (), ""
    try:
        return ensure_default_policies(endpoint_id), ""
    except NoModelKnown as error:
        return (), error.detail


def _as_json(login: demo.DemoLogin) -> dict[str, Any]:
    role = f"{login.role.value}, ops" if login.is_ops else login.role.value
    return {"email": login.email, "password": demo.PASSWORD, "role": role}
