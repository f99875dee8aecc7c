"""Why: who may do what, in one table (tests/rules/test_permissions.py tests it as one).

Pure. A role counts inside its workspace; `ops` counts for the whole instance and
opens no workspace. A token never allows more than its user may do; its scopes allow
less. What needs a person at a browser (tokens, passwords) is in no scope.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from labeling.rules.states import Role


class Permission(StrEnum):
    """One thing that somebody may or may not do."""

    PROJECT_VIEW = "project.view"
    PROJECT_MANAGE = "project.manage"
    PROJECT_WORK = "project.work"
    ITEMS_VIEW = "items.view"
    ITEMS_IMPORT = "items.import"
    ITEMS_MANAGE = "items.manage"
    RESPONSES_VIEW = "responses.view"
    DISPUTE_SETTLE = "dispute.settle"
    FLAG_ANSWER = "flag.answer"
    PROGRESS_VIEW = "progress.view"
    QUOTA_SET = "quota.set"
    NOTICE_SEND = "notice.send"
    EXPORT_MAKE = "export.make"
    POLICY_USE = "policy.use"
    AUDIT_VIEW = "audit.view"
    PEOPLE_VIEW = "people.view"
    PEOPLE_MANAGE = "people.manage"
    WORKSPACE_MANAGE = "workspace.manage"
    FLEET_VIEW = "fleet.view"
    FLEET_STEER = "fleet.steer"
    ENDPOINT_MANAGE = "endpoint.manage"
    TOKENS_OWN = "tokens.own"


class Scope(StrEnum):
    """What an API token may be used for."""

    READ = "read"
    WORK = "work"
    MANAGE = "manage"
    OPS = "ops"


P = Permission

OPS_PERMISSIONS = frozenset({P.FLEET_VIEW, P.FLEET_STEER, P.ENDPOINT_MANAGE})
"""Instance-wide: no role gives them."""
PERSONAL_PERMISSIONS = frozenset({P.TOKENS_OWN})
"""What everybody may do with their own account, in a session only."""

_ANNOTATOR = frozenset({P.PROJECT_WORK})
_REVIEWER = _ANNOTATOR | {
    P.PROJECT_VIEW,
    P.ITEMS_VIEW,
    P.RESPONSES_VIEW,
    P.DISPUTE_SETTLE,
    P.FLAG_ANSWER,
    P.PROGRESS_VIEW,
}
_MANAGER = _REVIEWER | {
    P.PROJECT_MANAGE,
    P.ITEMS_IMPORT,
    P.ITEMS_MANAGE,
    P.QUOTA_SET,
    P.NOTICE_SEND,
    P.EXPORT_MAKE,
    P.POLICY_USE,
    P.AUDIT_VIEW,
    P.PEOPLE_VIEW,
    P.PEOPLE_MANAGE,
}
_OWNER = _MANAGER | {P.WORKSPACE_MANAGE}

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: _OWNER,
    Role.MANAGER: _MANAGER,
    Role.REVIEWER: _REVIEWER,
    Role.ANNOTATOR: _ANNOTATOR,
}

SCOPE_PERMISSIONS: dict[Scope, frozenset[Permission]] = {
    Scope.READ: frozenset(
        {
            P.PROJECT_VIEW,
            P.ITEMS_VIEW,
            P.RESPONSES_VIEW,
            P.PROGRESS_VIEW,
            P.AUDIT_VIEW,
            P.PEOPLE_VIEW,
            P.FLEET_VIEW,
        }
    ),
    Scope.WORK: frozenset({P.PROJECT_WORK}),
    Scope.MANAGE: _OWNER - {P.PROJECT_WORK},
    Scope.OPS: OPS_PERMISSIONS,
}

_STRENGTH = {role: rank for rank, role in enumerate(reversed(Role))}


def is_allowed(permission: Permission, role: Role | None, is_ops: bool = False) -> bool:
    """Tell whether somebody with this role in the workspace at hand may do it."""
    if permission in PERSONAL_PERMISSIONS:
        return True
    if permission in OPS_PERMISSIONS:
        return is_ops
    return role is not None and permission in ROLE_PERMISSIONS[role]


def is_in_scope(permission: Permission, scopes: Iterable[str] | None) -> bool:
    """Tell whether a token's scopes cover it; None is a session, which covers all.

    An unknown scope (of a newer version) covers nothing.
    """
    if scopes is None:
        return True
    known = {scope.value: allowed for scope, allowed in SCOPE_PERMISSIONS.items()}
    return any(permission in known.get(scope, ()) for scope in scopes)


def default_scopes(*, is_ops: bool) -> tuple[Scope, ...]:
    """Return the scopes that cover all a user may do."""
    return tuple(scope for scope in Scope if is_ops or scope is not Scope.OPS)


def roles_with(permission: Permission) -> tuple[Role, ...]:
    """Return the roles that a permission comes with, strongest first."""
    return tuple(role for role in Role if permission in ROLE_PERMISSIONS[role])


def is_weaker(role: Role, than: Role) -> bool:
    """Tell whether a role allows less than another."""
    return _STRENGTH[role] < _STRENGTH[than]


def can_give(giver: Role, role: Role) -> bool:
    """Tell whether a member may make somebody this, or take it away: up to their own role."""
    return is_allowed(P.PEOPLE_MANAGE, giver) and not is_weaker(giver, role)
