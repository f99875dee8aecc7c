"""Projects: made from templates and configs, changed, and brought through their life."""

from __future__ import annotations

from typing import Any

import pytest

from generation import operations as generation
from generation.kinds import EndpointKind, EndpointState, Health, PolicyState
from generation.models import Endpoint, Policy
from generation.specs import FoundModel, ProbeReport
from labeling.errors import Conflict, DomainError, Invalid
from labeling.events.types import (
    ItemsFinished,
    NoticeSent,
    ProjectChanged,
    TaskRevoked,
    WorkAppeared,
)
from labeling.models import Assignment, AuditEntry, Candidate, GenerationRequest, Item, Project
from labeling.operations import drivers, policies, versions
from labeling.operations.assignments import claim_tasks
from labeling.operations.project_settings import change_settings
from labeling.operations.projects import SlugTaken, change_state, create_project, send_notice
from labeling.operations.quotas import ensure_enrolment
from labeling.queries.access import annotator_for
from labeling.rules.project_config import InvalidConfig, SlateLine, parse_config
from labeling.rules.states import ItemState, ProjectState, Template
from tests.cast import TEST, Cast, make_items

OWN = {"slate": [], "candidates_needed": 0}


def make(cast: Cast, template: Template = Template.PREFERENCE, **fields: Any) -> Project:
    return create_project(
        **{"name": "Cats", "workspace": cast.lab, "template": template, "actor": TEST, **fields}
    )


@pytest.fixture
def endpoint(db: None, settings: Any) -> Endpoint:
    """Return a model server that told its model."""
    settings.LLM_ALLOW_LOOPBACK = True
    row = generation.save_endpoint(
        name="local", base_url="http://127.0.0.1:9", kind=EndpointKind.OPENAI
    )
    report = ProbeReport(Health.UP, models=(FoundModel("smollm"),))
    generation.record_health(endpoint_id=row.pk, report=report)
    return row


def slate_of(project: Project) -> list[tuple[str, int]]:
    assert project.slate is not None
    entries = project.slate.entries.select_related("policy").order_by("position")
    return [(entry.policy.name, entry.n_samples) for entry in entries]


def hold(project: Project, user: Any, want: int = 1) -> list[Any]:
    """Have a user claim tasks."""
    enrolment = ensure_enrolment(project, annotator_for(user, project))
    return list(drivers.run(lambda: claim_tasks(enrolment_id=enrolment.pk, want=want)).tasks)


# --- making ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "slate", "needed"),
    [
        ("demonstration", [("local-cool", 1)], 0),
        ("preference", [("local-cool", 1), ("local-warm", 1)], 2),
        ("ranking", [("local-cool", 2), ("local-warm", 2)], 2),
        ("rating", [("local-cool", 1), ("local-warm", 1)], 1),
        ("classification", [], 0),
        ("rlhf", [("local-cool", 2), ("local-warm", 2)], None),
    ],
)
def test_template_brings_its_slate(
    cast: Cast, endpoint: Endpoint, template: str, slate: list[tuple[str, int]], needed: int | None
) -> None:
    project = make(cast, Template(template))
    assert slate_of(project) == slate
    assert needed in (None, project.candidates_needed)
    assert project.questions is not None
    assert project.guidelines is not None
    assert (project.state, project.guidelines.label) == ("draft", "0.1")


def test_default_policies_sample_cool_and_warm(cast: Cast, endpoint: Endpoint) -> None:
    make(cast)
    cool, warm = (Policy.objects.get(name=f"local-{how}") for how in ("cool", "warm"))
    assert cool.parameters == {"temperature": 0.3, "top_p": 0.95, "max_tokens": 160}
    assert warm.parameters["temperature"] == 1.0
    assert (cool.model, cool.endpoint) == ("smollm", endpoint)
    make(cast)
    assert Policy.objects.count() == 2


def test_without_endpoint_the_slate_is_empty_and_activation_succeeds(cast: Cast) -> None:
    project = make(cast, activate=True)
    assert slate_of(project) == []
    assert project.state == ProjectState.ACTIVE


def test_silent_endpoint_is_named(cast: Cast, endpoint: Endpoint) -> None:
    Endpoint.objects.update(models_found=[])
    with pytest.raises(policies.NoModelKnown) as error:
        make(cast)
    assert "local" in error.value.detail
    assert not Project.objects.exists()


