"""What managers fill in: new projects, imports, exports, quotas, texts, settings."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from labeling.models import Enrolment, Notice, Project
from labeling.operations.imports import run_import
from labeling.operations.snapshots import run_snapshot
from labeling.rules.states import EnrolmentState, ProjectState, Template
from labeling.rules.templates import TEMPLATES
from tests.cast import Cast
from tests.project_pages.conftest import answer, enrol, load, rows, text_of

NEW = "/workspaces/lab/new-project/"
URL = "/projects/cats/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def page(lab_project: Project, seen_by: Callable[[str], Client]) -> Client:
    return seen_by("maya")


def filled_in(template: Template, **more: Any) -> dict[str, Any]:
    from labeling.rules.questions import to_wire

    questions = [to_wire(question) for question in TEMPLATES[template].questions]
    return {
        "template": template.value,
        "name": "Which is better?",
        "overlap": "2",
        "total": "100",
        "per_day": "",
        "slate": "template",
        "guidelines": "# Read\r\nboth",
        "questions": json.dumps(questions),
        "then": "draft",
        **more,
    }


# --- a new project -------------------------------------------------------------------


def test_six_templates_to_choose_from(page: Client) -> None:
    text = text_of(page.get(NEW))
    assert all(each.title in text for each in TEMPLATES.values())


@pytest.mark.parametrize("template", list(Template))
def test_every_template_makes_a_project_as_it_stands(page: Client, template: Template) -> None:
    text = text_of(page.get(NEW, {"template": template.value}))
    assert TEMPLATES[template].questions[0].name in text
    response = page.post(NEW, filled_in(template, then="activate"))
    project = Project.objects.get(name="Which is better?")
    assert response["Location"] == f"/projects/{project.slug}/"
    assert (project.state, project.overlap, project.quota_total) == (ProjectState.ACTIVE, 2, 100)
    assert project.guidelines is not None
    assert project.guidelines.text == "# Read\nboth"


def test_mistakes_are_named_by_their_paths_and_nothing_is_lost(page: Client) -> None:
    broken = [{"name": "x", "type": "label", "options": []}, {"name": "y", "type": "riddle"}]
    given = filled_in(Template.PREFERENCE, questions=json.dumps(broken), overlap="many")
    response = page.post(NEW, given)
    text = text_of(response)
    assert response.status_code == 422
    assert "overlap" in text
    response = page.post(NEW, filled_in(Template.PREFERENCE, questions=json.dumps(broken)))
    text = text_of(response)
    assert "questions[0].options" in text
    assert "questions[1].type" in text
    assert "Which is better?" in text
    assert Project.objects.count() == 1


def test_no_json_is_told_with_its_line(page: Client) -> None:
    response = page.post(NEW, filled_in(Template.PREFERENCE, questions="[\n{,"))
    assert response.status_code == 422
    assert "line 2, column 2" in text_of(response)


def test_an_unknown_template_is_refused_in_words(page: Client) -> None:
    assert page.get(NEW, {"template": "no"}, headers={"Referer": NEW}).status_code == 302
    assert "There is no such template" in text_of(page.get(NEW))


# --- import and export -----------------------------------------------------------------


def upload(data: bytes, **more: str) -> dict[str, Any]:
    return {"file": SimpleUploadedFile("prompts.jsonl", data), **more}


def test_a_file_goes_in_and_bad_rows_are_told_by_line(lab_project: Project, page: Client) -> None:
    response = page.post(f"{URL}import/", upload(rows(3) + b"not json\n"))
    run = lab_project.import_runs.get()
    assert response["Location"] == f"{URL}import/{run.uid}/"
    waiting = text_of(page.get(response["Location"]))
    assert "No worker is alive for queue exchange" in waiting
    assert "hx-trigger" in waiting
    run_import(run_id=run.pk)
    over = page.get(response["Location"], headers=HTMX)
    text = text_of(over)
    assert over.status_code == 286
    assert "hx-trigger" not in text
    assert "is not JSON" in text
    assert '<th scope="row" class="number">4</th>' in text
    assert lab_project.items.count() == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Choose a file first"),
        (upload(b""), "empty"),
        (upload(rows(1), mapping="prompt"), "mapping, line 1"),
        (upload(rows(1), mapping="nothing=x"), "is not a field"),
        (upload(rows(1), format="word"), "is none of"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_at_once(
    lab_project: Project, page: Client, given: dict[str, Any], said: str
) -> None:
    response = page.post(f"{URL}import/", given)
    assert response.status_code == 422
    assert said in text_of(response)
    assert not lab_project.import_runs.exists()


def test_a_snapshot_is_made_shown_and_downloaded(
    cast: Cast, lab_project: Project, page: Client
) -> None:
    load(lab_project, rows(2))
    answer(enrol(lab_project, cast.ana), 2)
    given = {"format": "raw", "file_type": "jsonl", "include_unfinished": "on"}
    response = page.post(f"{URL}export/", given)
    snapshot = lab_project.snapshots.get()
    assert response["Location"] == f"{URL}export/{snapshot.uid}/"
    run_snapshot(snapshot_id=snapshot.pk)
    assert "manifest.json" in text_of(page.get(response["Location"]))
    sent = page.get(f"{URL}export/{snapshot.uid}/file/")
    assert "attachment" in sent["Content-Disposition"]
    data = b"".join(sent)
    packed = zipfile.ZipFile(io.BytesIO(data))
    assert "manifest.json" in packed.namelist()
    assert int(sent["Content-Length"]) == len(data)


def test_an_unknown_format_is_refused_on_the_form(lab_project: Project, page: Client) -> None:
    response = page.post(f"{URL}export/", {"format": "word"})
    assert response.status_code == 422
    assert "There is no format" in text_of(response)


# --- quotas and people -------------------------------------------------------------------


def test_quotas_are_set_in_place_and_mistakes_stay_in_the_row(
    cast: Cast, lab_project: Project, page: Client
) -> None:
    enrolment = enrol(lab_project, cast.ana)
    url = f"{URL}quotas/{enrolment.uid}/"
    good = page.post(url, {"total": "12", "per_day": ""}, headers=HTMX)
    assert "saved" in text_of(good)
    bad = page.post(url, {"total": "a few"}, headers=HTMX)
    assert "whole number" in text_of(bad)
    enrolment.refresh_from_db()
    assert (enrolment.quota_total, enrolment.quota_day) == (12, None)
    assert page.post(url, {"total": "13"}).status_code == 302
    enrolment.refresh_from_db()
    assert enrolment.quota_total == 13


def test_people_are_added_paused_removed_and_let_in_again(
    cast: Cast, lab_project: Project, page: Client
) -> None:
    from labeling.queries.access import annotator_for

    page.post(f"{URL}quotas/add/", {"annotator": annotator_for(cast.ben, lab_project).uid})
    enrolment = Enrolment.objects.get(project=lab_project)
    for state in ("paused", "removed", "active"):
        page.post(f"{URL}quotas/{enrolment.uid}/state/", {"state": state})
        enrolment.refresh_from_db()
        assert enrolment.state == EnrolmentState(state)
        assert page.get(f"{URL}quotas/").status_code == 200


def test_a_quota_for_everybody(cast: Cast, lab_project: Project, page: Client) -> None:
    for user in (cast.ana, cast.ben):
        enrol(lab_project, user)
    page.post(f"{URL}quotas/all/", {"total": "50", "per_day": "5"})
    got = set(Enrolment.objects.values_list("quota_total", "quota_day"))
    assert got == {(50, 5)}
    lab_project.refresh_from_db()
    assert (lab_project.quota_total, lab_project.quota_day) == (50, 5)


def test_a_notice_goes_to_everybody_or_to_one(
    cast: Cast, lab_project: Project, page: Client
) -> None:
    enrolment = enrol(lab_project, cast.ana)
    page.post(f"{URL}notice/", {"text": "Lunch!"})
    page.post(f"{URL}notice/", {"text": "See me.", "to": str(enrolment.uid)})
    got = list(Notice.objects.order_by("id").values_list("text", "annotator"))
    assert got == [("Lunch!", None), ("See me.", enrolment.annotator_id)]


# --- guidelines, questions, settings ---------------------------------------------------------


def test_guidelines_get_minor_and_major_versions(lab_project: Project, page: Client) -> None:
    for size, label in (("minor", "0.2"), ("major", "1.0")):
        page.post(f"{URL}guidelines/edit/", {"text": f"# {size}", "size": size})
        lab_project.refresh_from_db()
        assert lab_project.guidelines is not None
        assert lab_project.guidelines.label == label
    text = text_of(page.get(f"{URL}guidelines/", {"version": "0.2"}))
    assert "This is an earlier version." in text
    for wrong in ("9.9", "x", "1"):
        assert page.get(f"{URL}guidelines/", {"version": wrong}).status_code == 404


def test_markdown_is_shown_safely_as_it_is_written(page: Client) -> None:
    text = text_of(page.post("/editor/markdown/", {"text": "**b** <script>alert(1)</script>"}))
    assert "<strong>b</strong>" in text
    assert "<script>" not in text


def test_questions_get_a_version_or_their_mistakes(lab_project: Project, page: Client) -> None:
    url = f"{URL}questions/edit/"
    bad = page.post(url, {"questions": '[{"name": "x", "type": "riddle"}]'})
    assert bad.status_code == 422
    assert "questions[0].type" in text_of(bad)
    page.post(url, {"questions": '[{"name": "x", "type": "text"}]'})
    lab_project.refresh_from_db()
    assert lab_project.questions is not None
    assert lab_project.questions.version == 2
    said = text_of(page.post("/editor/questions/", {"questions": "[]"}))
    assert "at least one question" in said


def test_settings_are_saved_and_mistakes_stand_beside_their_fields(
    lab_project: Project, page: Client
) -> None:
    good = {
        "name": "Kittens",
        "overlap": "2",
        "lease_s": "120",
        "is_restricted": "on",
        "metadata_shown": "topic\r\n\r\nsource",
        "reasoning_display": "hide",
    }
    assert page.post(f"{URL}settings/", good).status_code == 302
    lab_project.refresh_from_db()
    assert (lab_project.name, lab_project.overlap, lab_project.lease_s) == ("Kittens", 2, 120)
    assert lab_project.is_restricted
    assert lab_project.metadata_shown == ["topic", "source"]
    bad = page.post(f"{URL}settings/", {**good, "overlap": "0"})
    assert bad.status_code == 422
    assert 'id="overlap-error"' in text_of(bad)


def test_a_slate_names_only_what_the_workspace_may_use(
    cast: Cast, lab_project: Project, page: Client
) -> None:
    from labeling.operations.policies import grant_policy
    from tests.cast import TEST
    from tests.items.cast import make_policy

    mine, theirs = make_policy(0), make_policy(1)
    grant_policy(workspace=cast.lab, policy=mine, actor=TEST)
    text = text_of(page.get(f"{URL}settings/"))
    assert mine.name in text
    assert theirs.name not in text
    page.post(f"{URL}settings/slate/", {f"samples:{mine.name}": "2"})
    lab_project.refresh_from_db()
    assert lab_project.slate is not None
    assert list(lab_project.slate.entries.values_list("policy", "n_samples")) == [(mine.pk, 2)]
    assert page.post(f"{URL}settings/slate/", {f"samples:{theirs.name}": "1"}).status_code == 404
