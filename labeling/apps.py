"""Why: names the app and hangs up its doorbells."""

from django.apps import AppConfig


class LabelingConfig(AppConfig):
    name = "labeling"
    verbose_name = "Labeling"

    def ready(self) -> None:
        from labeling.live import doorbells

        doorbells.register()
