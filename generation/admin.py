"""Why: Django's admin for ops. Every write calls an operation; keys are never shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from generation import addresses, operations, queries, sampling
from generation.errors import GenerationError
from generation.kinds import EndpointKind, EndpointState, PolicyState
from generation.models import Endpoint, Policy
from generation.probe import probe

if TYPE_CHECKING:  # Django's own classes are not generic at run time
    EndpointFormBase = forms.ModelForm[Endpoint]
    PolicyFormBase = forms.ModelForm[Policy]
    EndpointAdminBase = admin.ModelAdmin[Endpoint]
    PolicyAdminBase = admin.ModelAdmin[Policy]
else:
    EndpointFormBase = PolicyFormBase = forms.ModelForm
    EndpointAdminBase = PolicyAdminBase = admin.ModelAdmin

DECLARED = (
    *("name", "base_url", "kind", "model_revision", "quantisation", "max_model_len"),
    *("max_in_flight", "max_rpm", "weight", "timeout_s"),
)
"""What an operator may set; the admin's own form class has the read-only fields too."""

NEVER_SEEN = "Leave empty to keep the stored key."


class EndpointForm(EndpointFormBase):
    """What an operator declares; the key goes in and never comes out."""

    key = forms.CharField(
        required=False,
        strip=True,
        help_text=NEVER_SEEN,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}, render_value=False),
    )
    remove_key = forms.BooleanField(required=False)

    class Meta:
        model = Endpoint
        fields = DECLARED

    def clean_base_url(self) -> str:
        url = addresses.normalise_base_url(self.cleaned_data["base_url"])
        try:
            addresses.check_url(url, rules=queries.address_rules())
        except GenerationError as error:
            raise forms.ValidationError(error.detail) from error
        return url

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        is_moved = "base_url" in self.changed_data and self.instance.pk is not None
        is_silent = not values.get("key") and not values.get("remove_key")
        if is_moved and is_silent and self.instance.key_encrypted:
            self.add_error("key", "The address changed: enter the key again, or remove it.")
        return values

    def key_wanted(self) -> str | None:
        """Return the key to store, "" to remove it, None to keep the stored one."""
        if self.cleaned_data.get("remove_key"):
            return ""
        return self.cleaned_data.get("key") or None


@admin.register(Endpoint)
class EndpointAdmin(EndpointAdminBase):
    form = EndpointForm
    list_display = (
        "name",
        "kind",
        "base_url",
        "state",
        "health",
        "breaker_state",
        "last_error_class",
        "max_in_flight",
        "health_checked_at",
    )
    list_filter = ("kind", "state", "health", "breaker_state")
    search_fields = ("name", "base_url")
    ordering = ("name",)
    readonly_fields = (
        "uid",
        "has_key",
        "state",
        "health",
        "health_checked_at",
        "models_found",
        "server_version",
        "is_changed",
        "last_error_class",
        "breaker_state",
        "breaker_opened_at",
        "consecutive_failures",
        "created_at",
        "updated_at",
    )
    actions = ("activate", "drain", "pause", "confirm", "probe_now")

    @admin.display(boolean=True, description="has a key")
    def has_key(self, row: Endpoint) -> bool:
        return bool(row.key_encrypted)

    @admin.display(boolean=True, description="changed since confirmed")
    def is_changed(self, row: Endpoint) -> bool:
        return bool(row.confirmed_fingerprint) and row.confirmed_fingerprint != (
            row.found_fingerprint
        )

    def has_delete_permission(self, request: HttpRequest, obj: Endpoint | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Endpoint, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in DECLARED}
        row = operations.save_endpoint(
            **{**values, "kind": EndpointKind(values["kind"])},
            key=form.key_wanted(),
            endpoint_id=obj.pk if change else None,
        )
        obj.pk = row.pk
        obj.refresh_from_db()

    @admin.action(description="Activate")
    def activate(self, request: HttpRequest, rows: QuerySet[Endpoint]) -> None:
        self._set_state(request, rows, EndpointState.ACTIVE)

    @admin.action(description="Drain: what is in flight ends, nothing new is sent")
    def drain(self, request: HttpRequest, rows: QuerySet[Endpoint]) -> None:
        self._set_state(request, rows, EndpointState.DRAINED)

    @admin.action(description="Pause: what is in flight is aborted")
    def pause(self, request: HttpRequest, rows: QuerySet[Endpoint]) -> None:
        self._set_state(request, rows, EndpointState.PAUSED)

    @admin.action(description="Confirm the models and version found")
    def confirm(self, request: HttpRequest, rows: QuerySet[Endpoint]) -> None:
        _for_each(self, request, rows, lambda row: operations.confirm_endpoint(endpoint_id=row.pk))

    @admin.action(description="Probe now")
    def probe_now(self, request: HttpRequest, rows: QuerySet[Endpoint]) -> None:
        def probe_one(row: Endpoint) -> None:
            report = async_to_sync(probe)(queries.endpoint_spec(row.pk))
            operations.record_health(endpoint_id=row.pk, report=report)

        _for_each(self, request, rows, probe_one)

    def _set_state(
        self, request: HttpRequest, rows: QuerySet[Endpoint], state: EndpointState
    ) -> None:
        _for_each(
            self,
            request,
            rows,
            lambda row: operations.set_endpoint_state(endpoint_id=row.pk, state=state),
        )


