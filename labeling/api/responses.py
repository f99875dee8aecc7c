"""Why: responses as they were given, page by page; training sets are snapshots."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response as Answer

from labeling.api import paging
from labeling.api.item_lines import ResponseLine, ResponseParams
from labeling.api.schema import operation, page_of
from labeling.api.views import ApiView
from labeling.models import Candidate, Response
from labeling.rules.permissions import Permission


class Responses(ApiView):
    tag = "responses"

    @operation("responses_list", page_of(ResponseLine), params=ResponseParams)
    def get(self, request: Request, slug: str) -> Answer:
        """List a project's responses, oldest first."""
        project = self.project(slug, Permission.RESPONSES_VIEW)
        asked = self.params(ResponseParams)
        scope = Response.objects.filter(project=project)
        rows = scope.select_related("item", "annotator", "assignment", "questions", "guidelines")
        rows = rows.defer("item__rendered", "item__messages", "item__metadata", "item__context")
        if asked["item"]:
            rows = rows.filter(item__uid=asked["item"])
        if asked["annotator"]:
            rows = rows.filter(annotator__pseudonym=asked["annotator"])
        if not asked["revisions"]:
            rows = rows.filter(is_current=True)
        found = paging.page(rows, scope=scope, cursor=asked["cursor"], limit=asked["limit"])
        return paging.answer(ResponseLine, found, candidates=_uids(found.rows))


def _uids(responses: list[Response]) -> dict[int, str]:
    """Return the ids outside of all candidates that were shown. One query."""
    shown = {pk for response in responses for pk in response.assignment.shown}
    found = Candidate.objects.filter(pk__in=shown).values_list("id", "uid")
    return {pk: str(uid) for pk, uid in found}
