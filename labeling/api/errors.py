"""Why: the one place where an error becomes a status and a body.

Every refusal of /api/v1/ is `{"code", "detail", "fields"}`: a word for programs, a sentence
for people, and what is wrong with which field (an empty object where no field is to blame;
a nested field is named by its path, `items.0.prompt`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response

from generation.errors import GenerationError
from labeling.errors import DomainError, ErrorKind

logger = logging.getLogger(__name__)

STATUS_OF_KIND = {
    ErrorKind.INVALID: status.HTTP_400_BAD_REQUEST,
    ErrorKind.FORBIDDEN: status.HTTP_403_FORBIDDEN,
    ErrorKind.NOT_FOUND: status.HTTP_404_NOT_FOUND,
    ErrorKind.CONFLICT: status.HTTP_409_CONFLICT,
    ErrorKind.UNAVAILABLE: status.HTTP_503_SERVICE_UNAVAILABLE,
}
CODE_OF_STATUS = {
    status.HTTP_400_BAD_REQUEST: "invalid",
    status.HTTP_401_UNAUTHORIZED: "not_authenticated",
    status.HTTP_403_FORBIDDEN: "forbidden",
    status.HTTP_404_NOT_FOUND: "not_found",
    status.HTTP_405_METHOD_NOT_ALLOWED: "method_not_allowed",
    status.HTTP_406_NOT_ACCEPTABLE: "not_acceptable",
    status.HTTP_413_REQUEST_ENTITY_TOO_LARGE: "too_large",
    status.HTTP_415_UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
    status.HTTP_429_TOO_MANY_REQUESTS: "rate_limited",
}


class TooLarge(exceptions.APIException):
    """A body beyond what its route takes."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large."
    default_code = "too_large"


class LengthRequired(exceptions.APIException):
    """A body in chunks: DRF takes it for an empty one, which must not pass in silence."""

    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_detail = "Send the body with a Content-Length."
    default_code = "length_required"


def handle_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the answer to an error; None leaves it to Django, as a fault of ours."""
    if isinstance(error, DomainError):
        code = str(getattr(error, "code", error.kind))
        return _answer(STATUS_OF_KIND[error.kind], code, error.detail, error.fields)
    if isinstance(error, GenerationError):
        kind = ErrorKind(error.kind)
        return _answer(STATUS_OF_KIND[kind], kind.value, error.detail, error.fields)
    if isinstance(error, exceptions.ValidationError):
        fields = dict(_flat(error.detail))
        general = fields.pop("", None)
        detail = general or "; ".join(f"{name}: {said}" for name, said in fields.items())
        return _answer(error.status_code, "invalid", detail, fields)
    if isinstance(error, exceptions.APIException):
        code = CODE_OF_STATUS.get(error.status_code, str(error.default_code))
        return _answer(error.status_code, code, str(error.detail), {}, _headers(error))
    if isinstance(error, Http404):
        return _answer(status.HTTP_404_NOT_FOUND, "not_found", "There is no such thing.", {})
    if isinstance(error, PermissionDenied):
        return _answer(status.HTTP_403_FORBIDDEN, "forbidden", "You may not do this.", {})
    if isinstance(error, RequestDataTooBig):
        return _answer(TooLarge.status_code, "too_large", TooLarge.default_detail, {})
    if isinstance(error, OperationalError | InterfaceError):
        logger.exception("the database did not answer an API request")
        return _answer(
            status.HTTP_503_SERVICE_UNAVAILABLE,
            "unavailable",
            "The database does not answer; try again soon.",
            {},
            {"Retry-After": "1"},
        )
    return None


def _answer(
    status_code: int,
    code: str,
    detail: str,
    fields: dict[str, str],
    headers: dict[str, str] | None = None,
) -> Response:
    body = {"code": code, "detail": detail, "fields": fields}
    return Response(body, status=status_code, headers=headers)


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined]
    if getattr(error, "wait", None):
        headers["Retry-After"] = str(int(error.wait))  # type: ignore[attr-defined]
    return headers


def _flat(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (path, sentence) for each field of DRF's nested errors."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            own = "" if name == "non_field_errors" else str(name)
            yield from _flat(inner, ".".join(part for part in (path, own) if part))
    elif isinstance(detail, list) and any(isinstance(inner, dict) for inner in detail):
        for place, inner in enumerate(detail):
            if inner:
                yield from _flat(inner, f"{path}.{place}" if path else str(place))
    elif isinstance(detail, list):
        yield path, " ".join(str(inner) for inner in detail)
    else:
        yield path, str(detail)
