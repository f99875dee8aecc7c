"""Why: items: listed, looked at, added as rows, and steered one by one."""

from __future__ import annotations

import io
import json

from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.item_lines import (
    AddedShown,
    GoldBody,
    ItemParams,
    ItemShownLine,
    ItemShownWhole,
    OverlapShown,
    PriorityBody,
    PriorityShown,
    RowsBody,
    TakenBack,
)
from labeling.api.schema import operation, page_of
from labeling.api.views import ApiView
from labeling.exchange.readers import read_rows
from labeling.exchange.rows import BadRow, ItemRow
from labeling.operations.imports import as_json
from labeling.operations.items import (
    add_items,
    mark_gold,
    raise_overlap,
    set_priority,
    unmark_gold,
    withdraw_item,
)
from labeling.queries.items import item_detail, item_id_of, list_items
from labeling.rules.permissions import Permission
from labeling.rules.states import ItemState


class Items(ApiView):
    tag = "items"

    @operation("items_list", page_of(ItemShownLine), params=ItemParams)
    def get(self, request: Request, slug: str) -> Response:
        """List a project's items, oldest first."""
        project = self.project(slug, Permission.ITEMS_VIEW)
        asked = self.params(ItemParams)
        found = list_items(
            project_id=project.pk,
            state=ItemState(asked["state"]) if asked["state"] else None,
            search=asked["search"],
            after=asked["cursor"],
            limit=asked["limit"],
        )
        lines = ItemShownLine(found.items, many=True).data
        return Response({"results": lines, "next": found.next})

    @operation("items_add", AddedShown, body=RowsBody)
    def post(self, request: Request, slug: str) -> Response:
        """Add native rows; those that are there already count as `already`.

        Bad rows are reported by their number, from 1, and the others go in.
        """
        project = self.project(slug, Permission.ITEMS_IMPORT)
        lines = "\n".join(json.dumps(row) for row in self.body(RowsBody)["rows"]).encode()
        rows = list(
            read_rows(io.BytesIO(lines), filename="rows.jsonl", format="native", mapping={})
        )
        good = [row for row in rows if isinstance(row, ItemRow)]
        result = add_items(project_id=project.pk, rows=good)
        bad = sorted(
            [*(row for row in rows if isinstance(row, BadRow)), *result.bad],
            key=lambda row: row.row,
        )
        return Response(
            {
                "added": result.added,
                "already": result.already,
                "bad": [as_json(row) for row in bad],
            }
        )


class OneItem(ApiView):
    tag = "items"

    @operation("items_retrieve", ItemShownWhole)
    def get(self, request: Request, slug: str, item: str) -> Response:
        """Return an item with its candidates and where they come from."""
        project = self.project(slug, Permission.ITEMS_VIEW)
        return Response(ItemShownWhole(item_detail(project_id=project.pk, uid=item)).data)


class SteeredItem(ApiView):
    """What managers do to an item."""

    tag = "items"

    def item_id(self, slug: str, item: str) -> int:
        """Return the key of an item that may be managed. Raises: as project_for, NoSuchItem."""
        project = self.project(slug, Permission.ITEMS_MANAGE)
        return item_id_of(project_id=project.pk, uid=item)


class Withdraw(SteeredItem):
    @operation("items_withdraw", TakenBack)
    def post(self, request: Request, slug: str, item: str) -> Response:
        """Take an item out for good; what was answered stays."""
        n = withdraw_item(item_id=self.item_id(slug, item), actor=self.actor)
        return Response({"n_returned": n})


class Priority(SteeredItem):
    @operation("items_set_priority", PriorityShown, body=PriorityBody)
    def put(self, request: Request, slug: str, item: str) -> Response:
        """Say how soon models answer an item."""
        item_id = self.item_id(slug, item)
        said = self.body(PriorityBody)
        set_priority(item_id=item_id, actor=self.actor, **said)
        return Response(said)


class OneMore(SteeredItem):
    @operation("items_ask_one_more", OverlapShown)
    def post(self, request: Request, slug: str, item: str) -> Response:
        """Ask one more annotator about an item."""
        overlap = raise_overlap(item_id=self.item_id(slug, item), actor=self.actor)
        return Response({"overlap": overlap})


class Gold(SteeredItem):
    @operation("items_mark_gold", GoldBody, body=GoldBody)
    def put(self, request: Request, slug: str, item: str) -> Response:
        """Say what the right answers are."""
        item_id = self.item_id(slug, item)
        said = self.body(GoldBody)
        mark_gold(item_id=item_id, actor=self.actor, **said)
        return Response(said)

    @operation("items_unmark_gold", None, status=204)
    def delete(self, request: Request, slug: str, item: str) -> Response:
        """Make an item an ordinary one again."""
        unmark_gold(item_id=self.item_id(slug, item), actor=self.actor)
        return Response(status=204)
