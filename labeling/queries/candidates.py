"""Why: reads of candidates for those who write new ones. Never for desks."""

from __future__ import annotations

from generation.specs import AnswerTurn
from labeling.models import Candidate


def sibling_turns(*, item_id: int) -> list[list[AnswerTurn]]:
    """Return the turns of the candidates that an item has, oldest first. One query."""
    rows = Candidate.objects.filter(item_id=item_id).order_by("id").values_list("turns", flat=True)
    return [
        [
            AnswerTurn(
                content=turn.get("text", ""),
                reasoning=turn.get("reasoning", ""),
                tool_calls=tuple(turn.get("tool_calls", ())),
            )
            for turn in turns
        ]
        for turns in rows
    ]
