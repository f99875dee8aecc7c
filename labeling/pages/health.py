"""Why: what supervisors, proxies and Prometheus ask a web process. No login, no texts.

`/healthz`: the process answers. `/readyz`: it can do its work; a broker that is away
makes it `degraded` and no more, for open desks go on without it. A database that does
not answer is found out on a connection of its own with short time-outs, not by waiting
for the pool.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import psycopg
import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from labeling.queries.metrics import InstanceFigures, instance_figures

logger = logging.getLogger(__name__)
DATABASE_TIMEOUT_S = 2
BROKER_TIMEOUT_S = 0.5

_known: dict[str, bool] = {}
"""Migrations that were applied once stay so for this process's life."""


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the process lives."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether the database answers and is migrated, and how the broker is."""
    has_database = _is_fine("database", _ask_database)
    is_migrated = has_database and _is_fine("migrations", _check_migrations)
    has_broker = _is_fine("broker", _ask_broker)
    is_ready = has_database and is_migrated
    status = "ok" if is_ready and has_broker else "degraded" if is_ready else "unavailable"
    report = {
        "status": status,
        "database": has_database,
        "migrations": is_migrated,
        "broker": has_broker,
    }
    if status == "degraded":
        report["degraded"] = ["broker"]
    return JsonResponse(report, status=200 if is_ready else 503)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Give the instance's figures in Prometheus' format."""
    return HttpResponse(
        generate_latest(_registry(instance_figures())), content_type=CONTENT_TYPE_LATEST
    )


def _is_fine(what: str, check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (psycopg.Error, DatabaseError, redis.RedisError, OSError) as error:
        logger.warning("not ready", extra={"what": what, "error": type(error).__name__})
        return False


def _ask_database() -> bool:
    given = connection.settings_dict
    wanted = {
        "dbname": given["NAME"],
        "user": given["USER"],
        "password": given["PASSWORD"],
        "host": given["HOST"],
        "port": given["PORT"],
        "sslmode": given["OPTIONS"].get("sslmode"),
        "sslrootcert": given["OPTIONS"].get("sslrootcert"),
    }
    parameters = {key: value for key, value in wanted.items() if value}
    with psycopg.connect(
        **parameters,
        connect_timeout=DATABASE_TIMEOUT_S,
        options=f"-c statement_timeout={DATABASE_TIMEOUT_S * 1000}",
    ) as probe:
        probe.execute("SELECT 1")
    return True


def _check_migrations() -> bool:
    if not _known.get("migrated"):
        executor = MigrationExecutor(connection)
        _known["migrated"] = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _known["migrated"]


def _ask_broker() -> bool:
    client = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=BROKER_TIMEOUT_S,
        socket_connect_timeout=BROKER_TIMEOUT_S,
    )
    try:
        return bool(client.ping())
    finally:
        client.close()


def _registry(figures: InstanceFigures) -> CollectorRegistry:
    registry = CollectorRegistry()
    by_label: list[tuple[str, str, str, dict[str, int]]] = [
        ("quorum_items", "Items by state", "state", figures.items),
        ("quorum_generation_requests", "Requests by state", "state", figures.requests),
        ("quorum_queue_depth", "Messages in a Celery queue", "queue", figures.queues),
        ("quorum_processes_alive", "Processes seen lately", "kind", figures.processes),
    ]
    for name, help_text, label, values in by_label:
        gauge = Gauge(name, help_text, [label], registry=registry)
        for key, value in sorted(values.items()):
            gauge.labels(key).set(value)
    single: list[tuple[str, str, float]] = [
        ("quorum_slots_open", "Slots that may be claimed", figures.n_open_slots),
        ("quorum_answers", "Answers that count", figures.n_answers),
        ("quorum_desks", "Open desks", figures.n_desks),
        ("quorum_desks_waiting", "Desks that wait for work", figures.n_waiting_desks),
        ("quorum_overlap_overshoot", "Items over their overlap", figures.n_overshot_items),
        ("quorum_oldest_pending_seconds", "Oldest pending request", figures.oldest_pending_s),
    ]
    for name, help_text, figure in single:
        Gauge(name, help_text, registry=registry).set(figure)
    return registry
