"""JSON that comes in: bounded in size and depth, and nothing but JSON."""

from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class BoundedJSONParser(JSONParser):
    """The framework's JSON parser, which by itself reads any size and falls over deep nesting.

    Raises:
        RequestDataTooBig: more than DATA_UPLOAD_MAX_MEMORY_SIZE bytes.
        ParseError: not JSON (NaN and Infinity are not), not UTF-8, or nested too deep.
    """

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        try:
            bounded = _Bounded(stream, limit)
            return super().parse(bounded, media_type, parser_context)  # type: ignore[arg-type]  # only `read` is used
        except RecursionError as error:
            raise ParseError("The JSON is nested too deep.") from error


class _Bounded:
    """A stream that gives all its bytes at once, or refuses."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream = stream
        self._limit = limit

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(self._limit + 1 if size < 0 else size)
        if len(data) > self._limit:
            raise RequestDataTooBig("The JSON is larger than DATA_UPLOAD_MAX_MEMORY_SIZE.")
        return data
