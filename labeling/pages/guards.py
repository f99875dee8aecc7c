"""Why: how a page treats who asks: logged in, allowed, and told what went wrong.

A view makes one domain call and lets its errors fly: here NotFound becomes 404,
Forbidden 403, and everything else a sentence on the page it came from.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from generation.errors import GenerationError
from labeling.errors import DomainError, ErrorKind
from labeling.models import User
from labeling.operations.audit import Actor

View = TypeVar("View", bound=Callable[..., HttpResponse])


def member_page(view: View) -> View:
    """Wrap a view that needs somebody logged in and calls the domain."""

    @never_cache
    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except (DomainError, GenerationError) as error:
            return _told(request, error)

    return cast(View, guarded)


def user_of(request: HttpRequest) -> User:
    """Return who is logged in; the view is behind `member_page`."""
    return cast(User, request.user)


def actor_of(request: HttpRequest) -> Actor:
    """Return who acts, for the audit trail."""
    return Actor(user=user_of(request), via="page")


def add_errors(form: BaseForm, error: DomainError | GenerationError) -> None:
    """Put an error beside the fields that it names, or on top of the form."""
    named = {path: why for path, why in error.fields.items() if path in form.fields}
    for path, why in named.items():
        form.add_error(path, why)
    if not named:
        form.add_error(None, error.detail)


def _told(request: HttpRequest, error: DomainError | GenerationError) -> HttpResponse:
    if error.kind == ErrorKind.NOT_FOUND:
        raise Http404(error.detail) from error
    if error.kind == ErrorKind.FORBIDDEN and request.method == "GET":
        raise PermissionDenied(error.detail) from error
    messages.error(request, " ".join([error.detail, *error.fields.values()]))
    came_from = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(came_from, {request.get_host()}, request.is_secure()):
        came_from = "home"
    return redirect(came_from)
