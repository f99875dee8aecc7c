"""Why: keeps one endpoint busy: a rolling window of requests, each answered on its own.

A pump claims requests under leases as places in its window come free, so none waits for
the slowest of a batch; it renews the leases, obeys drain and breaker, and after a slice
of time stops claiming and rings for a successor, which starts while the last answers
arrive. `max_in_flight` holds over all workers, for claims count what is leased.

What becomes of a request is workers/answering.py's.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.conf import settings

from generation import operations as endpoints
from generation import queries, retry
from generation.client import ModelClient
from generation.kinds import BreakerState, EndpointState, Outcome
from generation.specs import EndpointSpec, PolicySpec
from labeling.operations import request_leases
from labeling.operations.request_leases import ClaimedRequest
from workers.answering import DATABASE_AWAY, Answering, Ending, Rows

logger = logging.getLogger(__name__)

N_THREADS = 4
BUSY_SUCCESS_S = 1.0
"""How often successes are told to the breaker while nothing fails."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A pump's times, in seconds."""

    slice_s: float = 60.0
    lease_s: float = 30.0
    look_s: float = 2.0
    """How often it renews leases, reads the endpoint's row and what ops want."""
    dry_s: float = 0.5
    """How long it waits before it claims again after it found less than it had room for."""
    grace_s: float = field(default_factory=lambda: float(settings.PUMP_GRACE_S))
    """How long calls may still take when the process is to stop."""


@dataclass(frozen=True, slots=True)
class PumpReport:
    """What a slice did. `gave_way`: it ended before the work did."""

    n_claimed: int
    n_stored: int
    n_failed: int
    n_returned: int
    gave_way: bool


