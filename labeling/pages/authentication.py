"""Why: people log in with their e-mail address, whatever its case."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from labeling.models import User


class EmailBackend(ModelBackend):
    """Django's backend, looking the address up without case."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        email = kwargs.get("email") or username
        if not email or password is None:
            return None
        user = User.objects.filter(email__iexact=email.strip()).first()
        if user is None:
            User().set_password(password)  # the same time as a wrong password takes
            return None
        if user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None
