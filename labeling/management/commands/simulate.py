"""`manage.py simulate SLUG --annotators N --think S --seconds S`"""

from __future__ import annotations

import asyncio
import statistics
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.management.base import CommandParser
from django.db import OperationalError, close_old_connections
from django.utils import timezone

from labeling.errors import NotFound
from labeling.management.command import COMMAND, QuorumCommand, Result
from labeling.management.simulation.clients import (
    Habits,
    Seen,
    SimulatedAnnotator,
    run_annotators,
)
from labeling.models import ApiToken, Project
from labeling.operations.members import set_role
from labeling.operations.tokens import create_token, revoke_token
from labeling.operations.users import create_user
from labeling.queries.people import user_by_email
from labeling.queries.simulation import has_work_coming
from labeling.rules.permissions import Scope
from labeling.rules.states import Role

DOMAIN = "simulated.quorum"
SHARES = ("noise", "typos", "skips", "repeats", "reconnects")


class Command(QuorumCommand):
    help = (
        "Have simulated annotators work at real desks (WebSockets) of a running service. They "
        "become members of the workspace (…@simulated.quorum) and their answers stay."
    )

    def add_options(self, parser: CommandParser) -> None:
        habits = Habits()
        parser.add_argument("slug")
        parser.add_argument("--annotators", type=int, default=5)
        parser.add_argument("--think", type=float, default=0.5, help="mean think time, seconds")
        parser.add_argument(
            "--seconds", type=float, default=60.0, help="at most; ends before when nothing is left"
        )
        parser.add_argument("--want", type=int, default=habits.want, help="tasks held, 1–8")
        parser.add_argument("--url", default="", help="the service, if not PUBLIC_URL")
        parser.add_argument("--seed", default="1")
        for share in SHARES:
            parser.add_argument(
                f"--{share}", type=float, default=getattr(habits, share), help="a share, 0–1"
            )

    def run(self, **options: Any) -> Result:
        """Make the people, let them work, take their tokens back, and report."""
        project = Project.objects.select_related("workspace").filter(slug=options["slug"]).first()
        if project is None:
            raise NotFound(f"There is no project {options['slug']}.")
        habits = Habits(
            think_s=options["think"],
            want=options["want"],
            **{share: options[share] for share in SHARES},
        )
        seen = Seen()
        tokens = [self._token(project, n) for n in range(1, options["annotators"] + 1)]
        base = (options["url"] or settings.PUBLIC_URL).rstrip("/").replace("http", "ws", 1)
        try:
            annotators = [
                SimulatedAnnotator(
                    name=f"sim-{n}",
                    token=secret,
                    url=f"{base}/ws/desk/{project.slug}/",
                    habits=habits,
                    seen=seen,
                    seed=f"{options['seed']}:{n}",
                )
                for n, (_, secret) in enumerate(tokens, start=1)
            ]
            elapsed = asyncio.run(self._work(project.pk, annotators, options["seconds"], seen))
        finally:
            close_old_connections()
            for token, _ in tokens:
                revoke_token(token=token, actor=COMMAND)
        return _report(seen, elapsed)

    def _token(self, project: Project, n: int) -> tuple[ApiToken, str]:
        email = f"sim-{n:04d}@{DOMAIN}"
        user = user_by_email(email) or create_user(
            email=email, password=None, name=f"Simulated {n}", actor=COMMAND
        )
        if not user.memberships.filter(workspace=project.workspace).exists():
            set_role(workspace=project.workspace, user=user, role=Role.ANNOTATOR, actor=COMMAND)
        issued = create_token(
            user=user,
            actor=COMMAND,
            name="simulate",
            scopes=[Scope.WORK],
            expires_at=timezone.now() + timedelta(days=1),
        )
        return issued.token, issued.secret

    async def _work(
        self, project_id: int, annotators: list[SimulatedAnnotator], seconds: float, seen: Seen
    ) -> float:
        told = 0.0

        def say(elapsed: float) -> None:
            nonlocal told
            if elapsed - told >= 5:
                told = elapsed
                self.say(f"{elapsed:5.0f} s  {seen.n_completed} completed")

        async def is_over() -> bool:
            try:
                return not await sync_to_async(has_work_coming)(project_id)
            except OperationalError:  # restarted under us: the desks find out, and so do we
                await sync_to_async(close_old_connections)()
                return False

        return await run_annotators(annotators, seconds=seconds, is_over=is_over, say=say)


def _report(seen: Seen, elapsed: float) -> Result:
    latency = _percentiles(seen.latencies_ms)
    per_second = round(seen.n_completed / elapsed, 2)
    data = {
        "completed": seen.n_completed,
        "per_second": per_second,
        "latency_ms": latency,
        "errors": len(seen.errors),
        "what_went_wrong": seen.errors[:20],
        "seconds": round(elapsed, 1),
        "duplicates": seen.n_duplicates,
        "skipped": seen.n_skipped,
        "reconnects": seen.n_reconnects,
        "refused": dict(seen.refused),
        "idle": dict(seen.idle),
        "same_task_twice": seen.items_twice,
    }
    text = (
        f"{seen.n_completed} completed in {elapsed:.1f} s: {per_second} a second; submit to next "
        f"{latency['p50']} ms (median), {latency['p99']} ms (p99); {len(seen.errors)} errors."
    )
    return Result(data, text, problem="; ".join(seen.errors[:5]))


def _percentiles(values: list[float]) -> dict[str, float | None]:
    if len(values) < 2:
        one = round(values[0], 1) if values else None
        return {"p50": one, "p95": one, "p99": one}
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": round(cuts[49], 1), "p95": round(cuts[94], 1), "p99": round(cuts[98], 1)}
