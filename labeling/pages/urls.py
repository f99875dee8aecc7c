"""Addresses of the server-rendered screens; each group of screens lists its own."""

from django.urls import URLPattern, URLResolver, path

from labeling.pages import desk_urls, health, people_urls, project_urls

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    *people_urls.urlpatterns,
    *desk_urls.urlpatterns,
    *project_urls.urlpatterns,
]
