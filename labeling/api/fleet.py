"""Why: how the fleet is, and what ops want of it: rows that processes obey."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.fleet_lines import FleetShown, WantedBody, WantedShown
from labeling.api.schema import operation
from labeling.api.views import ApiView
from labeling.operations.fleet import set_wanted
from labeling.queries import fleet
from labeling.rules.permissions import Permission
from labeling.rules.states import ProcessKind


class Fleet(ApiView):
    tag = "fleet"

    @operation("fleet_retrieve", FleetShown)
    def get(self, request: Request) -> Response:
        """Return workers, queues and endpoints."""
        self.check_instance(Permission.FLEET_VIEW)
        processes = fleet.list_processes()
        workers = [row for row in processes if row.kind != ProcessKind.WEB]
        found = {
            "workers": workers,
            "web": [row for row in processes if row.kind == ProcessKind.WEB],
            "queues": fleet.list_queues([queue for row in workers for queue in row.queues]),
            "endpoints": fleet.list_endpoint_loads(),
        }
        return Response(FleetShown(found).data)


class WantedOfProcess(ApiView):
    tag = "fleet"

    @operation("fleet_set_process", WantedShown, body=WantedBody)
    def put(self, request: Request, process: str) -> Response:
        """Drain, pause or resume a process; it obeys with its next beat."""
        self.check_instance(Permission.FLEET_STEER)
        said = self.body(WantedBody)
        set_wanted(actor=self.actor, process=process, **said)
        return Response(said)


class WantedOfQueue(ApiView):
    tag = "fleet"

    @operation("fleet_set_queue", WantedShown, body=WantedBody)
    def put(self, request: Request, queue: str) -> Response:
        """Pause or resume a queue."""
        self.check_instance(Permission.FLEET_STEER)
        said = self.body(WantedBody)
        set_wanted(actor=self.actor, queue=queue, **said)
        return Response(said)