def test_config_wins_over_the_template(cast: Cast) -> None:
    config = {
        **OWN,
        "slug": "My_cats",
        "overlap": 5,
        "lease_s": 60,
        "quotas": {"total": 100, "per_day": 20},
        "questions": [{"name": "ok", "type": "label", "options": ["yes", "no"]}],
        "guidelines": "# Be kind",
        "metadata_shown": ["topic"],
        "order_strategy": "random",
    }
    project = make(cast, config=config)
    assert (project.slug, project.overlap, project.lease_s) == ("My_cats", 5, 60)
    assert (project.quota_total, project.quota_day) == (100, 20)
    assert project.questions is not None
    assert project.questions.questions[0]["name"] == "ok"
    assert project.guidelines is not None
    assert "<h1" in project.guidelines.html
    assert (project.metadata_shown, project.order_strategy) == (["topic"], "random")


@pytest.mark.parametrize(
    ("config", "paths"),
    [
        ([], ["config"]),
        ({"overlaps": 3}, ["overlaps"]),
        ({"overlap": 0}, ["overlap"]),
        ({"overlap": True}, ["overlap"]),
        ({"overlap": "3"}, ["overlap"]),
        ({"overlap": 3, "overlap_max": 2}, ["overlap_max"]),
        ({"lease_s": 1.5}, ["lease_s"]),
        ({"slug": "a b"}, ["slug"]),
        ({"quotas": 3}, ["quotas"]),
        ({"quotas": {"total": -1, "daily": 3}}, ["quotas.daily", "quotas.total"]),
        ({"slate": {"policy": "x"}}, ["slate"]),
        ({"slate": [{"policy": "", "samples": 65}]}, ["slate[0].policy", "slate[0].samples"]),
        ({"slate": [{"policy": "x", "n": 1}]}, ["slate[0].n"]),
        ({"slate": ["x", {"policy": "x"}]}, ["slate[1].policy"]),
        ({"questions": []}, ["questions"]),
        ({"questions": [{"name": "a", "type": "label"}]}, ["questions[0].options"]),
        ({"gold_rate": 1.1}, ["gold_rate"]),
        ({"order_strategy": "best"}, ["order_strategy"]),
        ({"is_restricted": "no"}, ["is_restricted"]),
        ({"deadline_at": "2027-01-31"}, ["deadline_at"]),
        ({"guidelines": 3, "overlap": 101, "x": 1}, ["guidelines", "overlap", "x"]),
    ],
)
def test_every_mistake_of_a_config_is_named_by_its_path(config: Any, paths: list[str]) -> None:
    with pytest.raises(InvalidConfig) as error:
        parse_config(config)
    assert sorted(error.value.fields) == paths


def test_null_in_a_config_counts_as_absent() -> None:
    assert parse_config(dict.fromkeys(["slug", "overlap", "quotas", "slate"])) == parse_config({})


def test_overlap_max_below_the_templates_overlap_is_refused(cast: Cast) -> None:
    with pytest.raises(Invalid) as error:
        make(cast, config={**OWN, "overlap_max": 2})
    assert list(error.value.fields) == ["overlap_max"]


def test_unknown_or_foreign_policy_in_a_slate_is_refused(cast: Cast, endpoint: Endpoint) -> None:
    make(cast)  # gives the lab the default policies
    config = {"slate": [{"policy": "local-cool", "samples": 3}]}
    project = make(cast, config=config, actor=cast.actor(cast.maya))
    assert slate_of(project) == [("local-cool", 3)]
    with pytest.raises(policies.NoSuchPolicy) as error:
        make(cast, workspace=cast.elsewhere, config=config, actor=cast.actor(cast.eve))
    assert list(error.value.fields) == ["slate[0].policy"]
    generation.set_policy_state(
        policy_id=Policy.objects.get(name="local-cool").pk, state=PolicyState.STOPPED
    )
    with pytest.raises(policies.NoSuchPolicy):
        make(cast, config=config)


def test_slug_is_unique_over_all_workspaces(cast: Cast) -> None:
    assert [make(cast, config=OWN).slug for _ in range(3)] == ["cats", "cats-2", "cats-3"]
    with pytest.raises(SlugTaken) as error:
        make(cast, workspace=cast.elsewhere, config={**OWN, "slug": "cats"})
    assert error.value.fields == {"slug": "is taken"}
    assert make(cast, name="猫", config=OWN).slug == "project"


