"""Scoped look-ups: outsiders learn nothing, members get what their role and token allow."""

from __future__ import annotations

from typing import Any

import pytest

from labeling.models import Project
from labeling.operations.projects import create_project
from labeling.operations.quotas import ensure_enrolment, set_enrolment_state
from labeling.operations.users import shut_out
from labeling.queries import access
from labeling.queries.people import annotator_of
from labeling.rules.permissions import ROLE_PERMISSIONS, Permission
from labeling.rules.states import EnrolmentState, Role, Template
from tests.cast import TEST, Cast

MEMBERS = {"olga": Role.OWNER, "maya": Role.MANAGER, "ravi": Role.REVIEWER, "ana": Role.ANNOTATOR}
IN_PROJECTS = sorted(frozenset().union(*ROLE_PERMISSIONS.values()))


@pytest.mark.parametrize("name", MEMBERS)
def test_members_get_exactly_what_the_matrix_says(
    cast: Cast, lab_project: Project, name: str
) -> None:
    user, role = getattr(cast, name), MEMBERS[name]
    for permission in IN_PROJECTS:
        if permission in ROLE_PERMISSIONS[role]:
            assert access.project_for(user, "cats", permission) == lab_project
            assert access.workspace_for(user, "lab", permission) == cast.lab
            assert lab_project in access.projects_of(user, permission)
        else:
            with pytest.raises(access.NotAllowed):
                access.project_for(user, "cats", permission)
            with pytest.raises(access.NotAllowed):
                access.workspace_for(user, "lab", permission)
            assert lab_project not in access.projects_of(user, permission)


@pytest.mark.parametrize("name", ["eve", "otto"])
def test_outsider_cannot_tell_a_project_from_none(
    cast: Cast, lab_project: Project, name: str
) -> None:
    user = getattr(cast, name)
    for permission in IN_PROJECTS:
        told = []
        for slug in ("cats", "no-such-project"):
            with pytest.raises(access.NoSuchProject) as error:
                access.project_for(user, slug, permission)
            told.append(str(error.value))
        assert told[0] == told[1]
        with pytest.raises(access.NoSuchWorkspace):
            access.workspace_for(user, "lab", permission)
        assert not access.projects_of(user, permission).filter(slug="cats").exists()


def test_token_never_allows_more_than_its_scopes(cast: Cast, lab_project: Project) -> None:
    assert access.project_for(cast.maya, "cats", Permission.PROJECT_VIEW, scopes=["read"])
    with pytest.raises(access.OutOfScope):
        access.project_for(cast.maya, "cats", Permission.PROJECT_MANAGE, scopes=["read", "work"])
    with pytest.raises(access.NotAllowed):
        access.project_for(cast.ana, "cats", Permission.PROJECT_MANAGE, scopes=["manage"])
    assert not access.projects_of(cast.maya, Permission.PROJECT_WORK, scopes=["read"]).exists()


def test_ops_steers_the_fleet_and_owners_do_not(cast: Cast) -> None:
    access.check_instance(cast.otto, Permission.FLEET_STEER)
    with pytest.raises(access.NotAllowed):
        access.check_instance(cast.olga, Permission.FLEET_VIEW)
    with pytest.raises(access.OutOfScope):
        access.check_instance(cast.otto, Permission.FLEET_STEER, scopes=["read"])
    shut_out(user=cast.otto, actor=TEST)
    with pytest.raises(access.NotAllowed):
        access.check_instance(cast.otto, Permission.FLEET_VIEW)


def test_shut_out_member_is_an_outsider(cast: Cast, lab_project: Project) -> None:
    shut_out(user=cast.ana, actor=TEST)
    with pytest.raises(access.NoSuchProject):
        access.project_for(cast.ana, "cats", Permission.PROJECT_WORK)


def test_restricted_project_is_for_the_enrolled(cast: Cast) -> None:
    project = create_project(
        name="Few",
        workspace=cast.lab,
        template=Template.CLASSIFICATION,
        config={"is_restricted": True},
        actor=TEST,
    )
    annotator = annotator_of(cast.ana, cast.lab)
    assert annotator is not None
    ensure_enrolment(project, annotator)
    assert access.project_for(cast.ana, "few", Permission.PROJECT_WORK) == project
    assert list(access.projects_of(cast.ana, Permission.PROJECT_WORK)) == [project]
    with pytest.raises(access.NotAllowed):
        access.project_for(cast.ben, "few", Permission.PROJECT_WORK)
    assert list(access.projects_of(cast.ben, Permission.PROJECT_WORK)) == []


def test_removed_annotator_has_lost_the_project(cast: Cast, lab_project: Project) -> None:
    annotator = access.annotator_for(cast.ana, lab_project)
    enrolment = ensure_enrolment(lab_project, annotator)
    set_enrolment_state(enrolment=enrolment, state=EnrolmentState.REMOVED, actor=TEST)
    with pytest.raises(access.NotAllowed):
        access.project_for(cast.ana, "cats", Permission.PROJECT_WORK)
    assert list(access.projects_of(cast.ana, Permission.PROJECT_WORK)) == []


def test_look_up_of_a_project_takes_three_queries(
    cast: Cast, lab_project: Project, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(3):
        access.project_for(cast.ana, "cats", Permission.PROJECT_WORK)
