"""Why: model servers, for ops.

generation/operations.py writes the rows and knows no actors, as it lies below; so the entry
of the audit trail is written here, in the same transaction.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from generation import operations as generation
from generation.models import Endpoint
from labeling.api.bodies import PageParams
from labeling.api.fleet_lines import EndpointBody, EndpointShown, EndpointStateBody
from labeling.api.paging import answer, page
from labeling.api.schema import operation, page_of
from labeling.api.views import ApiView
from labeling.errors import Conflict, NotFound
from labeling.operations.audit import record
from labeling.rules.permissions import Permission


class EndpointView(ApiView):
    tag = "endpoints"

    def endpoint(self, uid: uuid.UUID) -> Endpoint:
        """Return an endpoint to somebody who manages them. Raises: NotFound."""
        self.check_instance(Permission.ENDPOINT_MANAGE)
        row = Endpoint.objects.filter(uid=uid).first()
        if row is None:
            raise NotFound("There is no such endpoint.")
        return row

    def note(self, action: str, row: Endpoint, **after: Any) -> None:
        record(actor=self.actor, action=action, subject=row, after=after)


class Endpoints(EndpointView):
    @operation("endpoints_list", page_of(EndpointShown), params=PageParams)
    def get(self, request: Request) -> Response:
        """List the model servers, oldest first."""
        self.check_instance(Permission.ENDPOINT_MANAGE)
        return answer(EndpointShown, page(Endpoint.objects.all(), **self.params(PageParams)))

    @operation("endpoints_create", EndpointShown, status=201, body=EndpointBody)
    def post(self, request: Request) -> Response:
        """Add a model server."""
        self.check_instance(Permission.ENDPOINT_MANAGE)
        said = self.body(EndpointBody)
        with transaction.atomic():
            if Endpoint.objects.filter(name=said["name"].strip()).exists():
                raise Conflict("Another endpoint has this name.", fields={"name": "is taken"})
            row = generation.save_endpoint(**said)
            self.note("endpoint.created", row)
        return Response(EndpointShown(row).data, status=201)


class OneEndpoint(EndpointView):
    @operation("endpoints_retrieve", EndpointShown)
    def get(self, request: Request, endpoint: uuid.UUID) -> Response:
        """Return a model server; never its key."""
        return Response(EndpointShown(self.endpoint(endpoint)).data)

    @operation("endpoints_change", EndpointShown, body=EndpointBody)
    def put(self, request: Request, endpoint: uuid.UUID) -> Response:
        """Change a model server; what is left out falls back to its default, but for the key."""
        before = self.endpoint(endpoint)
        said = self.body(EndpointBody)
        with transaction.atomic():
            row = generation.save_endpoint(endpoint_id=before.pk, **said)
            changed = sorted(
                key for key in said if key != "key" and said[key] != getattr(before, key)
            )
            self.note("endpoint.changed", row, changed=changed, has_new_key=said["key"] is not None)
        return Response(EndpointShown(row).data)


class EndpointStateView(EndpointView):
    @operation("endpoints_set_state", EndpointShown, body=EndpointStateBody)
    def put(self, request: Request, endpoint: uuid.UUID) -> Response:
        """Let it be asked, drain it, or pause it."""
        row = self.endpoint(endpoint)
        state = self.body(EndpointStateBody)["state"]
        with transaction.atomic():
            generation.set_endpoint_state(endpoint_id=row.pk, state=state)
            self.note("endpoint.state_set", row, state=state.value)
        row.refresh_from_db()
        return Response(EndpointShown(row).data)


class Confirm(EndpointView):
    @operation("endpoints_confirm", EndpointShown)
    def post(self, request: Request, endpoint: uuid.UUID) -> Response:
        """Accept the models and version that the last probe found."""
        row = self.endpoint(endpoint)
        with transaction.atomic():
            generation.confirm_endpoint(endpoint_id=row.pk)
            self.note("endpoint.confirmed", row)
        row.refresh_from_db()
        return Response(EndpointShown(row).data)
