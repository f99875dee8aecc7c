"""Why: the few things that templates cannot say by themselves."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html

register = template.Library()


@register.simple_tag
def url_if(name: str, *args: Any, **kwargs: Any) -> str:
    """Return the address of that name, or nothing where this installation has no such page."""
    try:
        return reverse(name, args=args, kwargs=kwargs)
    except NoReverseMatch:
        return ""


@register.simple_tag(takes_context=True)
def nav_link(context: dict[str, Any], name: str, title: str) -> str:
    """Return a link of the bar at the top, marked where it is the page at hand."""
    url = url_if(name)
    if not url:
        return ""
    request = context.get("request")
    here = bool(request and request.path == url)
    return format_html('<a href="{}"{}>{}</a>', url, ' aria-current="page"' * here, title)


@register.filter
def percent_of(part: int | None, whole: int | None) -> int:
    """Return how many per cent `part` is of `whole`, rounded down: 100 means all of it.

    >>> percent_of(1, 3), percent_of(3, 3), percent_of(0, 0)
    (33, 100, 0)
    """
    return int(100 * part / whole) if part and whole else 0


STATE_TONES = {
    "active": "good",
    "ready": "good",
    "paused": "warn",
    "dispute": "warn",
    "blocked": "bad",
    "finished": "accent",
    "done": "accent",
}


@register.filter
def tone(state: str) -> str:
    """Return the badge's class of a state: `good`, `warn`, `bad`, `accent` or nothing."""
    return STATE_TONES.get(state, "")
