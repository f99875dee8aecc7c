"""Why: one's own account: name, time zone, API tokens, sessions."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from labeling.errors import DomainError
from labeling.models import ApiToken
from labeling.operations.tokens import create_token, revoke_token
from labeling.operations.users import log_out_everywhere, update_profile
from labeling.pages import forms
from labeling.pages.guards import actor_of, add_errors, member_page, user_of
from labeling.queries.people import memberships_of, tokens_of
from labeling.rules.permissions import default_scopes


@require_GET
@member_page
def account(request: HttpRequest) -> HttpResponse:
    """Show one's account."""
    return _page(request)


@require_POST
@member_page
def save_profile(request: HttpRequest) -> HttpResponse:
    """Change one's name and time zone."""
    form = forms.ProfileForm(request.POST)
    if form.is_valid():
        try:
            update_profile(user=user_of(request), actor=actor_of(request), **form.cleaned_data)
        except DomainError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect("account")
    return _page(request, profile=form)


@require_POST
@member_page
def new_token(request: HttpRequest) -> HttpResponse:
    """Make an API token and show it, this once."""
    user = user_of(request)
    form = forms.TokenForm(request.POST, scopes=default_scopes(is_ops=user.is_ops))
    if not form.is_valid():
        return _page(request, token=form)
    issued = create_token(
        user=user,
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        actor=actor_of(request),
    )
    return _page(request, secret=issued.secret)


@require_POST
@member_page
def end_token(request: HttpRequest, uid: str) -> HttpResponse:
    """Revoke one of one's own tokens."""
    token = get_object_or_404(ApiToken, user=user_of(request), uid=uid)
    revoke_token(token=token, actor=actor_of(request))
    messages.success(request, f"The token “{token.name}” works no more.")
    return redirect("account")


@require_POST
@member_page
def end_sessions(request: HttpRequest) -> HttpResponse:
    """Log out here and everywhere else."""
    log_out_everywhere(user=user_of(request), actor=actor_of(request))
    logout(request)
    return redirect("login")


def _page(
    request: HttpRequest,
    *,
    profile: forms.ProfileForm | None = None,
    token: forms.TokenForm | None = None,
    secret: str = "",
) -> HttpResponse:
    user = user_of(request)
    context = {
        "profile": profile
        or forms.ProfileForm(initial={"name": user.name, "time_zone": user.time_zone}),
        "token_form": token or forms.TokenForm(scopes=default_scopes(is_ops=user.is_ops)),
        "tokens": tokens_of(user),
        "memberships": memberships_of(user),
        "secret": secret,
    }
    return render(request, "quorum/people/account.html", context)
