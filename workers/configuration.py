"""Why: how Celery is set up: queues, routes, limits and the schedule, in one place.

Messages are doorbells; what must not be lost is a row. So messages are acknowledged
when they are taken, none is ever retried, and the sweeps find whatever a lost message
should have said: sooner than the visibility time-out would bring it back, and without
a task that runs twice at once. (Late acknowledgement would gain nothing here.)

RabbitMQ instead of Redis: set CELERY_BROKER_URL, nothing else.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from kombu import Queue

QUEUES = ("default", "generation", "scoring", "exchange", "quality", "mail")

broker_url = settings.CELERY_BROKER_URL
broker_connection_retry = True
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
broker_connection_timeout = 4.0
broker_pool_limit = 10

REDIS_OPTIONS = {
    # Longer than any slice or job: a task is never delivered again while it runs.
    "visibility_timeout": 6 * 3600,
    "socket_connect_timeout": 3.0,
    "socket_timeout": 30.0,
    "socket_keepalive": True,
    "health_check_interval": 25,
    # Of publishing: without these kombu tries for ever when the broker is away.
    "max_retries": 1,
    "interval_start": 0.0,
    "interval_step": 0.1,
    "interval_max": 0.1,
}
is_redis = broker_url.startswith(("redis://", "rediss://", "unix://"))
broker_transport_options = REDIS_OPTIONS if is_redis else {"confirm_publish": True}
task_publish_retry = False

task_serializer = "json"
result_serializer = "json"
accept_content = ["json"]
task_ignore_result = True
task_store_errors_even_if_ignored = False
timezone = "UTC"
enable_utc = True

task_default_queue = "default"
task_create_missing_queues = False
task_queues = [Queue(name, routing_key=name) for name in QUEUES]
task_routes = {
    "workers.pump_endpoint": {"queue": "generation"},
    "workers.run_import": {"queue": "exchange"},
    "workers.write_snapshot": {"queue": "exchange"},
    "workers.add_up": {"queue": "quality"},
    "workers.sweep_*": {"queue": "default"},
}

worker_prefetch_multiplier = 1
worker_hijack_root_logger = False
worker_send_task_events = True
task_send_sent_event = False
worker_max_memory_per_child = 600_000  # KiB; prefork only
worker_soft_shutdown_timeout = 5.0
worker_cancel_long_running_tasks_on_connection_loss = False
task_acks_late = False

# In memory: every entry is idempotent and every process may run it, so there is
# nothing to remember between two starts, and no file for a crash to spoil.
beat_scheduler = "celery.beat:Scheduler"
beat_max_loop_interval = 2


def _every(seconds: float, task: str) -> dict[str, object]:
    """Run a sweep this often; a message that waited through two rounds is dropped."""
    return {
        "task": task,
        "schedule": timedelta(seconds=seconds),
        "options": {"expires": max(2 * seconds, 5.0)},
    }


beat_schedule = {
    "assignments": _every(2, "workers.sweep_assignments"),
    "consensus": _every(2, "workers.add_up"),
    "requests": _every(5, "workers.sweep_requests"),
    "runs": _every(15, "workers.sweep_runs"),
    "presence": _every(10, "workers.sweep_presence"),
    "queues": _every(10, "workers.sweep_queues"),
    "endpoints": _every(20, "workers.sweep_endpoints"),
}
