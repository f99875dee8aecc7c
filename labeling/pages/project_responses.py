"""Why: what people answered, newest first, and the questions they asked meanwhile (flags)."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from labeling.models import Project
from labeling.pages import project_reads as reads
from labeling.pages.project_shared import project_page, show
from labeling.pages.project_words import ago, duration, said
from labeling.queries.quotas import progress_of_annotators
from labeling.rules.permissions import Permission
from labeling.rules.states import FlagState


@require_safe
@project_page(Permission.RESPONSES_VIEW)
def responses(request: HttpRequest, project: Project) -> HttpResponse:
    """List the responses, of everybody or of one annotator."""
    annotator = request.GET.get("annotator", "")[:80]
    lines, more = reads.list_responses(
        project, annotator=annotator, before=request.GET.get("before", "")
    )
    kept = {"annotator": annotator} if annotator else {}
    address = reverse("project_responses", args=[project.slug])
    now = timezone.now()
    context = {
        "responses": [
            {
                "row": line.response,
                "item": line.response.item.external_id or str(line.response.item.uid)[-12:],
                "said": said(
                    line.questions,
                    line.response.values,
                    line.response.assignment.shown,
                    line.numbers,
                ),
                "age": ago(line.response.submitted_at, now),
                "spent": duration(line.response.spent_ms / 1000),
            }
            for line in lines
        ],
        "annotator": annotator,
        "annotators": [row.pseudonym for row in progress_of_annotators(project)],
        "is_first": "before" not in request.GET,
        "first_url": f"{address}?{urlencode(kept)}" if kept else address,
        "next_url": f"{address}?{urlencode({**kept, 'before': more})}" if more else "",
    }
    return show(request, project, "responses", "responses.html", context)


@require_safe
@project_page(Permission.FLAG_ANSWER)
def flags(request: HttpRequest, project: Project) -> HttpResponse:
    """List the questions that desks asked."""
    now = timezone.now()
    context = {
        "flags": [
            {
                "row": flag,
                "annotator": flag.assignment.annotator.pseudonym,
                "item_uid": flag.assignment.item.uid,
                "reason": flag.reason.replace("_", " "),
                "is_open": flag.state == FlagState.OPEN,
                "age": ago(flag.created_at, now),
            }
            for flag in reads.flags(project)
        ]
    }
    return show(request, project, "flags", "flags.html", context)
