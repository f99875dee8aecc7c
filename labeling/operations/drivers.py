"""Why: run the hot path's operations (steps.py) from REST and commands, and from sockets.

`run` uses Django's connection; `run_async` psycopg's own async pool on the socket's event
loop, with a step's statements and the commit pipelined into one round trip. Both repeat
an operation that lost a deadlock or a serialisation race, and publish events after the
commit. Nothing but running belongs here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
import psycopg_pool
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, transaction
from psycopg.rows import dict_row
from psycopg.types.string import TextLoader
from psycopg_pool import AsyncConnectionPool

from labeling.events import bus
from labeling.events.types import Event
from labeling.operations.steps import Operation, Outcome, Results, Step

logger = logging.getLogger(__name__)
T = TypeVar("T")
MAX_TRIES = 4
POOL_TIMEOUT_S = 5.0
RETRY_S = (0.02, 0.3, 1.5)

_pools: dict[asyncio.AbstractEventLoop, AsyncConnectionPool] = {}


def run(start: Callable[[], Operation[T]]) -> T:
    """Run an operation on Django's connection, in a transaction of its own.

    Raises:
        DomainError: what the operation raised; `Refused` after its last step is committed.
    """
    for attempt in range(1, MAX_TRIES + 1):
        try:
            outcome = _run_once(start())
        except OperationalError as error:
            if attempt == MAX_TRIES or not _is_race(error.__cause__):
                raise
        else:
            bus.publish(*outcome.events)
            return outcome.value
    raise AssertionError("unreachable")


def _run_once(operation: Operation[T]) -> Outcome[T]:
    with transaction.atomic():
        try:
            step = next(operation)
            while not step.last:
                step = operation.send(_execute(step))
            results = _execute(step)
        except StopIteration as stop:
            return _outcome(stop)
    try:
        operation.send(results)
    except StopIteration as stop:
        return _outcome(stop)
    raise AssertionError("an operation yields nothing after its last step")


def _execute(step: Step) -> Results:
    results: Results = []
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        for statement in step.statements:
            cursor.execute(statement.text, dict(statement.params))
            names = [column.name for column in cursor.description or ()]
            rows = cursor.fetchall() if names else []
            results.append([dict(zip(names, row, strict=True)) for row in rows])
    return results


async def run_async(start: Callable[[], Operation[T]]) -> T:
    """Run an operation on the event loop's pool; like `run` otherwise.

    Events are delivered in a task of their own: a broker that hangs delays no answer.
    """
    pool = await desk_pool()
    for attempt in range(1, MAX_TRIES + 1):
        try:
            async with pool.connection() as connection:
                outcome = await _run_once_async(connection, start())
        except psycopg_pool.PoolTimeout:
            raise
        except psycopg.OperationalError:
            # A lost race, or PostgreSQL went away: every desk operation may be repeated.
            if attempt == MAX_TRIES:
                raise
            await asyncio.sleep(RETRY_S[attempt - 1])
        else:
            deliver_soon(outcome.events)
            return outcome.value
    raise AssertionError("unreachable")


async def _run_once_async(
    connection: psycopg.AsyncConnection[Any], operation: Operation[T]
) -> Outcome[T]:
    try:
        step = next(operation)
        while not step.last:
            step = operation.send(await _execute_async(connection, step))
        results = await _execute_async(connection, step)
    except StopIteration as stop:
        return _outcome(stop)
    try:
        operation.send(results)
    except StopIteration as stop:
        return _outcome(stop)
    raise AssertionError("an operation yields nothing after its last step")


async def _execute_async(connection: psycopg.AsyncConnection[Any], step: Step) -> Results:
    async with connection.pipeline():
        cursors = [
            await connection.execute(statement.text, statement.params)
            for statement in step.statements
        ]
        if step.last:
            await connection.commit()
    # Only now, after the one round trip, do the cursors know what they hold.
    return [list(await c.fetchall()) if c.description else [] for c in cursors]


async def desk_pool() -> AsyncConnectionPool:
    """Return this event loop's pool, opened at its first use."""
    loop = asyncio.get_running_loop()
    if loop not in _pools:
        for other in [other for other in _pools if other.is_closed()]:
            del _pools[other]
        params = connections[DEFAULT_DB_ALIAS].get_connection_params()
        for django_only in ("pool", "cursor_factory", "context", "prepare_threshold"):
            params.pop(django_only, None)
        pool = AsyncConnectionPool(
            kwargs={**params, "row_factory": dict_row},
            min_size=1,
            max_size=settings.DESK_POOL_MAX,
            timeout=POOL_TIMEOUT_S,
            max_idle=120,
            configure=_configure,
            check=None,
            open=False,
            name="desk",
        )
        _pools[loop] = pool
        await pool.open()
    return _pools[loop]


async def close_desk_pool() -> None:
    """Close this event loop's pool, if it has one."""
    pool = _pools.pop(asyncio.get_running_loop(), None)
    if pool is not None:
        await pool.close()


async def _configure(connection: psycopg.AsyncConnection[Any]) -> None:
    # JSON stays text: it is spliced into frames as it is (as Django's own connection does).
    for name in ("json", "jsonb"):
        connection.adapters.register_loader(name, TextLoader)


_deliveries: set[asyncio.Task[None]] = set()


def deliver_soon(events: tuple[Event, ...]) -> None:
    """Deliver events in a task of its own."""
    if events:
        task = asyncio.get_running_loop().create_task(bus.deliver(events))
        _deliveries.add(task)
        task.add_done_callback(_deliveries.discard)


def _outcome(stop: StopIteration) -> Outcome[Any]:
    outcome: Outcome[Any] = stop.value
    return outcome


def _is_race(error: BaseException | None) -> bool:
    return isinstance(error, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure)
