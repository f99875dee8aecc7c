"""Addresses of the server-rendered screens; each group of screens lists its own."""

from django.urls import URLPattern, URLResolver

from labeling.pages import desk_urls, project_urls

urlpatterns: list[URLPattern | URLResolver] = [
    *desk_urls.urlpatterns,
    *project_urls.urlpatterns,
]
