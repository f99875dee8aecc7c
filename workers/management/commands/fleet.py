"""Why: `manage.py fleet`: processes, queues and endpoints at a glance, and draining them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from labeling.management.command import COMMAND, QuorumCommand, Result
from labeling.operations.fleet import set_wanted
from labeling.queries import fleet
from labeling.rules.states import ProcessKind, WantedState
from workers.configuration import QUEUES


class Command(QuorumCommand):
    help = "Show workers, queues and endpoints; drain or resume a process."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--drain", metavar="PROCESS", help="let it end what it has")
        parser.add_argument("--resume", metavar="PROCESS", help="let it take work again")

    def run(self, **options: Any) -> Result:
        for option, wanted in (("drain", WantedState.DRAIN), ("resume", WantedState.RUN)):
            if options[option]:
                set_wanted(actor=COMMAND, wanted=wanted, process=options[option])
        processes = [row for row in fleet.list_processes() if row.kind != ProcessKind.WEB]
        queues = fleet.list_queues(QUEUES)
        loads = fleet.list_endpoint_loads()
        return Result(
            data={
                "workers": [asdict(row) for row in processes],
                "queues": [asdict(row) for row in queues],
                "endpoints": [_endpoint_json(load) for load in loads],
            },
            text=_as_text(processes, queues, loads),
        )


def _endpoint_json(load: fleet.EndpointLoad) -> dict[str, Any]:
    endpoint = load.endpoint
    return {
        "name": endpoint.name,
        "base_url": endpoint.base_url,
        "kind": endpoint.kind.value,
        "state": endpoint.state.value,
        "health": endpoint.health.value,
        "breaker": endpoint.breaker_state.value,
        "last_error": endpoint.last_error_class,
        "is_changed": endpoint.is_changed,
        "models": [model.id for model in endpoint.models_found],
        "max_in_flight": endpoint.max_in_flight,
        "in_flight": load.n_leased,
        "pending": load.n_pending,
        "oldest_due_s": load.oldest_due_s,
    }


def _as_text(
    processes: list[fleet.ProcessStatus],
    queues: list[fleet.QueueStatus],
    loads: list[fleet.EndpointLoad],
) -> str:
    lines = ["Workers"]
    lines += [
        f"  {row.name:<32} {'alive' if row.is_alive else f'silent for {row.silent_s:.0f} s':<18} "
        f"{row.wanted:<6} in flight {row.n_in_flight:<4} {' '.join(row.queues)}"
        for row in processes
    ] or ["  none has been seen for a day"]
    lines += ["Queues"]
    lines += [
        f"  {row.name:<12} {row.depth:>6} waiting   "
        f"{'served' if row.has_worker else 'NO WORKER SERVES IT'}"
        for row in queues
    ]
    lines += ["Endpoints"]
    lines += [
        f"  {load.endpoint.name:<20} {load.endpoint.health.value:<8} "
        f"breaker {load.endpoint.breaker_state.value:<10} in flight "
        f"{load.n_leased}/{load.endpoint.max_in_flight}   pending {load.n_pending}"
        for load in loads
    ] or ["  none"]
    return "\n".join(lines)