def test_default_endpoint_follows_the_settings(db: None, settings: Any) -> None:
    settings.LLM_ALLOW_LOOPBACK = True
    settings.LLM_BASE_URL, settings.LLM_MODEL = "http://127.0.0.1:9001/v1", "tiny"
    first = policies.ensure_default_endpoint()
    settings.LLM_BASE_URL = "http://127.0.0.1:9002/v1"
    assert policies.ensure_default_endpoint() == first
    assert Endpoint.objects.get().base_url == "http://127.0.0.1:9002/v1"
    assert [policy.model for policy in policies.default_policies()] == ["tiny", "tiny"]
    settings.LLM_BASE_URL = ""
    assert policies.ensure_default_endpoint() is None
    assert Endpoint.objects.get().state == EndpointState.PAUSED
    assert policies.default_policies() == ()


# --- life ---------------------------------------------------------------------------


def test_activation_requests_candidates_and_opens_what_needs_none(
    cast: Cast, endpoint: Endpoint, events: Any
) -> None:
    project = make(cast)
    bare, full = make_items(project, 2)
    Candidate.objects.bulk_create(
        Candidate(item=full, sample=n, turns=[{"text": "x"}], rendered=[]) for n in range(2)
    )
    with events() as heard:
        change_state(project=project, state=ProjectState.ACTIVE, actor=TEST)
    full.refresh_from_db()
    bare.refresh_from_db()
    assert (full.state, bare.state) == (ItemState.READY, ItemState.WAITING)
    assert full.place is not None
    assert GenerationRequest.objects.filter(item=bare).count() == 2
    assert not GenerationRequest.objects.filter(item=full).exists()
    assert WorkAppeared(project.pk, 3) in heard
    assert ProjectChanged(project.pk) in heard
    entry = AuditEntry.objects.get(action="project.state_changed")
    assert (entry.before, entry.after) == ({"state": "draft"}, {"state": "active"})


def test_pausing_and_finishing_take_tasks_back(
    cast: Cast, lab_project: Project, events: Any
) -> None:
    make_items(lab_project, 1)
    change_state(project=lab_project, state=ProjectState.PAUSED, actor=TEST)
    change_state(project=lab_project, state=ProjectState.ACTIVE, actor=TEST)
    hold(lab_project, cast.ana)
    with events() as heard:
        change_state(project=lab_project, state=ProjectState.PAUSED, actor=TEST)
    assert Assignment.objects.get().state == "revoked"
    assert [event.reason for event in heard if isinstance(event, TaskRevoked)] == ["paused"]
    assert hold(lab_project, cast.ben) == []
    change_state(project=lab_project, state=ProjectState.ACTIVE, actor=TEST)
    hold(lab_project, cast.ana)
    with events() as heard:
        project = change_state(project=lab_project, state=ProjectState.FINISHED, actor=TEST)
    assert Assignment.objects.get().state == "revoked"
    assert [event.reason for event in heard if isinstance(event, TaskRevoked)] == ["withdrawn"]
    assert project.finished_at is not None
    change_state(project=project, state=ProjectState.ACTIVE, actor=TEST)
    assert len(hold(lab_project, cast.ana)) == 1


def test_change_of_state_the_life_does_not_have_is_refused(
    cast: Cast, lab_project: Project
) -> None:
    with pytest.raises(Conflict):
        change_state(project=lab_project, state=ProjectState.ARCHIVED, actor=TEST)
    lab_project.refresh_from_db()
    assert lab_project.state == ProjectState.ACTIVE


# --- versions -----------------------------------------------------------------------


def test_questions_and_guidelines_get_versions(
    cast: Cast, lab_project: Project, events: Any
) -> None:
    with events() as heard:
        new = versions.set_questions(
            project=lab_project, questions=[{"name": "why", "type": "text"}], actor=TEST
        )
    assert (new.version, heard) == (2, [ProjectChanged(lab_project.pk)])
    labels = [
        versions.set_guidelines(
            project=lab_project, text="*Kind*", is_major=is_major, actor=TEST
        ).label
        for is_major in (False, True, False, True)
    ]
    assert labels == ["0.2", "1.0", "1.1", "2.0"]
    lab_project.refresh_from_db()
    assert lab_project.questions == new
    assert lab_project.guidelines is not None
    assert lab_project.guidelines.label == "2.0"
    with pytest.raises(Invalid) as error:
        versions.set_questions(project=lab_project, questions=[{"name": "x"}], actor=TEST)
    assert list(error.value.fields) == ["questions[0].type"]


