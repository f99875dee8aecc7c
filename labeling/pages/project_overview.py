"""Why: the project's first page answers "how far, how fast, how well, and what is wrong".

The page and its live part are one template: the part asks again every two seconds with the
mark of what it shows, and gets 204 when nothing changed (286, no more, once archived).
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from labeling.errors import Invalid
from labeling.models import Project
from labeling.operations.candidates import retry_dead
from labeling.operations.projects import change_state
from labeling.pages import project_reads as reads
from labeling.pages.project_charts import burn_up, minute_bars, parts_of
from labeling.pages.project_hints import EndpointLook, Hint, Surroundings, hints
from labeling.pages.project_shared import (
    STATE_BADGES,
    actor_of,
    done,
    may,
    project_context,
    project_page,
    show,
    state_title,
)
from labeling.pages.project_words import age, ago, decimal, duration, item_state, percent
from labeling.queries.agreement import project_agreement
from labeling.queries.fleet import has_worker
from labeling.queries.progress import MINUTES, ProjectProgress, project_progress
from labeling.queries.quotas import progress_of_annotators
from labeling.rules.permissions import Permission
from labeling.rules.states import EnrolmentState, ProjectState
from labeling.rules.transitions import NEXT_STATES

STOP_POLLING = 286  # htmx: show this and ask no more
QUEUE = "generation"


@require_safe
@project_page(Permission.PROGRESS_VIEW)
def overview(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the project as it is now."""
    progress = project_progress(project.pk)
    context = {
        **_live(request, project, progress),
        **_burn(project, progress.slots.total),
        **_steps(project),
    }
    return show(request, project, "overview", "overview.html", context)


@require_safe
@project_page(Permission.PROGRESS_VIEW)
def live(request: HttpRequest, project: Project) -> HttpResponse:
    """Give the live part again, or 204 when the page shows it already."""
    context = _live(request, project, project_progress(project.pk))
    if request.GET.get("seen") == context["mark"]:
        return HttpResponse(status=204)
    context = {**project_context(request, project, "overview"), **context, **_steps(project)}
    context["has_new_state"] = request.GET.get("state") != project.state
    is_over = project.state == ProjectState.ARCHIVED
    return render(
        request,
        "quorum/projects/overview_live.html",
        {**context, "is_fragment": True},
        status=STOP_POLLING if is_over else 200,
    )


@require_safe
@project_page(Permission.PROGRESS_VIEW)
def burn(request: HttpRequest, project: Project) -> HttpResponse:
    """Give the burn-up chart again; it is asked for twice a minute."""
    goal = project_progress(project.pk).slots.total
    context = {"project": project, **_burn(project, goal)}
    return render(request, "quorum/projects/overview_burn.html", context)


@require_POST
@project_page(Permission.PROJECT_MANAGE)
def set_state(request: HttpRequest, project: Project) -> HttpResponse:
    """Bring the project to another state."""
    wanted = request.POST.get("state", "")
    if wanted not in list(ProjectState):
        raise Invalid(_("There is no such state."))
    change_state(project=project, state=ProjectState(wanted), actor=actor_of(request))
    said = _("The project is %(state)s now.") % {"state": state_title(ProjectState(wanted))}
    return done(request, said, "project", project.slug)


@require_POST
@project_page(Permission.ITEMS_MANAGE)
def retry(request: HttpRequest, project: Project) -> HttpResponse:
    """Ask again for the candidates that failed for good."""
    n = retry_dead(project_id=project.pk)
    words = ngettext(
        "%(n)d candidate is asked for again.", "%(n)d candidates are asked for again.", n
    )
    return done(request, words % {"n": n}, "project", project.slug)


def _live(request: HttpRequest, project: Project, progress: ProjectProgress) -> dict[str, Any]:
    """Return the live part as text with its mark. About a dozen queries, however large.

    No form is in it: a form's token differs each time, and nothing would ever be unchanged.
    """
    now = timezone.now()
    allowed = may(request, project)
    context = {
        "project": project,
        "may": allowed,
        "hints": _hints(project, progress),
        "figures": _figures(progress),
        "items": _items(progress),
        "chart": _minutes(progress, now),
        "desks": _desks(progress, now),
        "people": _people(project, now),
        "agreement": _agreement(project),
        "candidates": progress.candidates,
        "dead": reads.dead_requests(project.pk) if progress.candidates.dead else (),
    }
    body = render_to_string("quorum/projects/overview_parts.html", context, request)
    mark = hashlib.blake2b(f"{project.state}{body}".encode(), digest_size=8)
    return {"live": body, "mark": mark.hexdigest()}


def _hints(project: Project, progress: ProjectProgress) -> list[Hint]:
    n_open = progress.candidates.open
    around = Surroundings(
        has_generation_worker=has_worker(QUEUE) if n_open else True,
        endpoints=[EndpointLook(*row) for row in reads.endpoints_waited_for(project.pk)]
        if n_open
        else [],
        has_slate=bool(reads.slate_of(project)) if progress.items["waiting"] else True,
        candidates_needed=project.candidates_needed,
        n_flags=reads.n_open_flags(project),
    )
    return hints(ProjectState(project.state), progress, around)


