"""Why: rows of a file become items with their candidates, a batch at a time, each row once.

Texts are rendered before the transaction (it is most of the work). Inside, the project's
row is the lock: importers take turns, so two of them add each row once and never meet in
a deadlock, and an activation sees either all of a batch or none of it. The rows' ids, and
with them places and generation requests, follow the order of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from labeling.errors import Conflict, NotFound
from labeling.events import bus
from labeling.events.types import ItemsFinished
from labeling.exchange.rows import (
    BadRow,
    ItemRow,
    Message,
    Turn,
    as_dict,
    n_open_turns,
    turn_as_dict,
)
from labeling.models import Candidate, Gold, Item, Project
from labeling.operations.candidates import request_candidates
from labeling.operations.judgments import JudgedItem, Judging, store_judgments
from labeling.operations.lineage import Link, link_parents
from labeling.operations.slots import open_ready_items
from labeling.rules.gold import GoldMistake, gold_by_id
from labeling.rules.keys import candidate_keys
from labeling.rules.question_types import Question
from labeling.rules.questions import parse_questions
from labeling.rules.rendering import RENDERER_VERSION, render_markdown
from labeling.rules.states import ItemState, ProjectState

BATCH_ROWS = 200
BATCH_CHARS = 2_000_000  # of text: rendering that takes some seconds


class ProjectClosed(Conflict):
    """An archived project takes no items any more."""


@dataclass(frozen=True, slots=True)
class PreparedRow:
    """A row with its texts rendered."""

    row: ItemRow
    rendered: list[dict[str, Any]]
    candidates: list[list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of some rows.

    `item_ids` are those of the items added, in the order of the rows. `bad` are rows left
    out for the project's sake (their gold does not fit its questions). `unlinked` are rows
    whose parent is not there; they are in, without it.
    """

    added: int = 0
    already: int = 0
    item_ids: tuple[int, ...] = ()
    bad: tuple[BadRow, ...] = ()
    unlinked: tuple[Link, ...] = ()
    n_judgments: int = 0
    n_judgments_left_out: int = 0


def add_items(
    *, project_id: int, rows: Sequence[ItemRow], judged_by: str = "imported"
) -> BatchResult:
    """Add the rows that are not there yet, with candidates, judgments, gold and parents.

    A row with an id is known again by it, one without by its content. In an active project
    candidates are asked for and slots open at once. `judged_by` names where judgments come
    from; it is the first part of their annotators' pseudonyms. One transaction per batch.

    Raises: NotFound, ProjectClosed.
    """
    results = []
    for start in range(0, len(rows), BATCH_ROWS):
        batch = [prepare_row(row) for row in rows[start : start + BATCH_ROWS]]
        results.append(add_prepared(project_id=project_id, rows=batch, judged_by=judged_by))
    return BatchResult(
        added=sum(r.added for r in results),
        already=sum(r.already for r in results),
        item_ids=tuple(i for r in results for i in r.item_ids),
        bad=tuple(b for r in results for b in r.bad),
        unlinked=tuple(u for r in results for u in r.unlinked),
        n_judgments=sum(r.n_judgments for r in results),
        n_judgments_left_out=sum(r.n_judgments_left_out for r in results),
    )


def prepare_row(row: ItemRow) -> PreparedRow:
    """Render a row's texts. No database."""
    return PreparedRow(
        row=row,
        rendered=[_shown_message(message) for message in row.messages],
        candidates=[[_shown_turn(turn) for turn in c.turns] for c in row.candidates],
    )


@transaction.atomic
def add_prepared(
    *, project_id: int, rows: Sequence[PreparedRow], judged_by: str = "imported"
) -> BatchResult:
    """Add one batch of rows; see `add_items`. Some twenty queries however many rows.

    Raises: NotFound, ProjectClosed.
    """
    project = _locked_project(project_id)
    questions = _questions_of(project)
    judging = Judging.of(questions, judged_by)
    fitting, bad = _checked_gold(rows, questions)
    items = {id(p): _new_item(project, p, judging.fitting(p.row)) for p in fitting}
    added = _insert(items, fitting)
    candidate_ids = _insert_candidates(added)
    _insert_gold(added, candidate_ids, questions)
    judged = [
        JudgedItem(item.pk, candidate_ids.get(item.pk, ()), judging.fitting(p.row))
        for p, item in added
    ]
    n_judgments = store_judgments(project=project, question=judging.question, judged=judged)
    # Those of rows that are there already too: their parent may have come only now.
    unlinked = link_parents(project_id=project_id, links=links_of(p.row for p in fitting))
    item_ids = tuple(item.pk for _, item in added)
    _open(project, added)
    return BatchResult(
        added=len(added),
        already=len(fitting) - len(added),
        item_ids=item_ids,
        bad=bad,
        unlinked=unlinked,
        n_judgments=n_judgments,
        n_judgments_left_out=sum(len(p.row.judgments) for p, _ in added) - n_judgments,
    )


def links_of(rows: Iterable[ItemRow]) -> list[Link]:
    """Return the links to parents that rows ask for."""
    return [
        Link(row.row, row.external_id, row.content_hash, row.parent_external_id)
        for row in rows
        if row.parent_external_id is not None
    ]


def _shown_message(message: Message) -> dict[str, Any]:
    return as_dict(message) | {"html": render_markdown(message.content)}


