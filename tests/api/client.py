"""A client of /api/v1/: JSON in, JSON out, as a user's session or with a token."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.test import Client

from labeling.models import User
from labeling.operations.tokens import create_token
from tests.cast import TEST

BASE = "/api/v1/"


class Api:
    """Speaks for one user; `last` is the last answer in full."""

    def __init__(self, user: User | None = None, *, scopes: Iterable[str] | None = None) -> None:
        self.client = Client(raise_request_exception=True)
        self.headers: dict[str, str] = {}
        if user is not None and scopes is not None:
            issued = create_token(user=user, scopes=scopes, actor=TEST)
            self.headers = {"Authorization": f"Bearer {issued.secret}"}
        elif user is not None:
            self.client.force_login(user)
        self.last: Any = None

    def call(self, method: str, path: str, body: Any = None, status: int | None = None) -> Any:
        """Send a request and return the body; check the status if one is given."""
        more: dict[str, Any] = {}
        if body is not None:
            text = body if isinstance(body, str | bytes) else json.dumps(body)
            more = {"data": text, "content_type": "application/json"}
        self.last = self.client.generic(method, BASE + path, headers=self.headers, **more)
        if status is not None:
            assert self.last.status_code == status, (self.last.status_code, self.last.content)
        return json.loads(self.last.content) if self.last.content else None

    def get(self, path: str, status: int = 200) -> Any:
        return self.call("GET", path, status=status)

    def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        return self.call("POST", path, body, status)

    def put(self, path: str, body: Any = None, status: int = 200) -> Any:
        return self.call("PUT", path, body, status)

    def patch(self, path: str, body: Any = None, status: int = 200) -> Any:
        return self.call("PATCH", path, body, status)

    def delete(self, path: str, status: int = 204) -> Any:
        return self.call("DELETE", path, status=status)

    def upload(self, path: str, status: int, **fields: Any) -> Any:
        """Send a multipart form."""
        self.last = self.client.post(BASE + path, fields, headers=self.headers)
        assert self.last.status_code == status, (self.last.status_code, self.last.content)
        return json.loads(self.last.content)
