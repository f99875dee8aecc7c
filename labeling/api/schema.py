"""Why: the schema of every operation from one line above it, errors included.

`manage.py spectacular --validate --fail-on-warn` holds (tests/api/test_schema.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers

F = TypeVar("F", bound=Callable[..., Any])
Shape = type[serializers.BaseSerializer[Any]]


class Problem(serializers.Serializer[Any]):
    """The body of every refusal."""

    code = serializers.CharField(help_text="A word for programs.")
    detail = serializers.CharField(help_text="A sentence for people.")
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.CharField(), help_text="What is wrong with which field."
    )


class Schema(AutoSchema):
    """DRF-spectacular's, with our tags and the one shape of errors."""

    def get_tags(self) -> list[str]:
        return [getattr(self.view, "tag", "")]

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        described: Any = self._get_response_for_code
        bodies["4XX"] = described(Problem, "4XX", direction=direction)
        return bodies


def operation(
    name: str,
    answer: Shape | Mapping[Any, Any] | None,
    *,
    status: int = 200,
    body: Shape | Mapping[str, Any] | None = None,
    params: Shape | None = None,
    also: Mapping[int, Shape] | None = None,
) -> Callable[[F], F]:
    """Describe an operation: what it is called, takes and answers.

    An answer that is no JSON is given as `{(status, content type): type}`.
    """
    parameters: list[OpenApiParameter | Shape] = [params] if params else []
    answers = answer if isinstance(answer, Mapping) else {status: answer, **(also or {})}
    return extend_schema(
        operation_id=name,
        request=body,
        responses=answers,
        parameters=parameters,  # type: ignore[arg-type]
    )


@cache
def page_of(line: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    """Return the shape of a page: `results`, and the cursor of the `next` one or null."""
    fields = {
        "results": line(many=True),
        "next": serializers.CharField(allow_null=True),
    }
    return type(f"{line.__name__}Page", (serializers.Serializer,), fields)