def _shown_turn(turn: Turn) -> dict[str, Any]:
    return turn_as_dict(turn) | {"html": render_markdown(turn.text)}


def _locked_project(project_id: int) -> Project:
    locked = Project.objects.select_for_update(no_key=True, of=("self",))
    project = locked.select_related("questions").filter(pk=project_id).first()
    if project is None:
        raise NotFound("There is no such project.")
    if project.state == ProjectState.ARCHIVED:
        raise ProjectClosed("This project is archived; it takes no items any more.")
    return project


def _questions_of(project: Project) -> tuple[Question, ...]:
    return parse_questions(project.questions.questions) if project.questions else ()


def _checked_gold(
    rows: Sequence[PreparedRow], questions: tuple[Question, ...]
) -> tuple[list[PreparedRow], tuple[BadRow, ...]]:
    fitting: list[PreparedRow] = []
    bad: list[BadRow] = []
    for prepared in rows:
        try:
            _gold_of(prepared.row, range(len(prepared.candidates)), questions)
        except GoldMistake as mistake:
            bad.append(BadRow(prepared.row.row, mistake.field, mistake.reason))
        else:
            fitting.append(prepared)
    return fitting, tuple(bad)


def _gold_of(
    row: ItemRow, candidate_ids: Sequence[int], questions: tuple[Question, ...]
) -> dict[str, Any]:
    if row.gold is None:
        return {}
    return gold_by_id(
        row.gold,
        questions=questions,
        ids=dict(zip(candidate_keys(len(candidate_ids)), candidate_ids, strict=True)),
        n_turns_open=n_open_turns(row.messages),
    )


def _new_item(project: Project, prepared: PreparedRow, judgments: Mapping[str, Any]) -> Item:
    row, n_judged = prepared.row, len(judgments)
    overlap = max(project.overlap, n_judged)
    is_done = n_judged >= overlap
    now = timezone.now()
    return Item(
        project=project,
        external_id=row.external_id,
        content_hash=row.content_hash,
        source=row.source or "",
        licence=row.licence or "",
        language=row.language or "",
        sensitivity=row.sensitivity or "",
        messages=[as_dict(message) for message in row.messages],
        context=row.context or "",
        metadata=row.metadata,
        rendered=prepared.rendered,
        renderer_version=RENDERER_VERSION,
        n_open_turns=n_open_turns(row.messages),
        state=ItemState.DONE if is_done else ItemState.WAITING,
        overlap=overlap,
        n_taken=n_judged,
        n_answered=n_judged,
        is_gold=bool(row.gold),
        ready_at=now if is_done else None,
        done_at=now if is_done else None,
    )


def _insert(
    items: Mapping[int, Item], rows: Sequence[PreparedRow]
) -> list[tuple[PreparedRow, Item]]:
    """Insert what is not there; return it with its keys, in the order of the rows."""
    new = list(items.values())
    Item.objects.bulk_create(new, ignore_conflicts=True)
    keys = dict(Item.objects.filter(uid__in=[item.uid for item in new]).values_list("uid", "id"))
    added = []
    for prepared in rows:
        item = items[id(prepared)]
        if item.uid in keys:
            item.pk = keys[item.uid]
            added.append((prepared, item))
    return added


def _insert_candidates(
    added: Sequence[tuple[PreparedRow, Item]],
) -> dict[int, tuple[int, ...]]:
    """Store ready-made candidates; return their ids by item, in the order of the file."""
    found: dict[int, list[int]] = {}
    candidates = [
        Candidate(
            item_id=item.pk,
            policy=None,
            policy_name=made.policy or "",
            sample=n,
            turns=[turn_as_dict(turn) for turn in made.turns],
            rendered=shown,
            renderer_version=RENDERER_VERSION,
        )
        for prepared, item in added
        for n, (made, shown) in enumerate(
            zip(prepared.row.candidates, prepared.candidates, strict=True)
        )
    ]
    for candidate in Candidate.objects.bulk_create(candidates):
        found.setdefault(candidate.item_id, []).append(candidate.pk)
    return {item_id: tuple(ids) for item_id, ids in found.items()}


def _insert_gold(
    added: Sequence[tuple[PreparedRow, Item]],
    candidate_ids: Mapping[int, tuple[int, ...]],
    questions: tuple[Question, ...],
) -> None:
    Gold.objects.bulk_create(
        Gold(
            item_id=item.pk,
            values=_gold_of(prepared.row, candidate_ids.get(item.pk, ()), questions),
        )
        for prepared, item in added
        if prepared.row.gold
    )


def _open(project: Project, added: Sequence[tuple[PreparedRow, Item]]) -> None:
    """Ask for what is lacking, open what lacks nothing, and have the finished added up.

    A draft asks and opens when it is activated. A paused project asks (its requests wait as
    well) before it opens, or items would open without the answers they are to have.
    """
    item_ids = [item.pk for _, item in added]
    if item_ids and project.state in (ProjectState.ACTIVE, ProjectState.PAUSED):
        request_candidates(project_id=project.pk, item_ids=item_ids)
        open_ready_items(project_id=project.pk, item_ids=item_ids)
    if any(item.done_at is not None for _, item in added):
        bus.publish(ItemsFinished(project.pk))
