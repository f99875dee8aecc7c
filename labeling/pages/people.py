"""Why: logging in and out, invitations, and who is in a workspace as what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, views
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from labeling.errors import DomainError
from labeling.models import Invitation, Membership, User, Workspace
from labeling.operations.invitations import (
    accept_invitation,
    check_invitation,
    invite,
    revoke_invitation,
)
from labeling.operations.members import remove_member, set_role
from labeling.operations.users import note_logout
from labeling.pages import forms
from labeling.pages.guards import actor_of, add_errors, member_page, user_of
from labeling.queries.access import workspace_for
from labeling.queries.people import (
    invitation_of,
    members_of,
    open_invitations,
    pseudonyms_in,
    role_in,
)
from labeling.rules.permissions import Permission, can_give
from labeling.rules.states import Role

BACKEND = "labeling.pages.authentication.EmailBackend"


class Login(views.LoginView):
    authentication_form = forms.LoginForm
    template_name = "quorum/people/login.html"
    redirect_authenticated_user = True


class Logout(views.LogoutView):
    """Ends the session; the user's open sockets close."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if isinstance(request.user, User):
            note_logout(user=request.user)
        return super().post(request, *args, **kwargs)


class ChangePassword(views.PasswordChangeView):
    form_class = forms.ChangePasswordForm
    template_name = "quorum/people/password_change.html"
    success_url = reverse_lazy("account")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Your password was changed.")
        return super().form_valid(form)


class ResetPassword(views.PasswordResetView):
    form_class = forms.ResetPasswordForm
    template_name = "quorum/people/password_reset.html"
    email_template_name = "quorum/email/password_reset.txt"
    subject_template_name = "quorum/email/password_reset_subject.txt"
    success_url = reverse_lazy("password_reset_done")
    # The address people know, not the Host header of whoever asked for the e-mail.
    extra_email_context = {"public_url": settings.PUBLIC_URL}


class ResetPasswordDone(views.PasswordResetDoneView):
    template_name = "quorum/people/password_reset_done.html"


class NewPassword(views.PasswordResetConfirmView):
    form_class = forms.NewPasswordForm
    template_name = "quorum/people/password_new.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Your new password holds: log in with it.")
        return super().form_valid(form)


# --- invitations ------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@never_cache
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Show an invitation, and accept it as whoever is logged in or as a new user."""
    found = invitation_of(secret)
    try:
        check_invitation(found, now=timezone.now())
    except DomainError as error:
        context = {"problem": error.detail}
        return render(request, "quorum/people/invitation.html", context, status=410)
    assert found is not None
    user = request.user if isinstance(request.user, User) else None
    posted = request.POST if request.method == "POST" else None
    form = forms.AcceptForm(posted, fixed_email=found.email)
    if posted is not None and (user is not None or form.is_valid()):
        try:
            member = accept_invitation(
                secret=secret, user=user, **({} if user else _new_user(form))
            )
        except DomainError as error:
            if user is not None:
                messages.error(request, error.detail)
                return redirect(request.path)
            add_errors(form, error)
        else:
            if user is None:
                login(request, member.user, backend=BACKEND)
            messages.success(request, f"Welcome to {member.workspace.name}.")
            return redirect("home")
    is_for_another = bool(user and found.email and found.email.lower() != user.email.lower())
    return render(
        request,
        "quorum/people/invitation.html",
        {"invitation": found, "form": form, "is_for_another": is_for_another},
    )


def _new_user(form: forms.AcceptForm) -> dict[str, Any]:
    data = form.cleaned_data
    zones = dict(forms.zone_choices())
    zone = data["time_zone"] if data["time_zone"] in zones else "UTC"
    return {
        "email": data["email"],
        "name": data["name"],
        "password": data["password"],
        "time_zone": zone,
    }


@require_POST
@member_page
def create_invitation(request: HttpRequest, workspace: str) -> HttpResponse:
    """Make an invitation and show its link, this once."""
    found = workspace_for(user_of(request), workspace, Permission.PEOPLE_MANAGE)
    form = forms.InviteForm(request.POST, roles=_roles_to_give(request, found))
    link = ""
    if form.is_valid():
        try:
            issued = invite(
                workspace=found,
                role=Role(form.cleaned_data["role"]),
                email=form.cleaned_data["email"],
                life=timedelta(days=form.cleaned_data["days"]),
                actor=actor_of(request),
            )
        except DomainError as error:
            add_errors(form, error)
        else:
            path = reverse("invitation", kwargs={"secret": issued.secret})
            link = f"{settings.PUBLIC_URL}{path}"
            form = forms.InviteForm(roles=_roles_to_give(request, found))
    return _people_page(request, found, form, link=link)


@require_POST
@member_page
def withdraw_invitation(request: HttpRequest, workspace: str, uid: str) -> HttpResponse:
    """Take an invitation back."""
    found = workspace_for(user_of(request), workspace, Permission.PEOPLE_MANAGE)
    row = get_object_or_404(Invitation, workspace=found, uid=uid)
    revoke_invitation(invitation=row, actor=actor_of(request))
    messages.success(request, "The invitation was taken back; its link works no more.")
    return redirect("people", workspace=found.slug)


# --- members ---------------------------------------------------------------------


@require_GET
@member_page
def people(request: HttpRequest, workspace: str) -> HttpResponse:
    """Show a workspace's members and open invitations."""
    found = workspace_for(user_of(request), workspace, Permission.PEOPLE_VIEW)
    form = forms.InviteForm(roles=_roles_to_give(request, found))
    return _people_page(request, found, form)


