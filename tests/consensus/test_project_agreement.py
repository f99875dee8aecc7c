"""Agreement in a project is the pure computation's, over what counts."""

from __future__ import annotations

import json
from collections import Counter
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from labeling.agreement.alpha import alpha
from labeling.agreement.ratings import Rating
from labeling.models import Candidate, Item, Response
from labeling.queries import agreement
from labeling.queries.agreement import annotator_agreement, project_agreement
from tests.agreement.conftest import _file
from tests.consensus.answering import amend, answer_all, answer_next, better, run_campaign
from tests.desk.builders import build_campaign

pytestmark = pytest.mark.django_db(transaction=True)

PANDALM: dict[int, int | str] = {0: "tie", 1: 0, 2: 1}
N_PAIRS = 120


@pytest.fixture(autouse=True)
def forget() -> None:
    agreement._remembered.clear()


def test_judgments_of_real_people_through_the_desk_give_the_pure_alpha() -> None:
    rows = json.loads(_file("pandalm/testset-v1.json").read_text(encoding="utf-8"))[:N_PAIRS]
    campaign = build_campaign(n_items=N_PAIRS, n_candidates=2)
    for n, enrolment in enumerate(campaign.enrolments, start=1):

        def judge(item: Item, keys: dict[int, str], n: int = n) -> Any:
            said = PANDALM[rows[int(str(item.external_id)[1:])][f"annotator{n}"]]
            return better(said)(item, keys)

        assert answer_all(enrolment, judge) == N_PAIRS
    pure = [
        Rating(str(i), str(n), row[f"annotator{n}"])
        for i, row in enumerate(rows)
        for n in (1, 2, 3)
    ]
    found = project_agreement(campaign.project.pk)["better"]
    assert found["alpha"] == pytest.approx(alpha(pure))
    assert (found["n_units"], found["n_ratings"], found["n_annotators"]) == (
        N_PAIRS,
        3 * N_PAIRS,
        3,
    )
    votes = (Counter(row[f"annotator{n}"] for n in (1, 2, 3)).most_common() for row in rows)
    expected = Counter(
        {0: "tie", 1: "#1", 2: "#2"}[said] if n > 1 else None for ((said, n), *_) in votes
    )
    undecided = expected.pop(None, 0)
    assert found["majority"] == {"counts": dict(expected), "undecided": undecided}
    assert found["tie_policy"] == "split"
    assert found["interval"]["low"] <= found["alpha"] <= found["interval"]["high"]


def test_surplus_superseded_and_repeated_answers_do_not_count() -> None:
    campaign = build_campaign(n_items=2, n_annotators=3)
    first = answer_next(campaign.enrolments[0], better(0))
    answer_all(campaign.enrolments[1], better(1))
    answer_all(campaign.enrolments[2], better(1))
    assert first is not None
    amend(first, better(1))
    answer_all(campaign.enrolments[0], better(1))
    assert project_agreement(campaign.project.pk)["better"]["percent"] == 1.0
    last = Response.objects.filter(annotator=campaign.enrolments[2].annotator).first()
    assert last is not None
    Response.objects.filter(pk=last.pk).update(is_surplus=True)
    last.assignment.__class__.objects.exclude(pk=last.assignment_id).filter(
        annotator_id=last.annotator_id
    ).update(repeat=1)
    agreement._remembered.clear()
    assert project_agreement(campaign.project.pk)["better"]["n_annotators"] == 2


def test_questions_that_nobody_answered_are_there_too() -> None:
    questions: list[dict[str, Any]] = [
        {"name": "better", "type": "preference"},
        {"name": "why", "type": "text", "required": False},
    ]
    campaign = build_campaign(questions=questions)
    found = project_agreement(campaign.project.pk)
    assert list(found) == ["better", "why"]
    assert found["why"]["alpha"] is None
    assert found["why"]["extras"]["undefined"] == "no_pairs"


def test_long_texts_are_compared_though_not_kept() -> None:
    campaign = build_campaign(n_items=2, questions=[{"name": "answer", "type": "edit"}])
    texts = ["x" * 500, "x" * 500, "y" * 500]
    run_campaign(
        campaign,
        *(lambda item, keys, t=t: {"answer": {"text": t, "from": None}} for t in texts),
    )
    assert project_agreement(campaign.project.pk)["answer"]["percent"] == pytest.approx(1 / 3)


def test_answer_of_a_wrong_shape_hides_nothing_else() -> None:
    campaign = build_campaign(n_items=3)
    run_campaign(campaign, better(0), better(0), better(1))
    one = Response.objects.order_by("id").first()
    assert one is not None
    Response.objects.filter(pk=one.pk).update(values={"better": {"better": "Q", "strength": 1}})
    found = project_agreement(campaign.project.pk)["better"]
    assert (found["n_unreadable"], found["n_ratings"]) == (1, 8)


def test_only_the_newest_are_read_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = build_campaign(n_items=10)
    run_campaign(campaign, better(0), better(0), better(1))
    found = project_agreement(campaign.project.pk, limit=20)["better"]
    assert found["responses"] == {"read": 20, "of": 30}
    assert found["n_units"] == 10


def test_one_query_while_nothing_changes_and_a_bounded_number_else(
    django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    campaign = build_campaign(n_items=10)
    run_campaign(campaign, better(0), better(0), better(1))
    with django_assert_max_num_queries(6):
        before = project_agreement(campaign.project.pk)
    with django_assert_num_queries(1):
        assert project_agreement(campaign.project.pk) is before
    with django_assert_num_queries(1):
        annotator_agreement(campaign.project.pk)
    Response.objects.filter(annotator=campaign.enrolments[0].annotator).first().delete()  # type: ignore[union-attr]
    assert project_agreement(campaign.project.pk) is not before


def test_heatmap_names_pseudonyms_and_shows_who_stands_apart() -> None:
    campaign = build_campaign(n_items=8)
    odd = lambda item, keys: better(item.pk % 2)(item, keys)  # noqa: E731
    run_campaign(campaign, odd, odd, better("tie"))
    found = annotator_agreement(campaign.project.pk)["better"]
    assert found["annotators"] == ["cats-ann-0", "cats-ann-1", "cats-ann-2"]
    assert found["percent"][0][1] == 1.0
    assert found["percent"][0][2] == 0.0
    assert found["n"][1][2] == 8
    assert found["with_others"][0]["annotator"] == "cats-ann-2"


def test_command_prints_the_pinned_keys_and_a_table() -> None:
    campaign = build_campaign(n_items=3)
    run_campaign(campaign, better(0), better(0), better(1))
    out, said = StringIO(), StringIO()
    call_command("agreement", "cats", "--json", stdout=out, stderr=said)
    found = json.loads(out.getvalue())["questions"]["better"]
    assert {"alpha", "percent", "n_units"} <= found.keys()
    assert "majorities" in said.getvalue()
    out = StringIO()
    call_command("agreement", "cats", stdout=out, stderr=StringIO())
    heading, row = out.getvalue().strip().splitlines()
    assert heading.split()[0] == "question"
    assert row.startswith("better")
    assert Candidate.objects.exists()
