"""Why: items one by one: what was asked, what models wrote, what people said, what went wrong."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from labeling.errors import Invalid
from labeling.models import Project
from labeling.operations.items import raise_overlap, set_priority, withdraw_item
from labeling.pages import project_reads as reads
from labeling.pages.project_shared import actor_of, done, project_page, show
from labeling.pages.project_words import age, decided, duration, item_state, request_state, said
from labeling.queries.items import (
    CandidateView,
    ItemDetail,
    ItemLine,
    count_items,
    item_detail,
    item_id_of,
    list_items,
)
from labeling.queries.ratings import load_question_sets
from labeling.rules.permissions import Permission
from labeling.rules.states import ItemState

PER_PAGE = 50
MAX_SEARCH_CHARS = 200


@require_safe
@project_page(Permission.ITEMS_VIEW)
def items(request: HttpRequest, project: Project) -> HttpResponse:
    """List the items of a state, or that a search finds, page by page."""
    asked, search = request.GET.get("state", ""), request.GET.get("search", "")[:MAX_SEARCH_CHARS]
    state = ItemState(asked) if asked in list(ItemState) else None
    page = list_items(
        project_id=project.pk,
        state=state,
        search=search,
        after=request.GET.get("after") or None,
        limit=PER_PAGE,
    )
    counts = count_items(project_id=project.pk)
    kept = {"state": state.value if state else "", "search": search}
    context = {
        "items": [_line(line) for line in page.items],
        "filters": _filters(project, counts, kept),
        "search": search,
        "state": kept["state"],
        "n_all": sum(counts.values()),
        "is_first": "after" not in request.GET,
        "first_url": _url(project, kept),
        "next_url": _url(project, {**kept, "after": page.next}) if page.next else "",
    }
    return show(request, project, "items", "items.html", context)


@require_safe
@project_page(Permission.ITEMS_VIEW)
def item(request: HttpRequest, project: Project, uid: uuid.UUID) -> HttpResponse:
    """Show everything about one item."""
    detail = item_detail(project_id=project.pk, uid=str(uid))
    numbers = {c.id: f"#{n}" for n, c in enumerate(detail.candidates, start=1)}
    context = {
        "item": detail,
        "line": _line(detail.line),
        "messages_shown": detail.rendered,
        "metadata": _pairs(detail.metadata),
        "candidates": [_candidate(c, numbers[c.id]) for c in detail.candidates],
        "answers": _answers(detail, numbers),
        "requests": [_request(one) for one in detail.requests],
        "consensus": _consensus(project, detail, numbers),
        "is_withdrawn": detail.line.state == ItemState.WITHDRAWN,
        "audit": [_audited(entry) for entry in detail.audit],
    }
    return show(request, project, "items", "item.html", context)


@require_POST
@project_page(Permission.ITEMS_MANAGE)
def act(request: HttpRequest, project: Project, uid: uuid.UUID) -> HttpResponse:
    """Withdraw an item, set its priority, or ask one more person."""
    item_id = item_id_of(project_id=project.pk, uid=str(uid))
    actor = actor_of(request)
    match request.POST.get("action"):
        case "withdraw":
            n = withdraw_item(item_id=item_id, actor=actor)
            words = ngettext(
                "The item is withdrawn; %(n)d task came back from a desk.",
                "The item is withdrawn; %(n)d tasks came back from desks.",
                n,
            )
            words %= {"n": n}
        case "priority":
            set_priority(item_id=item_id, priority=_whole(request), actor=actor)
            words = _("The priority is set.")
        case "overlap":
            n = raise_overlap(item_id=item_id, actor=actor)
            words = _("One more person is asked: %(n)d in all.") % {"n": n}
        case _:
            raise Invalid(_("There is no such action."))
    return done(request, words, "project_item", project.slug, uid)


def _whole(request: HttpRequest) -> int:
    try:
        return int(request.POST.get("priority", ""))
    except ValueError:
        raise Invalid(_("A priority is a whole number from -100 to 100.")) from None


def _url(project: Project, wanted: Mapping[str, str | None]) -> str:
    asked = urlencode({name: value for name, value in wanted.items() if value})
    address = reverse("project_items", args=[project.slug])
    return f"{address}?{asked}" if asked else address


def _filters(
    project: Project, counts: Mapping[str, int], kept: Mapping[str, str]
) -> list[dict[str, Any]]:
    everything: dict[str, Any] = {"title": _("all"), "n": sum(counts.values()), "name": ""}
    named: list[dict[str, Any]] = [{**item_state(name), "n": n} for name, n in counts.items()]
    return [
        {
            **one,
            "url": _url(project, {**kept, "state": one["name"]}),
            "is_current": one["name"] == kept["state"],
        }
        for one in [everything, *named]
        if one["n"] or one["name"] in ("", kept["state"])
    ]


def _line(line: ItemLine) -> dict[str, Any]:
    return {
        "row": line,
        "state": item_state(line.state),
        "name": line.external_id or line.uid[-12:],
        "age": age(line.created_at, timezone.now()),
    }


def _candidate(view: CandidateView, number: str) -> dict[str, Any]:
    return {
        "row": view,
        "number": number,
        "parameters": _pairs(view.parameters),
        "latency": duration(view.latency_ms / 1000) if view.latency_ms else "",
        "marks": [mark.replace("_", " ") for mark in view.marks],
        "n_rejected": len(view.rejections),
    }


def _answers(detail: ItemDetail, numbers: Mapping[int, str]) -> dict[str, Any]:
    """Return the responses side by side: a column each, a line per question."""
    uids = [one.uid for one in detail.responses]
    questions = reads.question_sets_of(uids) if uids else {}
    versions = reads.response_versions(detail.id) if uids else {}
    titles: dict[str, str] = {}
    columns: list[dict[str, Any]] = []
    for one in detail.responses:
        words = said(questions.get(one.uid, ()), one.values, one.shown, numbers)
        titles.update({line["name"]: line["title"] for line in words})
        columns.append(
            {
                "row": one,
                "words": {line["name"]: line["words"] for line in words},
                "spent": duration(one.spent_ms / 1000),
                "guidelines": versions.get(one.uid, ""),
                "is_old": not one.is_current,
                "order": " ".join(numbers.get(pk, "?") for pk in one.shown),
            }
        )
    lines = [
        {"title": title, "cells": [column["words"].get(name, "–") for column in columns]}
        for name, title in titles.items()
    ]
    return {"columns": columns, "lines": lines}


def _request(view: Any) -> dict[str, Any]:
    return {"row": view, "state": request_state(view.state)}


def _consensus(
    project: Project, detail: ItemDetail, numbers: Mapping[int, str]
) -> list[dict[str, Any]]:
    if not detail.consensus or project.questions_id is None:
        return []
    asked = load_question_sets([project.questions_id])[project.questions_id]
    questions: dict[str, Mapping[str, Any]] = {str(one["name"]): one for one in asked}
    titles = {name: str(question["title"]) for name, question in questions.items()}
    return [
        {
            "title": titles.get(one["question"], one["question"]),
            "words": decided(questions.get(one["question"]), one["value"], numbers),
            "confidence": one["confidence"],
            "n_responses": one["n_responses"],
            "method": one["method"].replace("_", " "),
        }
        for one in detail.consensus
    ]


def _audited(entry: Any) -> dict[str, Any]:
    return {
        "at": entry.at,
        "who": entry.who or _("the machine"),
        "via": entry.via,
        "action": entry.action.replace(".", " ").replace("_", " "),
        "before": _short(entry.before),
        "after": _short(entry.after),
    }


def _short(values: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in (values or {}).items())


def _pairs(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in values.items()
    ]