def test_new_slate_is_for_items_that_were_never_asked_about(cast: Cast, endpoint: Endpoint) -> None:
    project = make(cast, activate=False)
    [asked] = make_items(project, 1)
    project = change_state(project=project, state=ProjectState.ACTIVE, actor=TEST)
    waiting = Item.objects.create(
        project=project, content_hash="x", overlap=3, messages=[], rendered=[]
    )
    versions.set_slate(project=project, slate=[SlateLine("local-warm", 4)], actor=TEST)
    requests = GenerationRequest.objects
    assert requests.filter(item=asked).count() == 2
    assert requests.filter(item=waiting, policy__name="local-warm").count() == 4
    project.refresh_from_db()
    assert project.slate is not None
    assert project.slate.version == 2


# --- settings -------------------------------------------------------------------------


def state_and_places(item: Item) -> tuple[str, int, int]:
    item.refresh_from_db()
    return item.state, item.overlap, item.n_taken


def test_overlap_is_raised_for_what_is_not_done(
    cast: Cast, lab_project: Project, events: Any
) -> None:
    ready, done, waiting = make_items(lab_project, 3)
    Item.objects.filter(pk=ready.pk).update(state="ready", place=1, n_taken=3, n_answered=2)
    Item.objects.filter(pk=done.pk).update(state="done", n_taken=3, n_answered=3)
    with events() as heard:
        change_settings(project=lab_project, changes={"overlap": 5}, actor=TEST)
    assert state_and_places(ready) == ("ready", 5, 3)
    assert state_and_places(done) == ("done", 3, 3)
    assert state_and_places(waiting) == ("waiting", 5, 0)
    assert ready.place is not None
    assert ready.place > 1
    assert WorkAppeared(lab_project.pk, 2) in heard


def test_overlap_is_never_lowered_below_what_is_taken(
    cast: Cast, lab_project: Project, events: Any
) -> None:
    taken, answered, fresh = make_items(lab_project, 3)
    Item.objects.filter(pk=taken.pk).update(state="ready", place=1, n_taken=2, n_answered=1)
    Item.objects.filter(pk=answered.pk).update(state="ready", place=2, n_taken=1, n_answered=1)
    Item.objects.filter(pk=fresh.pk).update(state="ready", place=3)
    with events() as heard:
        change_settings(project=lab_project, changes={"overlap": 1}, actor=TEST)
    assert state_and_places(taken) == ("ready", 2, 2)
    assert state_and_places(answered) == ("done", 1, 1)
    assert state_and_places(fresh) == ("ready", 1, 0)
    assert answered.done_at is not None
    assert ItemsFinished(lab_project.pk) in heard


def test_settings_are_changed_by_the_configs_keys(
    cast: Cast, lab_project: Project, events: Any
) -> None:
    changes = {"name": "Dogs", "lease_s": 60, "quotas": {"total": 9}}
    with events() as heard:
        project = change_settings(project=lab_project, changes=changes, actor=TEST)
    assert (project.name, project.lease_s, project.quota_total) == ("Dogs", 60, 9)
    assert heard == [ProjectChanged(project.pk)]
    entry = AuditEntry.objects.get(action="project.settings_changed")
    assert "Dogs" not in str(entry.after)
    with events() as heard:
        change_settings(project=lab_project, changes=changes, actor=TEST)
    assert heard == []


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        ({"slug": "dogs"}, ["slug"]),
        ({"questions": []}, ["questions"]),
        ({"overlap": 0}, ["overlap"]),
        ({"overlap_max": 2}, ["overlap_max"]),
        ({"name": " "}, ["name"]),
    ],
)
def test_settings_with_a_mistake_are_refused(
    cast: Cast, lab_project: Project, changes: dict[str, Any], paths: list[str]
) -> None:
    with pytest.raises(DomainError) as error:
        change_settings(project=lab_project, changes=changes, actor=TEST)
    assert list(error.value.fields) == paths


def test_notice_goes_to_a_project_or_to_one_annotator(
    cast: Cast, lab_project: Project, events: Any
) -> None:
    ana = annotator_for(cast.ana, lab_project)
    with events() as heard:
        all_of_them = send_notice(project=lab_project, text=" Tea! ", actor=TEST)
        one = send_notice(project=lab_project, text="Hi", annotator=ana, actor=TEST)
    assert all_of_them.text == "Tea!"
    assert heard == [
        NoticeSent(lab_project.pk, None, all_of_them.pk),
        NoticeSent(lab_project.pk, ana.pk, one.pk),
    ]
    with pytest.raises(Invalid):
        send_notice(project=lab_project, text=" ", actor=TEST)
