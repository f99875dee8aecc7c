"""`verify` is content with a database that lived, and finds each thing that is broken on purpose.

Each test is rolled back, so constraints may be dropped in it.
"""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from generation.models import Endpoint, Policy
from labeling.models import Candidate, GenerationRequest, Item, Project
from labeling.operations import drivers
from labeling.operations.assignments import claim_tasks, park_task, skip_task
from labeling.operations.responses import submit_response
from labeling.operations.returns import revoke_all_of
from labeling.queries.invariants import invariants, verify
from labeling.rules.vocabulary import RevokedReason, SkipReason
from tests.consensus.answering import amend, answer_all, answer_next, better, keys_of
from tests.desk.builders import Campaign, build_campaign

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign() -> Campaign:
    """A project in which everything happened that leaves a trace, and a second one."""
    made = build_campaign(n_items=5, n_annotators=4, overlap=2, quota_day=20, quota_total=20)
    quick, slow, late, idle = made.enrolments
    assignment = answer_next(quick, better(0))
    assert assignment is not None
    amend(assignment, better(1))
    [surplus] = drivers.run(lambda: claim_tasks(enrolment_id=late.id, want=1)).tasks
    revoke_all_of(reason=RevokedReason.TAKEN_OVER, enrolment_id=late.id)
    answer_all(quick, better(0))
    for _ in range(2):
        answer_next(slow, better(1))
    [skipped] = drivers.run(lambda: claim_tasks(enrolment_id=slow.id, want=1)).tasks
    drivers.run(
        lambda: skip_task(
            enrolment_id=slow.id,
            task=skipped.task,
            lease=skipped.lease,
            reason=SkipReason.UNCLEAR,
            note="",
            want=1,
        )
    )
    [parked] = drivers.run(lambda: claim_tasks(enrolment_id=idle.id, want=1)).tasks
    drivers.run(
        lambda: park_task(enrolment_id=idle.id, task=parked.task, lease=parked.lease, want=0)
    )
    Item.objects.filter(assignments__uid=surplus.task).update(overlap=2)
    answer_late(made, surplus)
    add_generated(made.project)
    build_campaign(slug="dogs", n_items=1, n_annotators=1)
    return made


def answer_late(made: Campaign, task: Any) -> None:
    """Send an answer under a lease that was revoked, when its slot was filled."""
    item = Item.objects.get(assignments__uid=task.task)
    before = (item.overlap, item.n_taken)
    Item.objects.filter(pk=item.pk).update(overlap=item.n_taken)
    drivers.run(
        lambda: submit_response(
            enrolment_id=made.enrolments[2].id,
            task=task.task,
            lease=task.lease,
            values=better(0)(item, keys_of(item.assignments.get(uid=task.task))),
            spent_ms=1,
            want=0,
            wants_surplus=True,
        )
    )
    Item.objects.filter(pk=item.pk).update(overlap=before[0])


def add_generated(project: Project) -> None:
    """Give one item a candidate of a policy, with its request."""
    endpoint = Endpoint.objects.create(name="e", base_url="http://e.test/v1", kind="vllm")
    policy = Policy.objects.create(name="p", endpoint=endpoint, model="m")
    item = Item.objects.create(
        project=project, content_hash="generated", overlap=2, messages=[], rendered=[]
    )
    GenerationRequest.objects.create(
        project=project, item=item, policy=policy, endpoint=endpoint, sample=0, state="done"
    )
    Candidate.objects.create(
        item=item,
        policy=policy,
        sample=0,
        turns=[{"text": "x"}],
        rendered=[{"text": "x", "html": "<p>x</p>"}],
    )


def run_sql(text: str) -> None:
    """Run statements as somebody would who goes round the constraints."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in text.split(";"):
            if statement.strip():
                cursor.execute(statement)


def copy_of(table: str, where: str, **changed: str) -> str:
    """Return SQL that inserts a row once more, with some columns changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table]
        )
        names = [row[0] for row in cursor.fetchall() if row[0] != "id"]
    changed = {"uid": "gen_random_uuid()", **changed}
    values = ", ".join(changed.get(name, f'"{name}"') for name in names)
    columns = ", ".join(f'"{name}"' for name in names)
    return f"INSERT INTO {table} ({columns}) SELECT {values} FROM {table} WHERE {where} LIMIT 1"


