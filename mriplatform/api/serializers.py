"""Writes that are taken literally: a field that may not be set is an error, never silently dropped."""

import math
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

UNKNOWN = "This field is not known here."
READ_ONLY = "This field cannot be set."


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses a write that names a field it does not take, or holds a number that is none (NaN, infinity).

    Raises:
        ValidationError: by field name.
    """

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            self._refuse_others(data)
        return super().to_internal_value(data)

    def _refuse_others(self, data: Mapping[str, Any]) -> None:
        errors: dict[str, list[str]] = {}
        for name, value in data.items():
            field = self.fields.get(str(name))
            if field is None:
                errors[str(name)[:100]] = [UNKNOWN]
            elif field.read_only:
                errors[name] = [READ_ONLY]
            elif _is_no_number(value, field):
                errors[name] = ["A finite number is needed."]
        if errors:
            raise serializers.ValidationError(errors)


def _is_no_number(value: Any, field: Any) -> bool:
    if not isinstance(field, serializers.FloatField | serializers.DecimalField):
        return False
    try:
        return not math.isfinite(float(value))
    except (TypeError, ValueError, OverflowError):
        # Not a number at all: the field's own complaint is better.
        return False
