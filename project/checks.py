"""Why: say in words what is wrong with a configuration, before it hurts.

Each message names the environment variable and what to set. No network here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register


@register()
def check_secret_key(app_configs: Sequence[Any] | None, **_: object) -> list[CheckMessage]:
    """Return an error where SECRET_KEY is unset outside of DEBUG."""
    if settings.SECRET_KEY == "unset-secret-key" and not settings.DEBUG:  # noqa: S105
        return [
            Error(
                "SECRET_KEY is not set.",
                hint="Set SECRET_KEY, or SECRET_KEY_FILE to a file that holds it. "
                "`make up` makes one in its data folder.",
                id="quorum.E001",
            )
        ]
    return []


@register()
def check_public_url(app_configs: Sequence[Any] | None, **_: object) -> list[CheckMessage]:
    """Return an error where PUBLIC_URL is no address, a warning where it is not allowed."""
    parts = urlsplit(settings.PUBLIC_URL)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return [
            Error(
                f"PUBLIC_URL is not an address: {settings.PUBLIC_URL!r}.",
                hint="Set it to what people type into the browser, such as https://quorum.example.",
                id="quorum.E002",
            )
        ]
    if "*" not in settings.ALLOWED_HOSTS and parts.hostname not in [
        host.strip("[]") for host in settings.ALLOWED_HOSTS
    ]:
        return [
            Warning(
                f"PUBLIC_URL's host {parts.hostname!r} is not in ALLOWED_HOSTS.",
                hint="Add it to ALLOWED_HOSTS, or pages and sockets will be refused.",
                id="quorum.W001",
            )
        ]
    return []


@register()
def check_redis_url(app_configs: Sequence[Any] | None, **_: object) -> list[CheckMessage]:
    """Return an error where REDIS_URL has another scheme or names a database."""
    parts = urlsplit(settings.REDIS_URL)
    if parts.scheme not in {"redis", "rediss"} or parts.path not in {"", "/"}:
        return [
            Error(
                f"REDIS_URL must look like redis://host:6379, not {settings.REDIS_URL!r}.",
                hint="Leave the database number out: /0 is Celery's, /1 the sockets'.",
                id="quorum.E003",
            )
        ]
    return []


@register()
def check_secrets_keys(app_configs: Sequence[Any] | None, **_: object) -> list[CheckMessage]:
    """Return an error for each of SECRETS_KEYS that is not a Fernet key."""
    found: list[CheckMessage] = []
    for number, key in enumerate(settings.SECRETS_KEYS, start=1):
        try:
            Fernet(key)
        except ValueError:
            found.append(
                Error(
                    f"SECRETS_KEYS: key {number} is not a Fernet key.",
                    hint="Make one with: python -c 'from cryptography.fernet import Fernet; "
                    "print(Fernet.generate_key().decode())'",
                    id="quorum.E004",
                )
            )
    return found


@register()
def check_llm(app_configs: Sequence[Any] | None, **_: object) -> list[CheckMessage]:
    """Return an error where LLM_BASE_URL is set and no http address."""
    url = settings.LLM_BASE_URL
    if url and urlsplit(url).scheme not in {"http", "https"}:
        return [
            Error(
                f"LLM_BASE_URL must start with http:// or https://, not {url!r}.",
                hint="Point it at an OpenAI-compatible server, such as http://gpu-1:8000/v1.",
                id="quorum.E005",
            )
        ]
    return []


@register()
def check_pools(app_configs: Sequence[Any] | None, **_: object) -> list[CheckMessage]:
    """Return an error where a connection pool would be empty."""
    return [
        Error(f"{name} must be at least 2.", hint="8 is the default.", id="quorum.E006")
        for name in ("DATABASE_POOL_MAX", "DESK_POOL_MAX")
        if getattr(settings, name) < 2
    ]
