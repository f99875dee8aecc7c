"""Why: the ASGI application: pages and API over HTTP, desks over WebSockets."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
http = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402  (after the apps)
from channels.sessions import CookieMiddleware, SessionMiddleware  # noqa: E402

from labeling.live import routing  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": CookieMiddleware(SessionMiddleware(URLRouter(routing.urlpatterns))),
    }
)
