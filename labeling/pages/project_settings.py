"""Why: the settings of a running project as one form; the keys are the config's own."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from labeling.errors import DomainError, Invalid
from labeling.models import Project, Workspace
from labeling.operations.project_settings import change_settings
from labeling.operations.versions import set_slate
from labeling.pages import project_reads as reads
from labeling.pages.project_shared import actor_of, done, mistakes_of, project_page, show
from labeling.rules.permissions import Permission
from labeling.rules.project_config import SlateLine
from labeling.rules.states import GateMode, OrderStrategy, ReasoningDisplay

TEXTS = ("name", "description")
NUMBERS = (
    "overlap",
    "overlap_max",
    "candidates_needed",
    "lease_s",
    "hold_s",
    "max_parked",
    "skip_limit",
    "amend_s",
    "resample_limit",
)
CHECKS = ("is_restricted", "shows_feedback")
WORDS = ("order_strategy", "reasoning_display", "gate_mode")


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Permission.PROJECT_MANAGE)
def settings(request: HttpRequest, project: Project) -> HttpResponse:
    """Show and change the settings."""
    if request.method != "POST":
        return _page(request, project, _stored(project), None)
    try:
        change_settings(project=project, changes=_changes(request), actor=actor_of(request))
    except Invalid as error:
        return _page(request, project, request.POST.dict(), error)
    return done(request, _("The settings are saved."), "project_settings", project.slug)


@require_POST
@project_page(Permission.PROJECT_MANAGE)
def slate(request: HttpRequest, project: Project) -> HttpResponse:
    """Give the project a new slate, for items that come from now on."""
    new = set_slate(
        project=project,
        slate=[SlateLine(name, n) for name, n in read_slate(request)],
        actor=actor_of(request),
    )
    words = _("Version %(n)d of the slate holds for items that come from now on.")
    return done(request, words % {"n": new.version}, "project_settings", project.slug)


def read_slate(request: HttpRequest) -> list[tuple[str, int]]:
    """Return the policies with samples from fields `samples:<policy>`; empty or 0 is none.

    Raises: Invalid.
    """
    lines = []
    for field, text in request.POST.items():
        name = field.removeprefix("samples:")
        if name == field or not str(text).strip():
            continue
        n = read_number(str(text))
        if n is None or not 0 <= n <= 64:
            why = _("Must be a whole number from 0 to 64.")
            raise Invalid(_("The slate has a mistake."), fields={field: why})
        if n:
            lines.append((name, n))
    return lines


def read_number(text: str) -> int | None:
    """Return a whole number, or None where the text is none."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else None


def policy_lines(workspace: Workspace, samples: dict[str, str]) -> list[dict[str, Any]]:
    """Return the policies a workspace may use, with the number of samples given for each."""
    return [
        {
            "name": policy.name,
            "model": policy.model,
            "endpoint": policy.endpoint.name,
            "parameters": ", ".join(f"{k} {v}" for k, v in policy.parameters.items()),
            "field": f"samples:{policy.name}",
            "samples": samples.get(policy.name, ""),
        }
        for policy in reads.policies_for(workspace)
    ]


def _page(
    request: HttpRequest, project: Project, values: dict[str, Any], error: DomainError | None
) -> HttpResponse:
    chosen = {entry.policy.name: str(entry.n_samples) for entry in reads.slate_of(project)}
    context = {
        "values": values,
        "error": error,
        "wrong": error.fields if error else {},
        "mistakes": mistakes_of(error) if error else [],
        "choices": {
            "order_strategy": _order_words(),
            "reasoning_display": _reasoning_words(),
            "gate_mode": _gate_words(),
        },
        "policies": policy_lines(project.workspace, chosen),
        "foreign_policies": sorted(
            chosen.keys() - {policy.name for policy in reads.policies_for(project.workspace)}
        ),
    }
    return show(
        request, project, "settings", "settings.html", context, status=422 if error else 200
    )


def _stored(project: Project) -> dict[str, Any]:
    values = {name: getattr(project, name) for name in (*TEXTS, *NUMBERS, *CHECKS, *WORDS)}
    shown = "\n".join(project.metadata_shown)
    return {key: "" if v is None else v for key, v in values.items()} | {"metadata_shown": shown}


def _changes(request: HttpRequest) -> dict[str, Any]:
    """Return the form as a config: numbers as numbers, what is empty as no limit or absent."""
    given = request.POST
    changes: dict[str, Any] = {name: given.get(name, "") for name in TEXTS if name in given}
    for name in NUMBERS:
        text = given.get(name, "").strip()
        if text:
            number = read_number(text)
            changes[name] = text if number is None else number
    changes |= {name: name in given for name in CHECKS}
    changes |= {name: given[name] for name in WORDS if given.get(name)}
    lines = given.get("metadata_shown", "").splitlines()
    changes["metadata_shown"] = [line.strip() for line in lines if line.strip()]
    return changes


def _order_words() -> list[tuple[str, str]]:
    words = {
        OrderStrategy.FINISH_STARTED: _("finish items that were begun first"),
        OrderStrategy.SPREAD: _("spread over as many items as possible"),
        OrderStrategy.PRIORITY: _("by priority"),
        OrderStrategy.RANDOM: _("random"),
        OrderStrategy.VALUE: _("most informative first"),
    }
    return [(key.value, words[key]) for key in OrderStrategy]


def _reasoning_words() -> list[tuple[str, str]]:
    words = {
        ReasoningDisplay.SHOW: _("shown"),
        ReasoningDisplay.FOLD: _("folded"),
        ReasoningDisplay.HIDE: _("hidden"),
    }
    return [(key.value, words[key]) for key in ReasoningDisplay]


def _gate_words() -> list[tuple[str, str]]:
    words = {
        GateMode.MARK: _("marked (hides nothing)"),
        GateMode.RESAMPLE: _("sampled again"),
    }
    return [(key.value, words[key]) for key in GateMode]
