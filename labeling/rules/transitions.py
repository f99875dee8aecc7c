"""Why: decides which state a project may go to next. Pure.

`draft → active ⇄ paused → finished → archived`; a finished project may be opened
again (a late batch), an archived one is closed for good.
"""

from __future__ import annotations

from labeling.errors import Conflict
from labeling.rules.states import ProjectState

S = ProjectState

NEXT_STATES: dict[ProjectState, tuple[ProjectState, ...]] = {
    S.DRAFT: (S.ACTIVE, S.ARCHIVED),
    S.ACTIVE: (S.PAUSED, S.FINISHED),
    S.PAUSED: (S.ACTIVE, S.FINISHED),
    S.FINISHED: (S.ACTIVE, S.ARCHIVED),
    S.ARCHIVED: (),
}

CLOSED_STATES = (S.FINISHED, S.ARCHIVED)
"""States in which nobody has a task of the project on the desk."""


class StateRefused(Conflict):
    """A project cannot go from its state to the one asked for."""


def check_transition(state: ProjectState, wanted: ProjectState) -> None:
    """Refuse a change of state that the life of a project does not have.

    Raises: StateRefused.
    """
    if wanted in NEXT_STATES[state]:
        return
    ways = ", ".join(NEXT_STATES[state]) or "nothing else"
    raise StateRefused(f"A project that is {state} can become {ways}; not {wanted}.")
