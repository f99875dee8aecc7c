"""Addresses of the sockets."""

from django.urls import path

from labeling.live.consumers import DeskConsumer

urlpatterns = [path("ws/desk/<slug:slug>/", DeskConsumer.as_asgi())]
