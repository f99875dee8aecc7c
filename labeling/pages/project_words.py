"""Why: numbers, durations and answers in words, made here so that templates only place them.

Pure but for the translations.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from labeling.rules.keys import ids_by_key, with_ids
from labeling.rules.questions import Per, QuestionType
from labeling.rules.states import ItemState, RequestState

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
MAX_WORDS = 400  # characters of an answer in a table; the rest is in its title

ITEM_BADGES = {
    ItemState.WAITING: "",
    ItemState.READY: "accent",
    ItemState.DONE: "good",
    ItemState.DISPUTE: "warn",
    ItemState.BLOCKED: "bad",
    ItemState.WITHDRAWN: "",
}
REQUEST_BADGES = {
    RequestState.PENDING: "",
    RequestState.LEASED: "accent",
    RequestState.DONE: "good",
    RequestState.DEAD: "bad",
    RequestState.CANCELLED: "",
}


def duration(seconds: float) -> str:
    """Return about how long something takes or lasted: `8 s`, `12 min`, `3 h 20 min`, `2 days`."""
    whole = max(0, round(seconds))
    if whole < MINUTE_S:
        return _("%(n)d s") % {"n": whole}
    if whole < HOUR_S:
        return _("%(n)d min") % {"n": whole // MINUTE_S}
    if whole < DAY_S:
        hours, minutes = whole // HOUR_S, whole % HOUR_S // MINUTE_S
        if not minutes:
            return _("%(n)d h") % {"n": hours}
        return _("%(h)d h %(m)d min") % {"h": hours, "m": minutes}
    days = round(whole / DAY_S)
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}


def age(at: datetime | None, now: datetime) -> str:
    """Return how long ago something was, by the minute so that a live page changes seldom."""
    if at is None:
        return "–"
    seconds = (now - at).total_seconds()
    return _("just now") if seconds < MINUTE_S else duration(seconds)


def ago(at: datetime | None, now: datetime) -> str:
    """Return how long ago something was, with the word: `3 min ago`."""
    if at is None or (now - at).total_seconds() < MINUTE_S:
        return age(at, now)
    return _("%(time)s ago") % {"time": age(at, now)}


def percent(share: float | None) -> str:
    """Return a share as a percentage; a dash for none."""
    return "–" if share is None else f"{100 * share:.0f} %"


def decimal(value: float | None) -> str:
    """Return a coefficient with two decimals; a dash for none."""
    return "–" if value is None else f"{value:.2f}".replace("-", "−")


def item_state(state: str) -> dict[str, str]:
    """Return an item's state as a badge."""
    titles = {
        ItemState.WAITING: _("waiting for candidates"),
        ItemState.READY: _("ready"),
        ItemState.DONE: _("done"),
        ItemState.DISPUTE: _("disputed"),
        ItemState.BLOCKED: _("blocked"),
        ItemState.WITHDRAWN: _("withdrawn"),
    }
    known = ItemState(state)
    return {"name": state, "title": titles[known], "badge": ITEM_BADGES[known]}


def request_state(state: str) -> dict[str, str]:
    """Return a generation request's state as a badge."""
    titles = {
        RequestState.PENDING: _("waiting"),
        RequestState.LEASED: _("being written"),
        RequestState.DONE: _("done"),
        RequestState.DEAD: _("failed for good"),
        RequestState.CANCELLED: _("cancelled"),
    }
    known = RequestState(state)
    return {"title": titles[known], "badge": REQUEST_BADGES[known]}


def said(
    questions: Sequence[Mapping[str, Any]],
    values: Mapping[str, Any],
    shown: Sequence[int],
    numbers: Mapping[int, str],
) -> list[dict[str, str]]:
    """Return a response's answers in words, in the order asked; candidates by `numbers`.

    `questions` are those it was given under, as on the wire; `numbers` names each
    candidate id as the item's page does (`#1`).
    """
    ids = ids_by_key(shown)
    names = {key: numbers.get(int(one), key) for key, one in ids.items()}
    found = []
    for question in questions:
        value = values.get(question["name"])
        if value is not None:
            words = _words(question, value, names)
            found.append(
                {"name": question["name"], "title": question["title"], "words": words[:MAX_WORDS]}
            )
    return found


def decided(question: Mapping[str, Any] | None, value: Any, numbers: Mapping[int, str]) -> str:
    """Return a consensus in words; its candidates are named by ids."""
    if value is None:
        return _("undecided")
    if question is None:
        return _plain(value)
    return _words(question, value, {str(one): name for one, name in numbers.items()})


def _words(question: Mapping[str, Any], value: Any, names: Mapping[str, str]) -> str:
    kind, per = QuestionType(question["type"]), Per(question.get("per", "task"))
    try:
        named = with_ids(value, kind=kind, per=per, ids=names)
        if per is Per.CANDIDATE:
            return "; ".join(
                f"{key}: {_one(question, kind, v)}" for key, v in sorted(named.items())
            )
        return _one(question, kind, named)
    except (AttributeError, KeyError, TypeError, ValueError):
        return _plain(value)  # an imported or older answer of another shape


def _one(question: Mapping[str, Any], kind: QuestionType, value: Any) -> str:
    match kind:
        case QuestionType.PREFERENCE:
            return _preference(value)
        case QuestionType.RANKING:
            return " > ".join(" = ".join(group) for group in value)
        case QuestionType.LABEL:
            return _titles(question).get(value, str(value))
        case QuestionType.LABELS:
            titles = _titles(question)
            return ", ".join(titles.get(one, one) for one in value) or _("none")
        case QuestionType.EDIT:
            text = "\n\n".join(value["turns"]) if "turns" in value else value["text"]
            return f"{value['from']} → {text}" if value.get("from") else text
        case QuestionType.SPANS:
            n = len(value)
            labels = ", ".join(sorted({str(span["label"]) for span in value}))
            marked = ngettext("%(n)d span", "%(n)d spans", n) % {"n": n}
            return f"{marked}: {labels}" if labels else marked
        case _:
            return str(value)


def _preference(value: Mapping[str, Any]) -> str:
    better = value["better"]
    if better == "tie":
        return _("equally good")
    if better == "neither":
        leaning = value.get("leaning")
        return _("neither, %(key)s less bad") % {"key": leaning} if leaning else _("neither")
    strength = value.get("strength")
    return f"{better} (+{strength})" if strength else str(better)


def _titles(question: Mapping[str, Any]) -> dict[str, str]:
    return {option["value"]: option["title"] for option in question.get("options") or ()}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
