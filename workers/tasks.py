"""Why: Celery's way in. Each task is one call; what it does is elsewhere.

Ids only, by keyword; every task may run twice or not at all (see configuration.py).
Only Celery processes import this module: it wires the heartbeat to their signals.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar, cast

from celery import shared_task

from generation.errors import GenerationError
from labeling.operations import consensus, imports, snapshots
from workers import sweeps
from workers.doorbell import Bell, ring
from workers.heartbeat import heart
from workers.pump import Pump, pumps

logger = logging.getLogger(__name__)

# A line for each of two tasks a second would bury what matters; tasks log what they did.
for _chatty in ("celery.worker.strategy", "celery.app.trace"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)

CONSENSUS_BATCH = 500
F = TypeVar("F", bound=Callable[..., None])


def task(name: str) -> Callable[[F], F]:
    """Register a task as `workers.<name>`; its queue is configuration.py's to say."""
    return cast(Callable[[F], F], shared_task(name=f"workers.{name}"))


@task("pump_endpoint")
def pump_endpoint(*, endpoint_id: int) -> None:
    """Answer an endpoint's generation requests for a slice of time."""
    if heart.is_drained or heart.stopping.is_set():
        return
    pump = Pump(
        endpoint_id=endpoint_id,
        worker=heart.lease_name,
        wants_stop=heart.stopping.is_set,
        wants_drain=lambda: heart.is_drained,
        on_giving_way=lambda: ring(_pump_bell(endpoint_id)),
    )
    try:
        report = pumps.run(pump)
    except GenerationError as error:
        logger.error("pump cannot start: %s", error.detail, extra={"endpoint_id": endpoint_id})
        return
    if report is not None and report.n_claimed:
        logger.info("pump slice: %s", report, extra={"endpoint_id": endpoint_id})


def _pump_bell(endpoint_id: int) -> Bell:
    return Bell("workers.pump_endpoint", (("endpoint_id", endpoint_id),))


@task("run_import")
def run_import(*, run_id: int) -> None:
    imports.run_import(run_id=run_id)


@task("write_snapshot")
def write_snapshot(*, snapshot_id: int) -> None:
    snapshots.run_snapshot(snapshot_id=snapshot_id)


@task("add_up")
def add_up() -> None:
    """Add up what finished; a full batch means there may be more."""
    while consensus.settle_finished(limit=CONSENSUS_BATCH) >= CONSENSUS_BATCH:
        pass


@task("sweep_assignments")
def sweep_assignments() -> None:
    sweeps.sweep_assignments()


@task("sweep_requests")
def sweep_requests() -> None:
    sweeps.sweep_requests()


@task("sweep_runs")
def sweep_runs() -> None:
    sweeps.sweep_runs()


@task("sweep_presence")
def sweep_presence() -> None:
    sweeps.sweep_presence()


@task("sweep_queues")
def sweep_queues() -> None:
    sweeps.sweep_queues()


@task("sweep_endpoints")
def sweep_endpoints() -> None:
    sweeps.sweep_endpoints()
