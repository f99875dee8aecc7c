"""Why: bearer tokens for programs; browsers come with Django's session (settings.py).

`request.auth` is the token's scopes, and None for a session: queries/access.py takes it
as it is.
"""

from __future__ import annotations

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from labeling.models import User
from labeling.operations.tokens import note_token_use
from labeling.queries.people import token_of


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer qm_…`; a request without it is for the next class to judge."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[User, tuple[str, ...]] | None:
        """Return whose token it is, and its scopes.

        Raises:
            AuthenticationFailed: unknown, revoked or expired, or its user is shut out.
        """
        scheme, _, secret = get_authorization_header(request).decode("latin1").partition(" ")
        if scheme.lower() != self.keyword.lower():
            return None
        token = token_of(secret.strip())
        if token is None:
            raise AuthenticationFailed("This API token is unknown, revoked or expired.")
        note_token_use(token_id=token.pk)
        return token.user, tuple(token.scopes)

    def authenticate_header(self, request: Request) -> str:
        return self.keyword


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes it."""

    target_class = "labeling.api.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return build_bearer_security_scheme_object(
            header_name="Authorization", token_prefix=BearerAuthentication.keyword
        )
