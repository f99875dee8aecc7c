"""Why: pages by keyset: row after row by key, however many rows come and go meanwhile.

The cursor is the id (UUID) of the last row of the page before.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from labeling.errors import Invalid

R = TypeVar("R", bound=Model)
"""Rows with a `uid`."""


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """Some rows, and the cursor of what follows them, or None."""

    rows: list[R]
    next: str | None


def page(
    rows: QuerySet[R],
    *,
    scope: QuerySet[R] | None = None,
    cursor: str | None,
    limit: int,
    is_newest_first: bool = False,
) -> Page[R]:
    """Return the rows behind the cursor. One query, and one for a cursor.

    `scope`: all rows a cursor may name; the rows themselves unless they are filtered.

    Raises:
        Invalid: the cursor is none of the scope's rows.
    """
    sign = "-" if is_newest_first else ""
    rows = rows.order_by(f"{sign}id")
    if cursor is not None:
        last = _key_of(rows if scope is None else scope, cursor)
        rows = rows.filter(id__lt=last) if is_newest_first else rows.filter(id__gt=last)
    found: list[Any] = list(rows[: limit + 1])
    more = str(found[limit - 1].uid) if len(found) > limit else None
    return Page(found[:limit], more)


def answer(line: type[Serializer[Any]], found: Page[Any], **context: Any) -> Response:
    """Return a page as JSON."""
    lines = line(found.rows, many=True, context=context)
    return Response({"results": lines.data, "next": found.next})


def _key_of(scope: QuerySet[Any], cursor: str) -> int:
    try:
        found = scope.order_by().filter(uid=uuid.UUID(cursor)).values_list("id", flat=True)
        return int(next(iter(found)))
    except (ValueError, StopIteration):
        raise Invalid(
            "This is no cursor of this list.", fields={"cursor": "is not a `next` of this list"}
        ) from None
