"""Why: "nothing moves" is the question a manager asks most; the page answers it in words.

Pure: decides from numbers that were read. The most pressing comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from labeling.queries.progress import ProjectProgress
from labeling.rules.states import ProjectState


@dataclass(frozen=True, slots=True)
class EndpointLook:
    """How one of the servers is that this project's open requests wait for."""

    name: str
    state: str
    health: str
    breaker: str
    n_open: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What outside of a project decides whether it moves."""

    has_generation_worker: bool
    endpoints: Sequence[EndpointLook]
    has_slate: bool
    candidates_needed: int
    n_flags: int = 0


@dataclass(frozen=True, slots=True)
class Hint:
    """A sentence, how grave it is (`bad`, `warn`, or plain), and where to go about it."""

    text: str
    grade: str = ""
    link: str = ""
    link_text: str = ""


def hints(state: ProjectState, progress: ProjectProgress, around: Surroundings) -> list[Hint]:
    """Return what keeps a project from moving, or what could be done next."""
    if state in (ProjectState.FINISHED, ProjectState.ARCHIVED):
        return []
    if not progress.n_items:
        return [
            Hint(
                _("The project has no items yet."),
                link="project_imports",
                link_text=_("Import prompts"),
            )
        ]
    if state is ProjectState.DRAFT:
        return [
            Hint(_("This is a draft: nothing is asked of models or people until you activate it."))
        ]
    found = [*_of_candidates(progress, around), *_of_people(state, progress)]
    if around.n_flags:
        words = ngettext(
            "%(n)d question from a desk waits for an answer.",
            "%(n)d questions from desks wait for an answer.",
            around.n_flags,
        )
        found.append(Hint(words % {"n": around.n_flags}, "", "project_flags", _("Read them")))
    return sorted(found, key=lambda hint: ("bad", "warn", "").index(hint.grade))


def _of_candidates(progress: ProjectProgress, around: Surroundings) -> list[Hint]:
    found = []
    n_open = progress.candidates.open
    if n_open and not around.has_generation_worker:
        words = ngettext(
            "No worker is alive for queue generation, so %(n)d candidate waits.",
            "No worker is alive for queue generation, so %(n)d candidates wait.",
            n_open,
        )
        found.append(Hint(words % {"n": n_open}, "bad"))
    found += [hint for one in around.endpoints if (hint := _of_endpoint(one))]
    waiting = progress.items["waiting"]
    if waiting and not n_open and around.candidates_needed and not around.has_slate:
        words = ngettext(
            "%(n)d item waits for candidates, but the slate names no policy: no endpoint was "
            "set up when the project was made.",
            "%(n)d items wait for candidates, but the slate names no policy: no endpoint was "
            "set up when the project was made.",
            waiting,
        )
        found.append(Hint(words % {"n": waiting}, "bad", "project_settings", _("Set the slate")))
    if progress.candidates.dead:
        words = ngettext(
            "%(n)d candidate failed for good.",
            "%(n)d candidates failed for good.",
            progress.candidates.dead,
        )
        found.append(Hint(words % {"n": progress.candidates.dead}, "warn"))
    return found


def _of_endpoint(one: EndpointLook) -> Hint | None:
    name = {"name": one.name}
    if one.state == "paused":
        return Hint(_("Endpoint “%(name)s” is paused by ops.") % name, "warn")
    if one.state == "drained":
        return Hint(_("Endpoint “%(name)s” is being drained: it takes nothing new.") % name, "warn")
    if one.breaker == "open":
        return Hint(
            _("Endpoint “%(name)s” keeps failing and is left alone for a moment.") % name, "bad"
        )
    if one.health == "down":
        return Hint(_("Endpoint “%(name)s” does not answer.") % name, "bad")
    return None


def _of_people(state: ProjectState, progress: ProjectProgress) -> list[Hint]:
    if state is ProjectState.PAUSED:
        return [Hint(_("The project is paused: nobody can claim or submit."), "warn")]
    slots, items = progress.slots, progress.items
    found = []
    if items["blocked"]:
        words = ngettext(
            "%(n)d item is blocked and needs a look.",
            "%(n)d items are blocked and need a look.",
            items["blocked"],
        )
        found.append(Hint(words % {"n": items["blocked"]}, "warn", "project_items", _("Show them")))
    if slots.open and not progress.desks:
        words = ngettext(
            "%(n)d place is open, and nobody is at a desk.",
            "%(n)d places are open, and nobody is at a desk.",
            slots.open,
        )
        found.append(Hint(words % {"n": slots.open}))
    elif slots.open and not slots.held and all(desk.state != "working" for desk in progress.desks):
        found.append(
            Hint(
                _("Places are open, but everybody at a desk has reached a quota or did them all."),
                "warn",
                "project_people",
                _("Look at the quotas"),
            )
        )
    if items["done"] and not (items["waiting"] or items["ready"] or items["blocked"]):
        found.append(Hint(_("Every item is done."), "", "project_exports", _("Export the results")))
    return found