BREAKS: dict[str, str] = {
    "item_slots_add_up": "UPDATE labeling_item SET n_taken = n_taken - 1 WHERE id = "
    "(SELECT min(item_id) FROM labeling_assignment WHERE state = 'parked')",
    "item_never_over_overlap": "ALTER TABLE labeling_item DROP CONSTRAINT item_never_over;"
    "UPDATE labeling_item SET overlap = 1 WHERE n_taken = 2",
    "item_answers_add_up": "UPDATE labeling_item SET n_answered = n_answered - 1"
    " WHERE n_answered = 1",
    "response_stored_once": "ALTER TABLE labeling_response DROP CONSTRAINT response_stored_once;"
    "UPDATE labeling_response r SET lease = a.lease FROM labeling_assignment a"
    " WHERE a.id = r.assignment_id",
    "answer_has_one_current_response": "UPDATE labeling_response SET is_current = false"
    " WHERE revision = 2",
    "current_response_is_answered": "UPDATE labeling_assignment SET state = 'expired'"
    " WHERE id = (SELECT min(id) FROM labeling_assignment WHERE state = 'answered')",
    "newest_revision_is_current": "DROP INDEX response_one_current;"
    "UPDATE labeling_response SET is_current = (revision = 1)",
    "surplus_is_kept": "DELETE FROM labeling_response WHERE is_surplus",
    "enrolment_counts_add_up": "UPDATE labeling_enrolment SET n_answered = n_answered + 1,"
    " n_counted = n_counted + 1 WHERE n_answered = 2",
    "day_counts_add_up": "DELETE FROM labeling_daycount WHERE n_answered = 2",
    "quota_never_exceeded": "ALTER TABLE labeling_daycount DROP CONSTRAINT"
    " day_count_never_over_quota; UPDATE labeling_daycount SET cap = 1 WHERE n_counted > 1",
    "request_has_candidate": "DELETE FROM labeling_candidate WHERE policy_id IS NOT NULL",
    "candidate_has_request": "UPDATE labeling_generationrequest SET state = 'pending'",
    "candidate_answers_every_turn": "UPDATE labeling_item SET n_open_turns = 2"
    " WHERE external_id = 'q1'",
    "ready_item_lacks_nothing": "UPDATE labeling_project SET candidates_needed = 3",
    "done_item_is_complete": "UPDATE labeling_item SET done_at = NULL WHERE state = 'done'",
    "ready_item_has_open_slots": "UPDATE labeling_item SET state = 'ready' WHERE state = 'done'",
    "assignment_belongs_together": "UPDATE labeling_assignment SET questions_id = 999999"
    " WHERE state = 'parked'",
    "response_belongs_together": "UPDATE labeling_response SET annotator_id = 999999"
    " WHERE is_surplus",
    "shown_candidates_are_the_items": "UPDATE labeling_assignment SET"
    " shown = ARRAY[shown[1], shown[1]] WHERE state = 'parked'",
    "workspaces_stay_apart": "INSERT INTO labeling_workspace (uid, created_at, name, slug)"
    " VALUES (gen_random_uuid(), now(), 'x', 'x'); UPDATE labeling_annotator SET workspace_id ="
    " (SELECT id FROM labeling_workspace WHERE slug = 'x') WHERE pseudonym = 'cats-ann-0'",
    "item_is_rendered": 'UPDATE labeling_item SET rendered = \'[{"role": "user"}]\''
    " WHERE external_id = 'q4'",
    "candidate_is_rendered": "UPDATE labeling_candidate SET rendered = '[]' WHERE policy_id > 0",
}
NOT_BY_TEXT = {"nobody_twice", "candidate_unique"}


def test_database_that_lived_is_clean(campaign: Campaign) -> None:
    found = verify()
    assert found.broken == {}
    assert found.is_ok
    assert verify(campaign.project.pk).broken == {}
    assert sorted(campaign.item_states()) == ["done", "ready", "waiting"]
    states = set(campaign.project.assignments.values_list("state", flat=True))
    assert states == {"answered", "parked", "skipped", "surplus", "held"}


def test_every_invariant_is_broken_by_a_test_and_says_what_holds() -> None:
    names = {one.name for one in invariants() if not one.is_information}
    assert names == BREAKS.keys() | NOT_BY_TEXT
    assert all(one.sentence.endswith(".") for one in invariants())


@pytest.mark.parametrize("name", BREAKS)
def test_broken_on_purpose_is_found(campaign: Campaign, name: str) -> None:
    run_sql(BREAKS[name])
    assert verify().broken.get(name, 0) > 0
    assert verify(campaign.project.pk).broken.get(name, 0) > 0
    dogs = Project.objects.get(slug="dogs")
    assert verify(dogs.pk).broken.keys() <= {"ready_item_lacks_nothing"}


def test_somebody_with_an_item_twice_is_found(campaign: Campaign) -> None:
    run_sql(
        "ALTER TABLE labeling_assignment DROP CONSTRAINT assignment_once_per_annotator;"
        + copy_of("labeling_assignment", "state = 'skipped'")
    )
    assert verify().broken == {"nobody_twice": 1}


def test_second_candidate_of_a_policys_sample_is_found(campaign: Campaign) -> None:
    run_sql("DROP INDEX candidate_of_policy;" + copy_of("labeling_candidate", "policy_id > 0"))
    assert verify().broken == {"candidate_unique": 1}


def test_what_a_sweep_will_do_is_information(campaign: Campaign) -> None:
    run_sql(
        "UPDATE labeling_assignment SET expires_at = now() - interval '2 minutes';"
        "UPDATE labeling_item SET done_at = now() - interval '2 minutes' WHERE state = 'done';"
        "UPDATE labeling_enrolment SET frontier = 9223372036854775807"
    )
    found = verify(campaign.project.pk)
    assert found.is_ok
    assert found.information["leases_overdue"] == 2
    assert found.information["consensus_overdue"] > 0
    assert found.information["behind_frontier"] > 0


def test_command_prints_the_pinned_keys_and_fails_when_one_is_broken(campaign: Campaign) -> None:
    out = StringIO()
    call_command("verify", "--json", stdout=out, stderr=StringIO())
    assert json.loads(out.getvalue())["ok"] is True
    assert json.loads(out.getvalue())["broken"] == {}
    run_sql(BREAKS["surplus_is_kept"])
    out, said = StringIO(), StringIO()
    with pytest.raises(CommandError, match="1 of"):
        call_command("verify", "cats", "--json", stdout=out, stderr=said)
    assert json.loads(out.getvalue())["broken"] == {"surplus_is_kept": 1}
    assert "BROKEN surplus_is_kept: 1 rows." in said.getvalue()
    with pytest.raises(CommandError, match="no project"):
        call_command("verify", "nothing", stdout=StringIO(), stderr=StringIO())


def test_one_query_for_each_invariant(campaign: Campaign, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(len(invariants())):
        verify()


def test_every_statement_can_be_scoped_to_a_project() -> None:
    text = (Path(__file__).parents[2] / "labeling/queries/invariants.sql").read_text("utf-8")
    bodies = re.split(r"^-- name: \w+$", text, flags=re.MULTILINE)[1:]
    assert all("%(project)s" in body for body in bodies)
