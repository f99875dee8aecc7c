"""Why: a slug made from a name is free, so that nobody has to think of one."""

from __future__ import annotations

from django.db.models import Model, QuerySet
from django.utils.text import slugify


def free_slug(rows: QuerySet[Model], name: str, *, default: str, max_chars: int) -> str:
    """Return `name` as a slug, with a number behind it where that is taken.

    Two that ask at once may get the same: the UNIQUE constraint decides between them.
    """
    base = slugify(name)[: max_chars - 6].strip("-_") or default
    taken = set(rows.filter(slug__startswith=base).values_list("slug", flat=True))
    if base not in taken:
        return base
    return next(slug for n in range(2, len(taken) + 3) if (slug := f"{base}-{n}") not in taken)
