"""Cursor paging: stable while rows are added, and never a count over a large table."""

from base64 import b64encode
from urllib.parse import urlencode

from rest_framework import pagination
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request

MAX_PAGE_SIZE = 200


class CursorPagination(pagination.CursorPagination):
    """Pages of `page_size` (1 to 200), newest first, by the row's time-ordered identifier."""

    ordering = "-id"
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
