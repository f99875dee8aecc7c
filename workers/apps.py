"""Why: registers the doorbell that labeling rings (labeling never imports Celery)."""

from django.apps import AppConfig


class WorkersConfig(AppConfig):
    name = "workers"

    def ready(self) -> None:
        from workers import doorbell

        doorbell.install()
