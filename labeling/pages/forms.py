"""Why: what people fill in. Fields check shape only; operations decide."""

from __future__ import annotations

import zoneinfo
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.forms import (
    AuthenticationForm,
    PasswordChangeForm,
    PasswordResetForm,
    SetPasswordForm,
)

from labeling.models import User
from labeling.operations.audit import Actor
from labeling.operations.users import change_password
from labeling.rules.permissions import Scope
from labeling.rules.states import Role

CLASSES: dict[type, str] = {
    forms.Select: "select",
    forms.Textarea: "textarea",
    forms.CheckboxInput: "",
    forms.CheckboxSelectMultiple: "",
    forms.HiddenInput: "",
}
LIVES = [(1, "1 day"), (7, "7 days"), (30, "30 days")]


class Styled(forms.Form):
    """Gives every widget the class that quorum.css knows."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        for field in self.fields.values():
            name = CLASSES.get(type(field.widget), "input")
            if name:
                field.widget.attrs["class"] = name


class LoginForm(Styled, AuthenticationForm):
    """E-mail and password."""

    error_messages = {
        "invalid_login": "This e-mail address and password do not go together.",
        "inactive": "This account is closed.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["username"]
        field.label = "E-mail address"
        field.widget.attrs.update(autocomplete="username", inputmode="email", spellcheck="false")


class ChangePasswordForm(Styled, PasswordChangeForm):
    """The old password and a new one, twice."""

    user: User

    def save(self, commit: bool = True) -> User:
        actor = Actor(user=self.user, via="page")
        change_password(user=self.user, password=self.cleaned_data["new_password1"], actor=actor)
        return self.user


class ResetPasswordForm(Styled, PasswordResetForm):
    """The address that the link goes to."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = "E-mail address"


if TYPE_CHECKING:  # Django's own class is not generic at run time
    SetPasswordBase = SetPasswordForm[User]
else:
    SetPasswordBase = SetPasswordForm


class NewPasswordForm(Styled, SetPasswordBase):
    """A new password, twice, by a link from an e-mail."""

    user: User

    def save(self, commit: bool = True) -> User:
        actor = Actor(user=self.user, via="page")
        change_password(user=self.user, password=self.cleaned_data["new_password1"], actor=actor)
        return self.user


def zone_choices() -> list[tuple[str, str]]:
    names = sorted(zoneinfo.available_timezones())
    return [(name, name.replace("_", " ")) for name in names]


class ProfileForm(Styled):
    """Who one is to one's managers, and when one's day begins."""

    name = forms.CharField(max_length=120, required=False)
    time_zone = forms.ChoiceField(
        choices=zone_choices, help_text="Daily quotas begin anew at midnight here."
    )


class TokenForm(Styled):
    """A new API token."""

    name = forms.CharField(max_length=80, help_text="What it is for, so that you know it again.")
    scopes = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        help_text="A token never allows more than your own roles do.",
    )

    def __init__(self, *args: Any, scopes: tuple[Scope, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        titles = {
            Scope.READ: "Read: look at projects, progress, items and responses",
            Scope.WORK: "Work: get tasks and submit answers",
            Scope.MANAGE: "Manage: change projects, import, export, quotas, people",
            Scope.OPS: "Ops: see and steer the fleet",
        }
        field = self.fields["scopes"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(scope.value, titles[scope]) for scope in scopes]
        field.initial = [scope.value for scope in scopes]


class RoleForm(Styled):
    """A role that somebody may give."""

    role = forms.ChoiceField()

    def __init__(self, *args: Any, roles: list[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["role"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(role.value, role.value.title()) for role in roles]


class InviteForm(RoleForm):
    """A link for somebody new."""

    email = forms.EmailField(
        required=False,
        label="E-mail address (optional)",
        help_text="If given, only this person can use the link.",
    )
    days = forms.TypedChoiceField(choices=LIVES, coerce=int, initial=7, label="Valid for")
    field_order = ("role", "email", "days")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].initial = Role.ANNOTATOR.value


class AcceptForm(Styled):
    """What a new user says about themselves."""

    email = forms.EmailField(label="E-mail address")
    name = forms.CharField(max_length=120, required=False, label="Your name (optional)")
    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 10 characters.",
    )
    time_zone = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, fixed_email: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["email"]
        field.widget.attrs["autocomplete"] = "username"
        if fixed_email:
            field.initial = fixed_email
            field.disabled = True