class Pump:
    """One slice of one endpoint.

    `wants_stop`: the process ends; `wants_drain`: ops want no new work here;
    `on_giving_way` rings for a successor.
    """

    def __init__(
        self,
        *,
        endpoint_id: int,
        worker: str,
        wants_stop: Callable[[], bool] = lambda: False,
        wants_drain: Callable[[], bool] = lambda: False,
        on_giving_way: Callable[[], None] = lambda: None,
        pace: Pace | None = None,
    ) -> None:
        self.endpoint_id = endpoint_id
        self.worker = worker
        self.n_in_flight = 0
        self.has_stopped_claiming = False
        self._wants_stop, self._wants_drain = wants_stop, wants_drain
        self._on_giving_way = on_giving_way
        self._pace = pace or Pace()
        self._answers: dict[asyncio.Task[Ending], Answering] = {}
        self._policies: dict[int, PolicySpec] = {}
        self._n = {"claimed": 0, "stored": 0, "failed": 0, "returned": 0}
        self._is_trial = False
        self._gave_way = False
        self._is_breaker_dirty = True
        self._success_told_at = 0.0

    def ring_for_successor(self) -> None:
        """Have another slice follow, unless this process is to end."""
        if not (self._wants_drain() or self._wants_stop()):
            self._on_giving_way()

    async def run(self) -> PumpReport:
        """Work for one slice; returns when everything claimed is answered or given back."""
        with ThreadPoolExecutor(N_THREADS, thread_name_prefix="pump") as threads:
            self._rows = Rows(threads)
            self._endpoint = await self._rows.do(
                queries.endpoint_spec, endpoint_id=self.endpoint_id
            )
            self._began_as = self._endpoint
            async with ModelClient(self._endpoint) as self._client:
                keeper = asyncio.create_task(self._keep())
                try:
                    await self._turn_over()
                finally:
                    keeper.cancel()
                    await self._abort(list(self._answers))
        return PumpReport(
            n_claimed=self._n["claimed"],
            n_stored=self._n["stored"],
            n_failed=self._n["failed"],
            n_returned=self._n["returned"],
            gave_way=self._gave_way,
        )

    async def _turn_over(self) -> None:
        """Claim, await, claim again, until the slice is over and the window empty."""
        ends_at = time.monotonic() + self._pace.slice_s
        dry_until = 0.0
        await self._look()
        while True:
            self._gave_way = self._gave_way or time.monotonic() >= ends_at
            if not self.has_stopped_claiming:
                self._stop_claiming_in_time()
            room = 0 if self.has_stopped_claiming else self._window() - len(self._answers)
            if room > 0 and time.monotonic() >= dry_until:
                n_claimed = await self._claim(room)
                dry_until = time.monotonic() + self._pace.dry_s if n_claimed < room else 0.0
            if not self._answers or (self._wants_stop() and await self._finish_in_time()):
                return
            done, _ = await asyncio.wait(
                self._answers, timeout=self._pace.dry_s, return_when=asyncio.FIRST_COMPLETED
            )
            await self._note(done)
            # A place came free: another worker may have filled the rest of the window.
            dry_until = 0.0 if done else dry_until

    def _stop_claiming_in_time(self) -> None:
        """Stop claiming when the slice is over or the process is to end; rarely both."""
        self.has_stopped_claiming = self._gave_way or self._wants_drain() or self._wants_stop()
        if self._gave_way:
            # Now, not at the end: the successor fills the places as ours come free.
            self.ring_for_successor()

    def _window(self) -> int:
        """Return how many requests this pump may have in flight now."""
        if self._endpoint.state is not EndpointState.ACTIVE:
            return 0
        if self._endpoint.breaker_state is not BreakerState.CLOSED:
            return 1 if self._is_trial else 0
        return self._endpoint.max_in_flight

    async def _claim(self, room: int) -> int:
        """Claim and begin to answer; 0 while the database is away: calls in flight go on."""
        try:
            claimed = await self._rows.do(
                request_leases.claim_requests,
                endpoint_id=self.endpoint_id,
                worker=self.worker,
                n=room,
                lease_s=self._pace.lease_s,
            )
            await self._learn_policies(claimed)
        except DATABASE_AWAY as error:
            logger.warning("pump cannot claim: %s", type(error).__name__)
            return 0
        for request in claimed:
            answering = Answering(
                request=request,
                policy=self._policies[request.policy_id],
                endpoint=self._endpoint,
                client=self._client,
                rows=self._rows,
                worker=self.worker,
            )
            self._answers[asyncio.create_task(answering.run())] = answering
        self._n["claimed"] += len(claimed)
        self.n_in_flight = len(self._answers)
        return len(claimed)

    async def _learn_policies(self, claimed: list[ClaimedRequest]) -> None:
        """Read policies not met before; what they ask never changes (a trigger sees to it)."""
        new = sorted({request.policy_id for request in claimed} - self._policies.keys())
        if new:
            for policy in await self._rows.do(queries.policy_specs, policy_ids=new):
                self._policies[policy.id] = policy

    async def _note(self, done: set[asyncio.Task[Ending]]) -> None:
        """Take finished answers out of the window and tell the breaker."""
        # The keeper may have taken some out already.
        done = {task for task in done if self._answers.pop(task, None) is not None}
        self.n_in_flight = len(self._answers)
        for task in done:
            if task.cancelled():
                continue
            if (error := task.exception()) is not None:
                logger.error("request left to its lease: %s", type(error).__name__)
                self._n["failed"] += 1
                continue
            ending = task.result()
            self._n["stored" if ending.is_stored else "failed"] += 1
            if ending.outcome is not None:
                await self._tell_breaker(ending.outcome)

    async def _tell_breaker(self, outcome: Outcome) -> None:
        is_success = outcome is Outcome.OK
        if not is_success and not retry.verdict(outcome).counts_for_breaker:
            return
        now = time.monotonic()
        is_told = now - self._success_told_at < BUSY_SUCCESS_S
        if is_success and not self._is_breaker_dirty and is_told:
            return
        self._is_breaker_dirty = not is_success
        self._success_told_at = now
        try:
            state = await self._rows.do(
                endpoints.record_breaker,
                endpoint_id=self.endpoint_id,
                is_success=is_success,
                outcome=outcome,
            )
            if state is not self._endpoint.breaker_state:
                await self._look()
        except DATABASE_AWAY as error:
            logger.warning("breaker not told: %s", type(error).__name__)

    async def _look(self) -> None:
        """Read the endpoint's row; take the trial of a breaker that has cooled down."""
        spec = await self._rows.do(queries.endpoint_spec, endpoint_id=self.endpoint_id)
        if spec.breaker_state is BreakerState.CLOSED:
            self._is_trial = False
        elif not self._is_trial or spec.breaker_state is BreakerState.OPEN:
            self._is_trial = spec.state is EndpointState.ACTIVE and await self._rows.do(
                endpoints.claim_trial, endpoint_id=self.endpoint_id
            )
        self._endpoint = spec
        if _calls_otherwise(spec, self._began_as):
            self._gave_way = True  # the successor's client knows the new address or key

    async def _keep(self) -> None:
        """Renew leases, look at the endpoint and abort what is not wanted, every few seconds."""
        while True:
            await asyncio.sleep(self._pace.look_s)
            try:
                await self._renew()
                await self._look()
            except DATABASE_AWAY as error:
                # Without the database the leases run out; late answers are still stored.
                logger.warning("pump cannot look: %s", type(error).__name__)
            if self._endpoint.state is EndpointState.PAUSED:
                await self._abort([task for task, a in self._answers.items() if a.is_calling])

    async def _renew(self) -> None:
        held = {a.request.id: a.request.lease for a in self._answers.values()}
        renewal = await self._rows.do(
            request_leases.renew_leases, leases=held, lease_s=self._pace.lease_s
        )
        for task, answering in list(self._answers.items()):
            if answering.request.id in renewal.unwanted and answering.is_calling:
                task.cancel()
                logger.info("request aborted", extra={"request_id": answering.request.id})

    async def _finish_in_time(self) -> bool:
        """Let calls end for the grace period, then give the rest back; True when all are over."""
        done, late = await asyncio.wait(self._answers, timeout=self._pace.grace_s)
        await self._note(done)
        await self._abort(list(late))
        return True

    async def _abort(self, tasks: list[asyncio.Task[Ending]]) -> None:
        """Close the calls of these tasks and give their requests back to the queue."""
        tasks = [task for task in tasks if task in self._answers]
        if not tasks:
            return
        ids = [self._answers[task].request.id for task in tasks if not task.done()]
        pending = set(tasks)
        while pending:  # one that was storing may go on to another draw
            for task in pending:
                if task in self._answers and self._answers[task].is_calling:
                    task.cancel()
            _, pending = await asyncio.wait(pending, timeout=0.2)
        await self._note(set(tasks))
        try:
            self._n["returned"] += await self._rows.do(
                request_leases.return_leases, worker=self.worker, request_ids=ids
            )
        except DATABASE_AWAY as error:
            logger.warning("leases not returned: %s", type(error).__name__)


