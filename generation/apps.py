"""Why: tells Django about the lowest layer, the model servers."""

from __future__ import annotations

from django.apps import AppConfig


class GenerationConfig(AppConfig):
    name = "generation"
    label = "generation"
    verbose_name = "Model servers"
    default_auto_field = "django.db.models.BigAutoField"