@require_POST
@member_page
def change_role(request: HttpRequest, workspace: str, uid: str) -> HttpResponse:
    """Give a member another role."""
    found = workspace_for(user_of(request), workspace, Permission.PEOPLE_MANAGE)
    member = _member(found, uid)
    form = forms.RoleForm(request.POST, roles=_roles_to_give(request, found))
    if form.is_valid():
        role = Role(form.cleaned_data["role"])
        set_role(workspace=found, user=member.user, role=role, actor=actor_of(request))
        messages.success(request, f"{_called(member.user)} is {role} now.")
    else:
        messages.error(request, "There is no such role that you could give.")
    return redirect("people", workspace=found.slug)


@require_POST
@member_page
def remove(request: HttpRequest, workspace: str, uid: str) -> HttpResponse:
    """End a membership."""
    found = workspace_for(user_of(request), workspace, Permission.PEOPLE_MANAGE)
    member = _member(found, uid)
    n_back = remove_member(workspace=found, user=member.user, actor=actor_of(request))
    tasks = f" {n_back} tasks came back." if n_back else ""
    messages.success(request, f"{_called(member.user)} was removed.{tasks}")
    return redirect("people", workspace=found.slug)


def _people_page(
    request: HttpRequest, workspace: Workspace, form: forms.InviteForm, *, link: str = ""
) -> HttpResponse:
    user = user_of(request)
    roles = _roles_to_give(request, workspace)
    names = pseudonyms_in(workspace)
    rows = [
        {
            "uid": member.uid,
            "user": member.user,
            "role": member.role,
            "pseudonym": names.get(member.user_id, ""),
            "joined_at": member.created_at,
            "is_me": member.user_id == user.pk,
            "may_change": Role(member.role) in roles,
            "roles": roles,
        }
        for member in members_of(workspace)
    ]
    context = {
        "workspace": workspace,
        "rows": rows,
        "invitations": open_invitations(workspace),
        "form": form,
        "link": link,
        "roles": roles,
    }
    return render(request, "quorum/people/people.html", context)


def _roles_to_give(request: HttpRequest, workspace: Workspace) -> list[Role]:
    own = role_in(user_of(request), workspace)
    return [role for role in Role if own is not None and can_give(own, role)]


def _member(workspace: Workspace, uid: str) -> Membership:
    return get_object_or_404(
        Membership.objects.select_related("user"), workspace=workspace, uid=uid
    )


def _called(user: User) -> str:
    return user.name or user.email
