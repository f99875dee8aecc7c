"""Addresses of the annotator's desk."""

from django.urls import URLPattern, URLResolver, path

from labeling.pages.desk import desk

urlpatterns: list[URLPattern | URLResolver] = [
    path("desk/<slug:slug>/", desk, name="desk"),
]
