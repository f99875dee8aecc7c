"""Why: API tokens: made, shown once, used, revoked. Only their SHA-256 is stored."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from labeling.errors import Invalid
from labeling.events import bus
from labeling.events.types import UserShutOut
from labeling.models import ApiToken, User
from labeling.operations.audit import Actor, record
from labeling.queries.people import hash_secret
from labeling.rules.permissions import Scope, default_scopes

PREFIX = "qm_"
SECRET_BYTES = 32  # 43 characters of base64url
SHOWN_CHARS = 9  # qm_ and six more: enough to tell one's tokens apart
MAX_NAME_CHARS = 80
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class IssuedToken:
    """A new token; `secret` is not to be had again."""

    token: ApiToken
    secret: str = field(repr=False)


@transaction.atomic
def create_token(
    *,
    user: User,
    actor: Actor,
    name: str = "token",
    scopes: Iterable[str] | None = None,
    expires_at: datetime | None = None,
) -> IssuedToken:
    """Make an API token for a user, by default with every scope they have use for.

    Raises: Invalid.
    """
    wanted = default_scopes(is_ops=user.is_ops) if scopes is None else _scopes(scopes)
    name = name.strip()[:MAX_NAME_CHARS] or "token"
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid("The token would have expired.", fields={"expires_at": "is in the past"})
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    token = ApiToken.objects.create(
        user=user,
        name=name,
        prefix=secret[:SHOWN_CHARS],
        token_hash=hash_secret(secret),
        scopes=[scope.value for scope in wanted],
        expires_at=expires_at,
    )
    record(actor=actor, action="token.created", subject=token, after={"scopes": token.scopes})
    return IssuedToken(token, secret)


@transaction.atomic
def revoke_token(*, token: ApiToken, actor: Actor) -> None:
    """End a token for good; the user's sockets close (browsers come back by themselves)."""
    n_revoked = ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(
        revoked_at=timezone.now()
    )
    if n_revoked:
        record(actor=actor, action="token.revoked", subject=token)
        bus.publish(UserShutOut(token.user_id))


def note_token_use(*, token_id: int) -> None:
    """Write down that a token is in use, at most once a minute, so that reads stay cheap."""
    now = timezone.now()
    ApiToken.objects.filter(
        Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - USE_NOTED_EVERY), pk=token_id
    ).update(last_used_at=now)


def _scopes(given: Iterable[str]) -> tuple[Scope, ...]:
    known = {scope.value: scope for scope in Scope}
    wanted = [known.get(name) for name in dict.fromkeys(given)]
    if not wanted or None in wanted:
        raise Invalid("A token needs scopes.", fields={"scopes": f"Must be of {', '.join(known)}."})
    return tuple(scope for scope in wanted if scope is not None)
