"""Training sets from real responses, with counts that add up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pytest
from django.core.management import CommandError
from trl.data_utils import extract_prompt, is_conversational, unpair_preference_dataset

from labeling.errors import Invalid
from labeling.models import AuditEntry, Candidate, Item, Project, QuestionSet, Response
from labeling.operations import drivers
from labeling.operations.assignments import claim_tasks
from labeling.operations.export_choices import read_choices
from labeling.operations.responses import submit_response
from labeling.operations.returns import revoke_all_of
from labeling.operations.snapshots import make_snapshot
from labeling.queries import export as exports
from labeling.queries.export import extent_of
from labeling.rules.vocabulary import RevokedReason
from tests.consensus.answering import amend, answer_all, answer_next, better, run_campaign
from tests.desk.builders import Campaign, build_campaign
from tests.export.builders import export, manifest_of, mixed_campaign, rows_of, text_of

pytestmark = pytest.mark.django_db(transaction=True)
FILE_TYPES = ["jsonl", "parquet"]


def load(found: Any, tmp_path: Path) -> datasets.Dataset:
    kind = "json" if found["files"][0].endswith("jsonl") else "parquet"
    return datasets.load_dataset(
        kind, data_files=found["files"], split="train", cache_dir=str(tmp_path / "cache")
    )


@pytest.fixture
def campaign() -> Campaign:
    return mixed_campaign()


@pytest.mark.parametrize("file_type", FILE_TYPES)
def test_preference_rows_are_what_people_chose(
    campaign: Campaign, tmp_path: Path, file_type: str
) -> None:
    found, _ = export(tmp_path / "out", "preference", "--file-type", file_type)
    assert found["rows"] == 3
    rows = {row["prompt"][-1]["content"]: row for row in load(found, tmp_path)}
    assert all(is_conversational(row) for row in rows.values())
    for name in ("q0", "q1"):
        item = campaign.project.items.get(external_id=name)
        row = rows[item.messages[0]["content"]]
        assert row["chosen"] == [{"role": "assistant", "content": text_of(item, 1)}]
        assert row["rejected"] == [{"role": "assistant", "content": text_of(item, 0)}]
    two_turns = rows["First?"]
    assert [m["content"] for m in two_turns["chosen"]] == ["0 one", "And then?", "0 two"]
    assert [m["content"] for m in two_turns["rejected"]] == ["1 one", "And then?", "1 two"]


def test_counts_add_up_and_are_explained(campaign: Campaign, tmp_path: Path) -> None:
    found, said = export(tmp_path, "preference")
    manifest = manifest_of(tmp_path)
    counts, read = manifest["counts"], manifest["read"]
    assert read["items"] == 7
    assert read["left_out"] == {"unfinished": 1}
    assert counts["items_in"] == read["items"] - sum(read["left_out"].values())
    assert counts["dropped"] == {"neither": 1, "no_consensus": 1, "tie": 1}
    assert counts["items_used"] == counts["items_in"] - sum(counts["dropped"].values())
    assert counts["rows"] == found["rows"] == sum(counts["by_split"].values())
    assert read["responses"] == 18
    assert "Of 7 items, 6 go in; left out: 1, as not all answers are there yet" in said
    assert "3 rows from 3 of 6 items; 3 items gave none" in said
    assert manifest["project"]["slug"] == "cats"
    assert manifest["filters"]["tie_policy"] == "split"
    assert manifest["policies"][0]["name"] == "model-x"


def test_unfinished_items_are_taken_when_asked_for(campaign: Campaign, tmp_path: Path) -> None:
    assert export(tmp_path, "preference", "--include-unfinished")[0]["rows"] == 4


def test_reward_margin_is_the_mean_strength_over_all_answers(
    campaign: Campaign, tmp_path: Path
) -> None:
    found, _ = export(tmp_path / "out", "reward")
    rows = load(found, tmp_path)
    margins = {row["chosen"][0]["content"]: row["margin"] for row in rows}
    prompt = campaign.project.items.get(external_id="q0").messages[0]["content"]
    assert margins[prompt] == pytest.approx((3 + 1 - 1) / 3)
    assert all("prompt" in extract_prompt(row) for row in rows)


def test_kto_is_the_unpaired_preference(campaign: Campaign, tmp_path: Path) -> None:
    pairs = load(export(tmp_path / "pairs", "preference")[0], tmp_path / "1")
    kto = load(export(tmp_path / "kto", "kto")[0], tmp_path / "2")
    neither = [row for row in kto if row["label"] is False]
    assert len(neither) == len(pairs) + 2
    assert len(unpair_preference_dataset(pairs)) == len(kto) - 2


@pytest.mark.parametrize("format", ["sft", "ranking"])
def test_other_formats_of_a_preference_project(
    campaign: Campaign, tmp_path: Path, format: str
) -> None:
    found, _ = export(tmp_path, format)
    assert found["rows"] == {"sft": 3, "ranking": 4}[format]


def test_raw_has_every_response_and_ids_for_keys(campaign: Campaign, tmp_path: Path) -> None:
    found, _ = export(tmp_path, "raw")
    rows = rows_of(found)
    assert found["rows"] == len(rows) == Response.objects.count() == 21
    ids = {str(uid) for uid in Candidate.objects.values_list("uid", flat=True)}
    for row in rows:
        assert row["values"]["better"]["better"] in ids | {"tie", "neither"}
        assert row["annotator"].startswith("cats-ann-")
        assert row["questions_version"] == "1"
    q0 = [row for row in rows if row["external_id"] == "q0"]
    assert q0[0]["consensus"]["better"]["value"]["strength"] == 2


def test_amended_answer_counts_and_the_former_one_does_not(tmp_path: Path) -> None:
    campaign = build_campaign(n_items=1, n_annotators=1, overlap=1)
    assignment = answer_next(campaign.enrolments[0], better(0))
    assert assignment is not None
    amend(assignment, better(1))
    [row] = rows_of(export(tmp_path / "a", "preference")[0])
    assert row["chosen"][0]["content"] == text_of(assignment.item, 1)
    assert len(rows_of(export(tmp_path / "b", "raw")[0])) == 1


def test_surplus_answer_is_in_raw_and_nowhere_else(tmp_path: Path) -> None:
    campaign = build_campaign(n_items=1, n_annotators=2, overlap=1)
    late, quick = campaign.enrolments
    [task] = drivers.run(lambda: claim_tasks(enrolment_id=late.id, want=1)).tasks
    revoke_all_of(reason=RevokedReason.TAKEN_OVER, enrolment_id=late.id)
    answer_all(quick, better(1))
    drivers.run(
        lambda: submit_response(
            enrolment_id=late.id,
            task=task.task,
            lease=task.lease,
            values={"better": {"better": "tie"}},
            spent_ms=1,
            want=0,
            wants_surplus=True,
        )
    )
    [row] = rows_of(export(tmp_path / "a", "reward")[0])
    assert row["margin"] == 2
    assert [row["surplus"] for row in rows_of(export(tmp_path / "b", "raw")[0])] == [False, True]


def test_what_comes_after_the_start_is_not_in_it(tmp_path: Path) -> None:
    campaign = build_campaign(n_items=2, n_annotators=1, overlap=1)
    assignment = answer_next(campaign.enrolments[0], better(0))
    assert assignment is not None
    extent = extent_of(campaign.project.pk)
    amend(assignment, better(1))
    answer_all(campaign.enrolments[0], better(0))
    Item.objects.create(
        project=campaign.project, content_hash="new", overlap=1, messages=[], rendered=[]
    )
    made = make_snapshot(
        project=campaign.project,
        format="preference",
        file_type="jsonl",
        options={"shares": {"train": 1}},
        out=tmp_path,
        extent=extent,
    )
    [line] = (tmp_path / "train.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["chosen"][0]["content"] == text_of(assignment.item, 0)
    assert made.manifest["read"] == {
        "items": 2,
        "left_out": {"unfinished": 1},
        "responses": 1,
        "responses_surplus": 0,
    }


@pytest.mark.parametrize("file_type", FILE_TYPES)
@pytest.mark.parametrize("format", ["preference", "raw"])
def test_same_data_gives_the_same_bytes(
    campaign: Campaign, tmp_path: Path, file_type: str, format: str
) -> None:
    for name in ("a", "b"):
        export(tmp_path / name, format, "--file-type", file_type)
    first, second = manifest_of(tmp_path / "a"), manifest_of(tmp_path / "b")
    assert first["files"] == second["files"]
    assert first["hash"] == second["hash"]


def test_split_is_by_prompt_and_shares_can_be_chosen(tmp_path: Path) -> None:
    campaign = build_campaign(n_items=40, n_annotators=1, overlap=1)
    run_campaign(campaign, better(0))
    found, _ = export(tmp_path / "a", "preference", "--split", "train=0.5,test=0.5")
    assert [Path(path).name for path in found["files"]] == ["train.jsonl", "test.jsonl"]
    assert found["rows"] == len(rows_of(found)) == 40
    by_split = manifest_of(tmp_path / "a")["counts"]["by_split"]
    assert 8 <= by_split["train"] <= 32
    again, _ = export(
        tmp_path / "b", "preference", "--split", "train=0.5,test=0.5", "--seed", "other"
    )
    assert rows_of(again) != rows_of(found)


def test_demonstrations_are_what_people_wrote(tmp_path: Path) -> None:
    campaign = build_campaign(
        n_items=2,
        n_annotators=2,
        overlap=2,
        questions=[{"name": "answer", "type": "edit"}],
        n_candidates=1,
    )
    run_campaign(
        campaign,
        lambda item, keys: {"answer": {"text": "mine", "from": "A"}},
        lambda item, keys: {"answer": {"text": "yours", "from": None}},
    )
    found, _ = export(tmp_path, "sft", "--lineage")
    assert sorted(row["completion"][0]["content"] for row in rows_of(found)) == [
        *("mine", "mine", "yours", "yours")
    ]
    used = {row["candidate_id"] for row in rows_of(found)}
    assert used == {None, *(str(uid) for uid in Candidate.objects.values_list("uid", flat=True))}


def test_ratings_of_an_older_version_of_the_question_stay_apart(tmp_path: Path) -> None:
    scale: dict[str, Any] = {"name": "q", "type": "rating", "per": "candidate", "min": 1, "max": 5}
    campaign = build_campaign(n_items=1, n_annotators=2, overlap=2, questions=[scale])
    answer_next(campaign.enrolments[0], lambda item, keys: {"q": {keys[0]: 5, keys[1]: 1}})
    project = campaign.project
    project.questions = QuestionSet.objects.create(
        project=project, version=2, questions=[{**scale, "max": 10}]
    )
    project.save(update_fields=["questions"])
    answer_next(campaign.enrolments[1], lambda item, keys: {"q": {keys[0]: 2, keys[1]: 9}})
    [row] = rows_of(export(tmp_path, "reward")[0])
    assert row["margin"] == 7


def test_queries_grow_with_batches_not_with_items(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr(exports, "BATCH", 10)
    campaign = build_campaign(n_items=40, n_annotators=1, overlap=1)
    run_campaign(campaign, better(0))
    project = Project.objects.select_related("workspace").get(pk=campaign.project.pk)
    with django_assert_max_num_queries(12 + 4 * 5):
        make_snapshot(
            project=project, format="preference", file_type="jsonl", options={}, out=tmp_path
        )


def test_export_is_in_the_audit_trail_without_texts(campaign: Campaign, tmp_path: Path) -> None:
    export(tmp_path, "preference")
    entry = AuditEntry.objects.get(action="project.exported")
    assert entry.via == "command"
    assert (entry.after or {})["rows"] == 3


def test_mistakes_are_named(campaign: Campaign, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no project"):
        export(tmp_path, "preference", slug="dogs")
    with pytest.raises(CommandError, match="min_confidence: must be from 0 to 1"):
        export(tmp_path, "preference", "--min-confidence", "7")
    with pytest.raises(CommandError, match="split"):
        export(tmp_path, "preference", "--split", "half")
    with pytest.raises(CommandError, match="not one of type"):
        export(tmp_path, "preference", "--question", "other")
    with pytest.raises(Invalid) as error:
        read_choices({"pairs": "some", "colour": 1, "shares": {"train": -1}, "lineage": "yes"})
    assert set(error.value.fields) == {"pairs", "colour", "shares", "lineage"}