class PolicyForm(PolicyFormBase):
    """A new policy; what is there already is only read."""

    class Meta:
        model = Policy
        fields = ["name", "endpoint", "model", "system_prompt", "parameters", "is_n_per_request_ok"]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("parameters") is not None and values.get("endpoint"):
            try:
                sampling.check_parameters(
                    sampling.parse_parameters(values["parameters"]),
                    endpoint_kind=EndpointKind(values["endpoint"].kind),
                )
            except GenerationError as error:
                said = "; ".join(f"{path} {why}" for path, why in error.fields.items())
                self.add_error("parameters", said or error.detail)
        return values


@admin.register(Policy)
class PolicyAdmin(PolicyAdminBase):
    """A policy is made once and never edited; it can be stopped."""

    form = PolicyForm
    list_display = ("name", "endpoint", "model", "state", "stopped_reason", "created_at")
    list_filter = ("state", "endpoint")
    list_select_related = ("endpoint",)
    search_fields = ("name", "model")
    ordering = ("name",)
    actions = ("activate", "stop")

    def has_change_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        # The list needs the permission for its actions; a single row is only read.
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Policy, form: Any, change: bool) -> None:
        values = form.cleaned_data
        row = operations.save_policy(
            name=values["name"],
            endpoint_id=values["endpoint"].pk,
            model=values["model"],
            system_prompt=values["system_prompt"],
            parameters=values["parameters"],
            is_n_per_request_ok=values["is_n_per_request_ok"],
        )
        obj.pk = row.pk
        obj.refresh_from_db()

    @admin.action(description="Let these policies answer")
    def activate(self, request: HttpRequest, rows: QuerySet[Policy]) -> None:
        _for_each(
            self,
            request,
            rows,
            lambda row: operations.set_policy_state(policy_id=row.pk, state=PolicyState.ACTIVE),
        )

    @admin.action(description="Stop these policies")
    def stop(self, request: HttpRequest, rows: QuerySet[Policy]) -> None:
        _for_each(
            self,
            request,
            rows,
            lambda row: operations.set_policy_state(
                policy_id=row.pk, state=PolicyState.STOPPED, reason="stopped by ops"
            ),
        )


def _for_each(
    page: admin.ModelAdmin[Any],
    request: HttpRequest,
    rows: QuerySet[Any],
    act: Callable[[Any], None],
) -> None:
    """Do one thing to each row, and say per row what went wrong."""
    n_done = 0
    for row in rows:
        try:
            act(row)
        except GenerationError as error:
            page.message_user(request, f"{row}: {error.detail}", messages.ERROR)
        else:
            n_done += 1
    page.message_user(request, f"Done for {n_done}.", messages.SUCCESS)
