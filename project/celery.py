"""Why: the Celery application; queues, routes and schedule live in workers/schedule.py."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

app = Celery("quorum")
app.config_from_object("workers.configuration")
app.autodiscover_tasks(["workers"])
