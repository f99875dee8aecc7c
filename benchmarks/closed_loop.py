"""The closed loop: n desks without think time on one project; how much and how long?"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from typing import Any

from benchmarks.ceiling import pgbench_claims
from benchmarks.fill import fill_project
from benchmarks.stack import Stack


def run_closed_loop(
    *, n_desks: int = 50, n_items: int = 10_000, seconds: int = 30, want: int = 2
) -> dict[str, Any]:
    """Return throughput, latencies and processor time per completed task, and the ceiling."""
    with Stack() as stack:
        import django

        django.setup()
        fill_project(slug="closed-loop", n_items=n_items)
        ceiling_project = fill_project(slug="ceiling", n_items=n_items)
        stack.start_web()
        before = stack.cpu_seconds()
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        seen = _simulate(n_desks=n_desks, seconds=seconds, want=want)
        after = stack.cpu_seconds()
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        completed = max(1, seen["completed"])
        cpu = {name: 1000 * (after[name] - before[name]) / completed for name in after}
        cpu["generator"] = 1000 * (
            spent.ru_utime + spent.ru_stime - children.ru_utime - children.ru_stime
        ) / completed  # fmt: skip
        ceiling = pgbench_claims(
            folder=stack.folder,
            database_url=stack.database_url,
            project=ceiling_project,
            n_clients=n_desks,
            seconds=10,
        )
        return {
            "desks": n_desks,
            "want": want,
            "per_second": seen["per_second"],
            "latency_ms": seen["latency_ms"],
            "completed": seen["completed"],
            "errors": seen["what_went_wrong"],
            "cpu_ms_per_task": {name: round(value, 2) for name, value in cpu.items()},
            "memory_mib": {name: round(value) for name, value in stack.memory_mib().items()},
            "pgbench_per_second": round(ceiling),
            "of_ceiling": round(seen["per_second"] / ceiling, 2),
            "verify": _verify(),
        }


def _simulate(*, n_desks: int, seconds: int, want: int) -> dict[str, Any]:
    shares = ("--typos", "0", "--skips", "0", "--repeats", "0", "--reconnects", "0")
    command = [sys.executable, "manage.py", "simulate", "closed-loop", "--json", *shares]
    command += ["--annotators", str(n_desks), "--think", "0", "--seconds", str(seconds)]
    command += ["--want", str(want)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=os.environ, check=False)
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def _verify() -> Any:
    done = subprocess.run(
        [sys.executable, "manage.py", "verify", "closed-loop", "--json"],
        stdout=subprocess.PIPE, text=True, env=os.environ, check=False,
    )  # fmt: skip
    return json.loads(done.stdout)["ok"] if done.stdout.strip() else None
