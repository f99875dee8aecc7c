"""Why: what a request may say: exactly the fields named, each of exactly its type.

DRF's own fields turn 5 into "5" and "true" into True; an API that guesses hides the
mistakes of its clients. Addresses' parameters are text, so those are read by `Params`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


class _Known(serializers.Serializer[Any]):
    """Refuses fields that are not declared."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [str(name)[:80] for name in data if name not in self.fields]
            if unknown:
                known = ", ".join(self.fields) or "none"
                raise serializers.ValidationError(
                    dict.fromkeys(unknown, f"There is no such field; the fields are {known}.")
                )
        return super().to_internal_value(data)


class Body(_Known):
    """A JSON body."""


class Params(_Known):
    """What follows the ? of an address."""


class Text(serializers.CharField):
    """A string, kept as it is."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **kwargs})

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("Must be a string.")
        return super().to_internal_value(data)


class Integer(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            raise serializers.ValidationError("Must be a whole number.")
        return data


class Boolean(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("Must be true or false.")
        return data


class Word(serializers.ChoiceField):
    """One value of a StrEnum, given as that."""

    def __init__(self, kinds: type[StrEnum], **kwargs: Any) -> None:
        self.kinds = kinds
        super().__init__(choices=[kind.value for kind in kinds], **kwargs)

    def to_internal_value(self, data: Any) -> StrEnum:
        if not isinstance(data, str) or data not in list(self.kinds):
            raise serializers.ValidationError(f"Must be one of {', '.join(self.kinds)}.")
        return self.kinds(data)


@extend_schema_field({"type": "object", "additionalProperties": {}})
class Object(serializers.JSONField):
    """A JSON object whose fields are judged elsewhere."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError("Must be an object.")
        return data


@extend_schema_field({"type": "array", "items": {}})
class Array(serializers.JSONField):
    """A JSON list whose entries are judged elsewhere."""

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            raise serializers.ValidationError("Must be a list.")
        return data


class PageParams(Params):
    """Where to go on, and how far."""

    cursor = serializers.CharField(
        default=None, max_length=100, help_text="The `next` of the page before."
    )
    limit = serializers.IntegerField(default=50, min_value=1, max_value=200)
