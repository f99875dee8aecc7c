"""The permission matrix, read as a matrix: a change of who may do what shows here."""

from __future__ import annotations

import itertools
import random

import pytest

from labeling.errors import Conflict
from labeling.rules.permissions import (
    OPS_PERMISSIONS,
    PERSONAL_PERMISSIONS,
    SCOPE_PERMISSIONS,
    Permission,
    Scope,
    can_give,
    default_scopes,
    is_allowed,
    is_in_scope,
    is_weaker,
    roles_with,
)
from labeling.rules.pseudonyms import ANIMALS, TONES, draw_pseudonym
from labeling.rules.states import ProjectState, Role
from labeling.rules.transitions import NEXT_STATES, check_transition

O, M, R, A = Role.OWNER, Role.MANAGER, Role.REVIEWER, Role.ANNOTATOR  # noqa: E741

# permission: owner, manager, reviewer, annotator, ops who is no member
MATRIX = {
    "project.view": "omr..",
    "project.manage": "om...",
    "project.work": "omra.",
    "items.view": "omr..",
    "items.import": "om...",
    "items.manage": "om...",
    "responses.view": "omr..",
    "dispute.settle": "omr..",
    "flag.answer": "omr..",
    "progress.view": "omr..",
    "quota.set": "om...",
    "notice.send": "om...",
    "export.make": "om...",
    "policy.use": "om...",
    "audit.view": "om...",
    "people.view": "om...",
    "people.manage": "om...",
    "workspace.manage": "o....",
    "fleet.view": "....x",
    "fleet.steer": "....x",
    "endpoint.manage": "....x",
    "tokens.own": "omrax",
}


@pytest.mark.parametrize("permission", Permission)
def test_matrix_is_what_it_says(permission: Permission) -> None:
    allowed = "".join(
        letter if is_allowed(permission, role, is_ops=False) else "."
        for letter, role in zip("omra", (O, M, R, A), strict=True)
    )
    allowed += "x" if is_allowed(permission, None, is_ops=True) else "."
    assert allowed == MATRIX[permission]


@pytest.mark.parametrize("permission", Permission)
def test_outsider_may_nothing_but_own_tokens(permission: Permission) -> None:
    assert is_allowed(permission, None) == (permission in PERSONAL_PERMISSIONS)


@pytest.mark.parametrize(
    "permission", sorted(set(Permission) - OPS_PERMISSIONS - PERSONAL_PERMISSIONS)
)
def test_stronger_role_may_all_a_weaker_one_may(permission: Permission) -> None:
    allowed = [is_allowed(permission, role) for role in (O, M, R, A)]
    assert allowed == sorted(allowed, reverse=True)
    assert roles_with(permission) == tuple(role for role in Role if is_allowed(permission, role))


def test_every_permission_but_personal_ones_has_a_scope() -> None:
    assert frozenset().union(*SCOPE_PERMISSIONS.values()) == (
        set(Permission) - PERSONAL_PERMISSIONS
    )


def test_session_has_every_scope_and_a_token_only_its_own() -> None:
    assert is_in_scope(Permission.TOKENS_OWN, None)
    assert not is_in_scope(Permission.TOKENS_OWN, list(Scope))
    assert is_in_scope(Permission.PROJECT_WORK, ["work"])
    assert not is_in_scope(Permission.PROJECT_WORK, ["read", "manage"])
    assert not is_in_scope(Permission.EXPORT_MAKE, ["read", "work", "ops"])
    assert not is_in_scope(Permission.PROJECT_VIEW, [])


def test_unknown_scope_covers_nothing() -> None:
    assert not any(is_in_scope(permission, ["everything"]) for permission in Permission)


def test_default_scopes_have_ops_only_for_ops() -> None:
    assert default_scopes(is_ops=False) == (Scope.READ, Scope.WORK, Scope.MANAGE)
    assert default_scopes(is_ops=True) == tuple(Scope)


def test_members_give_roles_up_to_their_own() -> None:
    gives = {giver: {role for role in Role if can_give(giver, role)} for giver in Role}
    assert gives == {O: {O, M, R, A}, M: {M, R, A}, R: set(), A: set()}
    assert is_weaker(A, M)
    assert not is_weaker(M, M)


def test_pseudonyms_are_distinct_words() -> None:
    assert len(set(TONES)) == len(TONES)
    assert len(set(ANIMALS)) == len(ANIMALS)
    assert draw_pseudonym(random.Random(1)) == draw_pseudonym(random.Random(1))
    tone, animal, number = draw_pseudonym(random.Random(2)).split("-")
    assert (tone in TONES, animal in ANIMALS, 10 <= int(number) <= 99) == (True, True, True)


def test_project_lives_as_designed() -> None:
    life = ["draft", "active", "paused", "active", "paused", "finished", "archived"]
    for state, following in itertools.pairwise(life):
        check_transition(ProjectState(state), ProjectState(following))


@pytest.mark.parametrize("state", ProjectState)
def test_every_other_change_of_state_is_refused(state: ProjectState) -> None:
    for wanted in set(ProjectState) - set(NEXT_STATES[state]):
        with pytest.raises(Conflict):
            check_transition(state, wanted)
