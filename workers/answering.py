"""Why: one request from its claim to its candidate: draw, gate, store, or say what failed.

The model server is asked on the event loop; rows, rendering and the gate's regular
expressions run in threads. An answer in hand is stored through any outage of the
database that ends in time: it was paid for.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connections
from psycopg_pool import PoolTimeout

from generation import gate, retry
from generation.errors import CallFailed
from generation.kinds import GateMode, Outcome
from generation.specs import EndpointSpec, PolicySpec
from labeling.operations import candidates
from labeling.operations.candidates import CallRecord, turn_json
from labeling.operations.request_leases import ClaimedRequest
from labeling.queries.candidates import sibling_turns
from workers.drawing import Client, Draw, DrawFailed, draw_candidate

logger = logging.getLogger(__name__)
T = TypeVar("T")

DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeout)
PATIENCE_S = 120.0
"""How long a write is tried again while the database is away."""

INTERNAL_DELAY_S = 30.0
INTERNAL_ERROR = "internal_error"


class Rows:
    """Runs database work in a few threads, each call on a connection of its own."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads

    async def do(self, call: Callable[..., T], **kwargs: Any) -> T:
        """Run a call that reads or writes rows."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _with_own_connection, call, kwargs)

    async def surely(self, call: Callable[..., T], **kwargs: Any) -> T:
        """Run an idempotent call, again and again while the database is away.

        Raises: what the call raises; after two minutes the database's error too.
        """
        began_at, wait_s = time.monotonic(), 0.25
        while True:
            try:
                return await self.do(call, **kwargs)
            except DATABASE_AWAY:
                if time.monotonic() - began_at > PATIENCE_S:
                    raise
                logger.warning("a write waits for the database")
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, 5.0)


def _with_own_connection(call: Callable[..., T], kwargs: Mapping[str, Any]) -> T:
    try:
        return call(**kwargs)
    finally:
        connections.close_all()  # gives it back to psycopg's pool


@dataclass(frozen=True, slots=True)
class Ending:
    """How a request ended for its pump; `outcome` is that of the last call."""

    is_stored: bool
    outcome: Outcome | None


@dataclass
class Answering:
    """One request being answered. `is_calling`: nothing is lost if it is aborted now."""

    request: ClaimedRequest
    policy: PolicySpec
    endpoint: EndpointSpec
    client: Client
    rows: Rows
    worker: str
    is_calling: bool = False
    _drawn: list[tuple[Draw, gate.GateReport]] = field(default_factory=list)

    async def run(self) -> Ending:
        """Answer the request; whatever happens ends in a row. Cancelling aborts the call."""
        try:
            return await self._answer()
        except DrawFailed as failed:
            return await self._fail(failed.error, failed.calls)
        except DATABASE_AWAY:
            raise  # the lease runs out and the sweep finds the row
        except Exception:
            # A bug of ours must cost this request a delay, not the pump its slice.
            logger.exception("request failed", extra={"request_id": self.request.id})
            await self.rows.surely(
                candidates.fail_request,
                **self._key,
                error_class=INTERNAL_ERROR,
                permanent=False,
                base_delay_s=INTERNAL_DELAY_S,
            )
            return Ending(False, None)

    @property
    def _key(self) -> dict[str, Any]:
        return {"request_id": self.request.id, "lease": self.request.lease}

    async def _answer(self) -> Ending:
        number, so_far = self.request.draws, self.request.turns_so_far
        while True:
            self.is_calling = True
            try:
                draw = await draw_candidate(
                    request=self.request,
                    number=number,
                    so_far=so_far,
                    policy=self.policy,
                    endpoint=self.endpoint,
                    client=self.client,
                    worker=self.worker,
                    keep_turns=self._keep_turns,
                )
            finally:
                self.is_calling = False
            # An answer in hand is stored though its pump is being stopped.
            ending = await asyncio.shield(asyncio.ensure_future(self._judge(draw)))
            if ending is not None:
                return ending
            number, so_far = number + 1, ()

    async def _judge(self, draw: Draw) -> Ending | None:
        """Store a draw, or have it rejected and return None: draw again."""
        report = await self.rows.surely(self._inspect, draw=draw)
        self._drawn.append((draw, report))
        can_differ = self.policy.parameters.temperature > 0
        if can_differ and gate.may_draw_again(
            report, n_draws=draw.number + 1, max_draws=1 + self.request.resample_limit
        ):
            await self._reject(draw, report)
            return None
        best, best_report = self._drawn[gate.best([drawn[1] for drawn in self._drawn])]
        calls = draw.calls
        if best is not draw:
            await self._reject(draw, report)
            calls = ()
        draft = replace(best.draft, marks=tuple(mark.value for mark in best_report.marks))
        is_stored = await self.rows.surely(
            candidates.store_candidate, **self._key, candidate=draft, calls=calls
        )
        return Ending(is_stored, Outcome.OK)

    def _inspect(self, *, draw: Draw) -> gate.GateReport:
        return gate.inspect(
            draw.draft.turns,
            finish_reasons=draw.finish_reasons,
            siblings=sibling_turns(item_id=self.request.item_id),
            policy_words=gate.giveaway_words(self.policy.model, draw.draft.model),
            prompt_text="\n".join(str(m.get("content") or "") for m in self.request.messages),
            mode=GateMode(self.request.gate_mode.value),
        )

    async def _reject(self, draw: Draw, report: gate.GateReport) -> None:
        await self.rows.surely(
            candidates.reject_draw,
            **self._key,
            rejection={
                "marks": [mark.value for mark in report.marks],
                "seed": draw.draft.seed,
                "finish_reason": draw.draft.finish_reason,
                "turns": [turn_json(turn) for turn in draw.draft.turns],
            },
            calls=draw.calls,
        )

    async def _keep_turns(
        self, turns: Sequence[Mapping[str, Any]], calls: Sequence[CallRecord]
    ) -> bool:
        self.is_calling = False
        kept = await self.rows.surely(
            candidates.save_turn, **self._key, turns=[*turns], calls=[*calls]
        )
        self.is_calling = True
        return kept

    async def _fail(self, error: CallFailed, calls: Sequence[CallRecord]) -> Ending:
        verdict = retry.verdict(error.outcome, retry_after_s=error.retry_after_s)
        await self.rows.surely(
            candidates.fail_request,
            **self._key,
            error_class=error.outcome.value,
            detail=error.message or str(error),
            permanent=verdict.action is retry.Action.DEAD,
            retry_after_s=verdict.retry_after_s,
            base_delay_s=verdict.base_delay_s,
            calls=calls,
        )
        return Ending(False, error.outcome)