def _figures(progress: ProjectProgress) -> dict[str, Any]:
    slots, responses, forecast = progress.slots, progress.responses, progress.forecast
    left = max(0, slots.total - slots.answered)
    return {
        "n_items": progress.n_items,
        "items_done": progress.items["done"],
        "slots": slots,
        "responses": responses,
        "share": percent(slots.answered / slots.total if slots.total else None),
        "left": left,
        "pace": f"{forecast.per_minute:.1f}" if forecast else "0",
        "forecast": _forecast(progress, left),
    }


def _forecast(progress: ProjectProgress, left: int) -> dict[str, str]:
    """Return when the project will be done at this pace, with the range."""
    forecast = progress.forecast
    if not left:
        return {"value": _("nothing left") if progress.slots.total else "–", "range": ""}
    if forecast is None:
        return {"value": "–", "range": _("no answers in the last quarter of an hour")}
    low = duration(forecast.low_s)
    if forecast.high_s is None:
        words = _("at least %(low)s: the pace is too uneven to say more") % {"low": low}
    else:
        words = _("between %(low)s and %(high)s") % {"low": low, "high": duration(forecast.high_s)}
    return {"value": duration(forecast.left_s), "range": words}


def _items(progress: ProjectProgress) -> dict[str, Any]:
    order = ("done", "dispute", "ready", "waiting", "blocked", "withdrawn")
    counts = [(name, item_state(name)["title"], progress.items[name]) for name in order]
    return {"parts": parts_of(counts), "counts": [c for c in counts if c[2] or c[0] == "done"]}


def _minutes(progress: ProjectProgress, now: datetime) -> dict[str, Any]:
    series = progress.responses.per_minute
    times = [now - timedelta(minutes=MINUTES - 1 - i) for i in range(len(series))]
    labels = [
        ngettext("%(n)d answer at %(time)s", "%(n)d answers at %(time)s", n)
        % {"n": n, "time": formats.time_format(timezone.localtime(at), "H:i")}
        for n, at in zip(series, times, strict=True)
    ]
    n = progress.responses.last_hour
    words = ngettext(
        "%(n)d answer in the last hour, at most %(most)d in a minute.",
        "%(n)d answers in the last hour, at most %(most)d in a minute.",
        n,
    )
    return {
        "bars": minute_bars(series, labels),
        "alternative": words % {"n": n, "most": max(series, default=0)},
    }


def _desks(progress: ProjectProgress, now: datetime) -> list[dict[str, Any]]:
    words = {"working": (_("working"), "good"), "waiting": (_("waits for work"), "warn")}
    return [
        {
            "annotator": desk.annotator,
            "state": words.get(desk.state, (_("idle"), ""))[0],
            "badge": words.get(desk.state, ("", ""))[1],
            "since": age(desk.since, now),
            "n_held": desk.n_held,
        }
        for desk in progress.desks
    ]


def _people(project: Project, now: datetime) -> list[dict[str, Any]]:
    rows = progress_of_annotators(project)
    return [
        {
            "row": row,
            "last": ago(row.last_answer_at, now),
            "is_paused": row.state is EnrolmentState.PAUSED,
            "is_removed": row.state is EnrolmentState.REMOVED,
        }
        for row in sorted(rows, key=lambda one: (-one.n_answered, one.pseudonym))
        if row.state is not EnrolmentState.REMOVED or row.n_answered
    ]


def _agreement(project: Project) -> list[dict[str, Any]]:
    found = project_agreement(project.pk, may_be_stale=True)
    why = {
        "no_pairs": _("no item has two answers yet"),
        "no_variation": _("everybody says the same everywhere"),
        "not_measured": _("free text: only equality is counted"),
    }
    return [
        {
            "title": one["title"],
            "name": name,
            "percent": percent(one["percent"]),
            "alpha": decimal(one["alpha"]),
            "interval": [decimal(v) for v in (one["interval"]["low"], one["interval"]["high"])]
            if one["interval"]
            else None,
            "level": one["level"].replace("_", " "),
            "n_units": one["n_units"],
            "n_ratings": one["n_ratings"],
            "why": why.get(str(one["extras"].get("undefined", "")), ""),
            "read": one["responses"],
        }
        for name, one in found.items()
    ]


def _burn(project: Project, goal: int) -> dict[str, Any]:
    found = reads.burn_of(project.pk)
    answered = found.counts[-1] if found.counts else 0
    return {
        "burn": burn_up(found.counts, goal) if found.counts else None,
        "burn_since": found.since,
        "burn_goal": goal,
        "burn_alternative": _("%(answered)d of %(goal)d answers so far.")
        % {"answered": answered, "goal": goal},
    }


def _steps(project: Project) -> dict[str, Any]:
    """Return the buttons that change the state, the most likely one first."""
    S = ProjectState
    state = S(project.state)
    titles = {
        S.ACTIVE: _("Resume") if state is S.PAUSED else _("Activate"),
        S.PAUSED: _("Pause"),
        S.FINISHED: _("Finish"),
        S.ARCHIVED: _("Archive"),
    }
    if state is S.FINISHED:
        titles[S.ACTIVE] = _("Open again")
    asks = {
        S.FINISHED: _("Finish the project? What is on the desks comes back."),
        S.ARCHIVED: _("Archive the project for good? It can never be opened again."),
    }
    return {
        "steps": [
            {
                "state": step.value,
                "title": titles[step],
                "confirm": asks.get(step, ""),
                "is_primary": step is S.ACTIVE,
                "is_danger": step is S.ARCHIVED,
            }
            for step in NEXT_STATES[state]
        ],
        "state_badge": STATE_BADGES[state],
        "state_title": state_title(state),
    }
