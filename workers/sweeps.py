"""Why: every few seconds, find the rows whose doorbell was lost or whose holder died.

All are idempotent, and two of one kind at once do no harm (SKIP LOCKED, or a repeated
doorbell). Each logs one line, and only when it did something.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from amqp.exceptions import NotFound as QueueNotFound
from celery import current_app
from kombu.exceptions import ChannelError

from generation import operations as endpoints
from generation import queries
from generation.kinds import EndpointState, Health, Outcome
from generation.probe import probe
from generation.specs import EndpointSpec, ProbeReport
from labeling.operations import drivers, fleet, presence, request_leases, returns
from labeling.queries import fleet as fleet_queries
from workers.configuration import QUEUES
from workers.doorbell import Bell, ring

logger = logging.getLogger(__name__)

PROBE_S = 8.0


def sweep_assignments() -> None:
    """Give tasks whose leases ran out back to the queue."""
    _say("assignments expired", n=returns.expire_leases())


def sweep_requests() -> None:
    """Put lost generation requests back, and ring for every endpoint that has due ones."""
    _say("request leases expired", n=request_leases.sweep_expired_leases())
    for endpoint_id in fleet_queries.endpoints_with_work():
        ring(Bell("workers.pump_endpoint", (("endpoint_id", endpoint_id),), expires_s=10.0))


def sweep_runs() -> None:
    """Ring for import runs and snapshots that nobody works on."""
    runs, snapshots = fleet_queries.lost_import_runs(), fleet_queries.lost_snapshots()
    for run_id in runs:
        ring(Bell("workers.run_import", (("run_id", run_id),), expires_s=15.0))
    for snapshot_id in snapshots:
        ring(Bell("workers.write_snapshot", (("snapshot_id", snapshot_id),), expires_s=15.0))
    _say("lost runs rung for", n=len(runs) + len(snapshots))


def sweep_presence() -> None:
    """Close the desks whose web process died; forget processes silent for a day."""
    drivers.run(presence.forget_desks)
    _say("processes forgotten", n=fleet.forget_processes())


def sweep_queues() -> None:
    """Measure how many messages each queue holds."""
    with current_app.connection_for_read() as broker:
        channel = broker.default_channel
        depths = {queue: _depth(channel, queue) for queue in QUEUES}
    fleet.record_queue_depths(depths=depths)


def _depth(channel: object, queue: str) -> int:
    """Return a queue's length; Redis does not know an empty one."""
    try:
        return int(channel.queue_declare(queue=queue, passive=True).message_count)  # type: ignore[attr-defined]
    except (ChannelError, QueueNotFound):
        return 0


def sweep_endpoints() -> None:
    """Ask every endpoint that is in use how it is."""
    ids = [row.id for row in queries.list_endpoints() if row.state is not EndpointState.PAUSED]
    specs = [queries.endpoint_spec(endpoint_id) for endpoint_id in ids]
    reports = asyncio.run(_probe_all(specs))
    for spec, report in zip(specs, reports, strict=True):
        endpoints.record_health(endpoint_id=spec.id, report=report)
        if report.health is not spec.health:
            logger.info("endpoint is %s", report.health.value, extra={"endpoint_id": spec.id})


async def _probe_all(specs: Iterable[EndpointSpec]) -> list[ProbeReport]:
    return list(await asyncio.gather(*(_probe_in_time(spec) for spec in specs)))


async def _probe_in_time(spec: EndpointSpec) -> ProbeReport:
    """Probe an endpoint; one that trickles must not keep a worker from the other sweeps."""
    try:
        return await asyncio.wait_for(probe(spec), PROBE_S)
    except TimeoutError:
        return ProbeReport(Health.DOWN, error_class=Outcome.TOTAL_TIMEOUT)


def _say(what: str, *, n: int) -> None:
    if n:
        logger.info("%s: %s", what, n)
