"""Whether simulated annotators may still expect work."""

from __future__ import annotations

from labeling.models import GenerationRequest
from labeling.rules.states import RequestState


def has_work_coming(project_id: int) -> bool:
    """Return whether candidates are still being made for a project."""
    return GenerationRequest.objects.filter(
        project_id=project_id, state__in=[RequestState.PENDING, RequestState.LEASED]
    ).exists()
