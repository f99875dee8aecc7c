"""Why: ops ask three things: is it healthy, what is stuck, what do I do. One page answers.

Rows only: processes read what is wanted of them with their next beat.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from generation.kinds import EndpointState
from generation.operations import set_endpoint_state
from labeling.errors import Forbidden, Invalid
from labeling.operations.candidates import retry_dead
from labeling.operations.fleet import set_wanted
from labeling.pages import project_reads as reads
from labeling.pages.guards import actor_of, member_page, user_of
from labeling.pages.project_words import duration
from labeling.queries import fleet as queries
from labeling.queries.access import check_instance
from labeling.rules.permissions import Permission, is_allowed
from labeling.rules.states import ProcessKind, WantedState

QUEUES = ("default", "generation", "exchange", "quality")
"""Those that the service cannot do without; workers may serve more."""


@require_safe
@member_page
def fleet(request: HttpRequest) -> HttpResponse:
    """Show the fleet."""
    _check(request, Permission.FLEET_VIEW)
    return render(request, "quorum/fleet/fleet.html", _live(request))


@require_safe
@member_page
def live(request: HttpRequest) -> HttpResponse:
    """Give the fleet again, or 204 when the page shows it already."""
    _check(request, Permission.FLEET_VIEW)
    context = _live(request)
    if request.GET.get("seen") == context["mark"]:
        return HttpResponse(status=204)
    return render(request, "quorum/fleet/live.html", context)


@require_POST
@member_page
def steer(request: HttpRequest) -> HttpResponse:
    """Say what is wanted of a process, a queue or an endpoint, named in the button's value."""
    _check(request, Permission.FLEET_STEER)
    kind, _sep, rest = request.POST.get("steer", "").partition(":")
    wanted, _sep, name = rest.partition(":")
    if kind == "endpoint" and wanted in list(EndpointState) and name.isdecimal():
        _check(request, Permission.ENDPOINT_MANAGE)
        set_endpoint_state(endpoint_id=int(name), state=EndpointState(wanted))
    elif kind in ("process", "queue") and wanted in list(WantedState):
        named = {"process": name} if kind == "process" else {"queue": name}
        set_wanted(actor=actor_of(request), wanted=WantedState(wanted), **named)
    elif kind == "retry" and wanted.isdecimal():
        retry_dead(project_id=int(wanted))
    else:
        raise Invalid(_("There is no such action."))
    return redirect("fleet")


def _check(request: HttpRequest, permission: Permission) -> None:
    """Refuse whoever is not ops. Raises: PermissionDenied."""
    try:
        check_instance(user_of(request), permission)
    except Forbidden as error:
        raise PermissionDenied(error.detail) from error


def _live(request: HttpRequest) -> dict[str, Any]:
    processes = queries.list_processes()
    queues = queries.list_queues(QUEUES)
    loads = queries.list_endpoint_loads()
    user = user_of(request)
    context = {
        "problems": _problems(processes, queues, loads),
        "workers": [_process(one) for one in processes if one.kind != ProcessKind.WEB],
        "webs": [_process(one) for one in processes if one.kind == ProcessKind.WEB],
        "queues": [_queue(one) for one in queues],
        "endpoints": [_endpoint(load) for load in loads],
        "requests": queries.request_counts(),
        "dead": reads.dead_by_project(),
        "may_steer": is_allowed(Permission.FLEET_STEER, None, user.is_ops),
    }
    body = render_to_string("quorum/fleet/parts.html", context, request)
    return {"live": body, "mark": hashlib.blake2b(body.encode(), digest_size=8).hexdigest()}


def _problems(
    processes: list[queries.ProcessStatus],
    queues: list[queries.QueueStatus],
    loads: list[queries.EndpointLoad],
) -> list[str]:
    found = [
        _("No worker is alive for queue %(name)s.") % {"name": queue.name}
        for queue in queues
        if not queue.has_worker and queue.name in QUEUES
    ]
    if not any(one.kind == ProcessKind.SCHEDULER and one.is_alive for one in processes):
        found.append(_("No scheduler is alive: sweeps do not run, and leases do not return."))
    for load in loads:
        endpoint, n = load.endpoint, load.n_pending
        if endpoint.state == EndpointState.ACTIVE and endpoint.health == "down":
            words = ngettext(
                "Endpoint “%(name)s” is down; %(n)d request waits for it.",
                "Endpoint “%(name)s” is down; %(n)d requests wait for it.",
                n,
            )
            found.append(words % {"name": endpoint.name, "n": n})
        if endpoint.is_changed:
            words = _("Endpoint “%(name)s” serves another model or version than was confirmed.")
            found.append(words % {"name": endpoint.name})
    return found


def _process(one: queries.ProcessStatus) -> dict[str, Any]:
    silent = _("silent for %(time)s") % {"time": duration(one.silent_s)}
    wanted = WantedState(one.wanted)
    return {
        "row": one,
        "is_drained": wanted is not WantedState.RUN,
        "wanted": {
            WantedState.RUN: _("run"),
            WantedState.DRAIN: _("drain"),
            WantedState.PAUSE: _("pause"),
        }[wanted],
        "health": _("alive") if one.is_alive else silent,
        "badge": "good" if one.is_alive else "bad",
    }


def _queue(one: queries.QueueStatus) -> dict[str, Any]:
    return {
        "row": one,
        "oldest": duration(one.oldest_s) if one.oldest_s is not None else "–",
        "is_paused": one.wanted != WantedState.RUN,
        "is_measured": one.measured_at is not None,
    }


def _endpoint(load: queries.EndpointLoad) -> dict[str, Any]:
    one = load.endpoint
    badges = {"up": "good", "down": "bad"}
    health = {"up": _("up"), "down": _("down")}.get(one.health, _("unknown"))
    breaker = {"open": _("open: left alone for a moment"), "half_open": _("one trial is out")}
    return {
        "row": one,
        "load": load,
        "health": health,
        "badge": badges.get(one.health, ""),
        "breaker": breaker.get(one.breaker_state, _("closed")),
        "oldest": duration(load.oldest_due_s) if load.oldest_due_s is not None else "–",
        "models": ", ".join(model.id for model in one.models_found),
        "is_active": one.state == EndpointState.ACTIVE,
        "error": one.last_error_class.replace("_", " "),
    }