def _calls_otherwise(now: EndpointSpec, then: EndpointSpec) -> bool:
    """Say whether calls would go elsewhere, or otherwise, than when the slice began."""
    return (now.base_url, now.key, now.timeouts, now.address_rules) != (
        then.base_url,
        then.key,
        then.timeouts,
        then.address_rules,
    )


class Pumps:
    """The pumps of this process: one per endpoint that claims, so that bells do not pile up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[int, list[Pump]] = {}
        self._rung: set[int] = set()

    @property
    def n_in_flight(self) -> int:
        with self._lock:
            return sum(pump.n_in_flight for pumps in self._running.values() for pump in pumps)

    def run(self, pump: Pump) -> PumpReport | None:
        """Run a pump's slice; None at once if one of this process serves its endpoint.

        A bell that came while the slice ended is answered by another slice: the first
        may have looked just before the bell's rows were there.
        """
        with self._lock:
            mine = self._running.setdefault(pump.endpoint_id, [])
            if any(not other.has_stopped_claiming for other in mine):
                self._rung.add(pump.endpoint_id)
                return None
            mine.append(pump)
        try:
            report = asyncio.run(pump.run())
        finally:
            with self._lock:
                mine.remove(pump)
                was_rung = pump.endpoint_id in self._rung
                self._rung.discard(pump.endpoint_id)
        if was_rung and not report.gave_way:
            pump.ring_for_successor()
        return report


pumps = Pumps()
