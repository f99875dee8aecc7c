"""Files of every shape end to end into the database, from the page's door and the command's."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from labeling.errors import DomainError, Invalid
from labeling.events.types import ImportQueued
from labeling.exchange.mapping import InvalidMapping
from labeling.exchange.sniff import UnknownFormat
from labeling.exchange.source import UnreadableFile
from labeling.models import AuditEntry, Candidate, ImportRun, Item, Project
from labeling.operations import imports
from labeling.operations.adding import add_prepared
from labeling.operations.imports import claim_import_run, queue_import, run_import
from tests.items.cast import REPO, TEST, load, make_project, native, shared

pytestmark = pytest.mark.django_db

FILES = [
    ("prompts/mt_bench_question.jsonl", 80, 80, 0),
    ("prompts/vicuna_bench_question.jsonl", 80, 80, 0),
    ("prompts/self_instruct_seed_tasks.jsonl", 175, 175, 0),
    ("prompts/user_oriented_instructions.jsonl", 252, 252, 0),
    ("prompts/ifeval_input_data.jsonl", 541, 541, 0),
    ("prompts/oasst_en_100_tree.jsonl", 480, 480, None),
    ("prompts/oasst_prompt_lottery_en_250_text.jsonl", 250, None, 0),
    ("pandalm/testset-v1.json", 999, 999, 1998),
]


@pytest.mark.parametrize(("path", "n_items", "n_with_id", "n_candidates"), FILES)
def test_every_real_file_goes_in_and_twice_adds_nothing(
    path: str, n_items: int, n_with_id: int | None, n_candidates: int | None
) -> None:
    project = make_project()
    first = load(project, shared(path))
    assert (first.added + first.already, first.bad) == (n_items, [])
    assert Item.objects.count() == first.added
    if n_with_id is not None:
        assert (first.added, first.already) == (n_with_id, 0)
        assert Item.objects.filter(external_id__isnull=False).count() == n_with_id
    if n_candidates is not None:
        assert Candidate.objects.count() == n_candidates
    again = load(project, shared(path))
    assert (again.added, again.already, again.bad) == (0, n_items, [])


def test_mt_bench_has_two_open_turns() -> None:
    load(make_project(), shared("prompts/mt_bench_question.jsonl"))
    assert set(Item.objects.values_list("n_open_turns", flat=True)) == {2}


def test_open_assistant_trees_are_linked() -> None:
    load(make_project(), shared("prompts/oasst_en_100_tree.jsonl"))
    children = Item.objects.filter(metadata__depth__gt=0)
    assert children.count() == 380
    assert not children.filter(parent__isnull=True).exists()
    assert not children.filter(continues__isnull=True).exists()
    child = children.select_related("continues", "parent").first()
    assert child is not None
    assert child.continues is not None
    assert child.continues.item_id == child.parent_id
    assert child.messages[-2]["content"] == child.continues.turns[0]["text"]


def test_tables_come_in_with_a_mapping() -> None:
    project = make_project()
    data = b'question,a,b,topic\r\n"Why?\nReally?",one,two,cats\r\nWhat,,two,dogs\r\n'
    mapping = {"prompt": "question", "candidate_1": "a", "candidate_2": "b"}
    progress = load(project, data, name="x.csv", mapping=mapping)
    assert (progress.added, progress.bad) == (2, [])
    item = Item.objects.order_by("id")[0]
    assert item.messages[0]["content"] == "Why?\nReally?"
    assert item.metadata == {"topic": "cats"}
    assert list(Item.objects.order_by("id").values_list("state", flat=True)) == [
        "ready",
        "waiting",
    ]


def test_bad_rows_are_named_and_the_good_ones_are_in() -> None:
    project = make_project()
    data = native({"prompt": "Q"}, {"promt": "R"}) + b"{oops\n" + native({"id": 7, "prompt": "S"})
    progress = load(project, data)
    assert progress.added == 2
    assert [(bad.row, bad.field) for bad in progress.bad] == [(2, "prompt"), (3, "line")]
    run = ImportRun.objects.get()
    assert (run.state, run.n_read, run.n_added, run.n_bad) == ("done", 4, 2, 2)
    assert run.bad[0]["row"] == 2


def test_a_parent_that_is_nowhere_is_reported() -> None:
    progress = load(make_project(), native({"id": "a", "prompt": "Q", "parent": "nobody"}))
    assert (progress.added, [bad.field for bad in progress.bad]) == (1, ["parent"])


def test_a_parent_that_comes_in_a_later_batch_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "BATCH_ROWS", 1)
    records = [{"id": "a", "prompt": "Q", "parent": "b"}, {"id": "b", "prompt": "R"}]
    assert load(make_project(), native(*records)).bad == []
    assert Item.objects.get(external_id="a").parent == Item.objects.get(external_id="b")


# --- uploads ---------------------------------------------------------------------


def upload(project: Project, data: bytes, name: str = "items.jsonl", **how: Any) -> ImportRun:
    return queue_import(project=project, file=io.BytesIO(data), name=name, actor=TEST, **how)


def many(n: int) -> bytes:
    return native(*({"id": f"q{i}", "prompt": f"Q{i}"} for i in range(n)))


def silent(run: ImportRun) -> None:
    """Make a run look as if its worker had died a while ago."""
    then = timezone.now() - timedelta(minutes=5)
    ImportRun.objects.filter(pk=run.pk).update(beat_at=then)


def test_an_upload_is_stored_and_read_by_a_worker(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("labeling.operations.imports.bus.publish", lambda *e: seen.extend(e))
    run = upload(make_project(), many(3))
    assert seen == [ImportQueued(run.pk)]
    assert run.file is not None
    assert default_storage.exists(run.file.key)
    assert (run.file.n_bytes, len(run.file.sha256)) == (len(many(3)), 64)
    assert run.format == "native"
    assert run_import(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.n_read, run.n_added) == ("done", 3, 3)
    assert run.finished_at is not None
    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["import.queued", "import.done"]


def test_a_run_is_taken_once() -> None:
    run = upload(make_project(), many(1))
    assert claim_import_run(run_id=run.pk)
    assert not claim_import_run(run_id=run.pk)
    assert not run_import(run_id=run.pk)
    silent(run)
    assert claim_import_run(run_id=run.pk)


@pytest.mark.parametrize(
    ("data", "name", "how", "error"),
    [
        (b"", "x.jsonl", {}, UnreadableFile),
        (b"\x00\x01\x02", "x.bin", {}, UnknownFormat),
        (many(1), "x.jsonl", {"mapping": {"prompt": "nowhere"}}, InvalidMapping),
        (many(1), "x.jsonl", {"format": "word"}, UnknownFormat),
    ],
)
def test_what_is_wrong_with_all_of_it_is_said_at_once(
    data: bytes, name: str, how: dict[str, Any], error: type[Invalid]
) -> None:
    with pytest.raises(error):
        upload(make_project(), data, name, **how)
    assert not ImportRun.objects.exists()


def test_too_large_a_file_is_refused(settings: Any) -> None:
    settings.IMPORT_MAX_BYTES = 10
    with pytest.raises(Invalid, match="larger"):
        upload(make_project(), many(3))


def test_a_file_that_is_gone_ends_the_run_with_a_sentence() -> None:
    run = upload(make_project(), many(1))
    assert run.file is not None
    default_storage.delete(run.file.key)
    assert not run_import(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, "upload it again" in run.error) == ("failed", True)


def test_a_project_archived_meanwhile_ends_the_run() -> None:
    project = make_project()
    run = upload(project, many(1))
    Project.objects.update(state="archived")
    assert not run_import(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, "archived" in run.error) == ("failed", True)


def test_a_run_goes_on_where_its_worker_died(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "BATCH_ROWS", 10)
    project = make_project()
    data = many(5) + b"bad\n" + many(40)
    run = upload(project, data)
    real = add_prepared
    calls = 0

    def dies_at_third(**how: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OperationalError("the server closed the connection")
        return real(**how)

    monkeypatch.setattr(imports, "add_prepared", dies_at_third)
    with pytest.raises(OperationalError):
        run_import(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.n_read, run.n_bad) == ("running", 20, 1)
    silent(run)
    assert run_import(run_id=run.pk)
    run.refresh_from_db()
    assert (run.n_read, run.n_added, run.n_already, run.n_bad) == (46, 40, 5, 1)
    assert [bad["row"] for bad in run.bad] == [6]


def test_who_was_thought_dead_stops_and_adds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "BATCH_ROWS", 10)
    run = upload(make_project(), many(30))
    real = imports._next_batch

    def slow(rows: Any) -> Any:
        batch = real(rows)
        monkeypatch.setattr(imports, "_next_batch", real)
        silent(run)
        assert run_import(run_id=run.pk)  # somebody else, from start to end
        return batch

    monkeypatch.setattr(imports, "_next_batch", slow)
    assert not run_import(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.n_read, run.n_added, run.n_already) == ("done", 30, 30, 0)


def test_an_error_of_ours_ends_the_run_without_a_trace_for_strangers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = upload(make_project(), many(1))

    def fails(**how: Any) -> Any:
        raise RuntimeError("with a secret text")

    monkeypatch.setattr(imports, "add_prepared", fails)
    assert not run_import(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == ("failed", imports.OUR_FAULT)


# --- the command -----------------------------------------------------------------


def command(*args: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("import_items", *args, "--json", stdout=out, stderr=io.StringIO())
    (line,) = out.getvalue().splitlines()
    return dict(json.loads(line))


def test_the_command_prints_one_line(tmp_path: Path) -> None:
    make_project()
    file = tmp_path / "x.jsonl"
    file.write_bytes(native({"question": "Q"}))
    found = command("cats", str(file), "--map", "prompt=question")
    assert (found["added"], found["already"], found["bad"]) == (1, 0, [])
    assert command("cats", str(file), "--map", "prompt=question")["already"] == 1


def test_bad_rows_make_the_command_fail_though_the_good_ones_are_in(tmp_path: Path) -> None:
    make_project()
    file = tmp_path / "x.jsonl"
    file.write_bytes(native({"prompt": "Q"}, {"prompt": 7}))
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 rows were bad"):
        call_command("import_items", "cats", str(file), "--json", stdout=out, stderr=io.StringIO())
    found = json.loads(out.getvalue())
    assert found["added"] == 1
    assert found["bad"][0]["row"] == 2
    assert set(found["bad"][0]) == {"row", "field", "reason"}


@pytest.mark.parametrize(
    "args",
    [("dogs", "x.jsonl"), ("cats", "/nowhere/x.jsonl"), ("cats", __file__, "--map", "prompt")],
)
def test_the_command_says_what_is_wrong(args: tuple[str, ...]) -> None:
    make_project()
    with pytest.raises((CommandError, DomainError)):
        command(*args)


@pytest.mark.stack
@pytest.mark.django_db(transaction=True)
def test_an_import_killed_in_the_middle_is_finished_by_the_next_worker() -> None:
    project = make_project(needed=0)
    n = 4_000
    run = upload(project, many(n))
    environment = os.environ | {"DATABASE_URL": _test_database_url()}
    program = (
        "import django; django.setup();"
        "from labeling.operations.imports import run_import;"
        f"run_import(run_id={run.pk})"
    )
    worker = subprocess.Popen([sys.executable, "-c", program], cwd=REPO, env=environment)
    deadline = time.monotonic() + 60
    while ImportRun.objects.get(pk=run.pk).n_added == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    run.refresh_from_db()
    assert 0 < run.n_added < n
    assert Item.objects.count() == run.n_added
    silent(run)
    assert run_import(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.n_read, run.n_added, run.n_already) == ("done", n, n, 0)
    assert Item.objects.count() == n
    order = list(Item.objects.order_by("place").values_list("external_id", flat=True))
    assert order == [f"q{i}" for i in range(n)]


def _test_database_url() -> str:
    name = str(connection.settings_dict["NAME"])
    url = os.environ["DATABASE_URL"]
    head, _, tail = url.partition("?")
    base, _, _ = head.rpartition("/")
    return f"{base}/{name}" + (f"?{tail}" if tail else "")
