"""Cursor paging: stable while rows are added, and never a count over a large table."""

from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

from rest_framework import pagination
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request

MAX_PAGE_SIZE = 200
ORDERINGS = ("newest", "oldest")


class CursorPagination(pagination.CursorPagination):
    """Pages of `page_size` (1 to 200), newest first, by the row's time-ordered identifier; `ordering` turns them round.

    Attributes:
        turns: whether it takes `ordering`; not where the rows have an order of their own that is no matter of time.
    """

    ordering = "-id"
    turns = True
    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE_SIZE
    invalid_cursor_message = "The cursor is not one that this endpoint gave out; start again without it."

    def get_page_size(self, request: Request) -> int | None:
        asked = request.query_params.get("page_size")
        if asked is None:
            return self.page_size
        if not asked.isdecimal() or len(asked) > 9 or not 1 <= int(asked) <= MAX_PAGE_SIZE:
            raise ValidationError(
                {"page_size": [f"page_size must be a whole number from 1 to {MAX_PAGE_SIZE}."]}
            )
        return int(asked)

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        fields = tuple(super().get_ordering(request, queryset, view))
        asked = request.query_params.get("ordering") if self.turns else None
        if asked is None:
            return fields
        if asked not in ORDERINGS:
            raise ValidationError({"ordering": [f"ordering is one of {', '.join(ORDERINGS)}."]})
        sign = "-" if asked == "newest" else ""
        return tuple(sign + field.removeprefix("-") for field in fields)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        sizes = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": self.page_size}
        parameters = [
            ("cursor", "From `next` or `previous` of a page.", {"type": "string"}),
            ("page_size", "Rows of a page.", sizes),
        ]
        if self.turns:
            parameters.append(("ordering", "By time.", {"type": "string", "enum": list(ORDERINGS)}))
        return [
            {"in": "query", "name": name, "description": about, "schema": schema}
            for name, about, schema in parameters
        ]

    def decode_cursor(self, request: Request) -> pagination.Cursor | None:
        """The cursor that is asked for, or None. One that this endpoint could not have given out is an error."""
        asked = request.query_params.get("cursor")
        try:
            cursor = super().decode_cursor(request)
        except NotFound as error:
            raise ValidationError({"cursor": [self.invalid_cursor_message]}) from error
        if asked is not None and (cursor is None or asked != _encoded(cursor)):
            raise ValidationError({"cursor": [self.invalid_cursor_message]})
        return cursor


def _encoded(cursor: pagination.Cursor) -> str:
    """The cursor as the framework writes it into an address."""
    tokens = {}
    if cursor.offset != 0:
        tokens["o"] = str(cursor.offset)
    if cursor.reverse:
        tokens["r"] = "1"
    if cursor.position is not None:
        tokens["p"] = str(cursor.position)
    return b64encode(urlencode(tokens, doseq=True).encode("ascii")).decode("ascii")
