"""Rows as a file: JSON, CSV or JSON Lines, by `?format=` or by Accept."""

import json
from typing import Any

from drf_spectacular.types import OpenApiTypes
from rest_framework.exceptions import NotAcceptable, ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import SAFE_METHODS
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from mriplatform.api.views import PAGING


class CsvRenderer(BaseRenderer):
    """Writes the text that the view made; a refusal is written as the problem document that it is."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        text = data if isinstance(data, str) else json.dumps(data, default=str)
        return text.encode()


class JsonLinesRenderer(CsvRenderer):
    media_type = "application/x-ndjson"
    format = "jsonl"


class FormatNegotiation(DefaultContentNegotiation):
    """Takes `?format=` before Accept: a link in a browser can carry it. Only what is read has more than one form."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        asked = request.query_params.get("format")
        if request.method not in SAFE_METHODS:
            return super().select_renderer(request, renderers[:1], format_suffix)
        if asked is None:
            return super().select_renderer(request, renderers, format_suffix)
        for renderer in renderers:
            if renderer.format == asked:
                return renderer, renderer.media_type
        raise NotAcceptable(f"This is offered as {' and '.join(renderer.format for renderer in renderers)}.")


TABLE_RENDERERS = (JSONRenderer, CsvRenderer, JsonLinesRenderer)
# What the API's description says of the two forms of a table; the columns are in docs/results.md.
AS_TABLE = {(200, "text/csv"): OpenApiTypes.STR, (200, "application/x-ndjson"): OpenApiTypes.STR}


def table_asked(request: Request) -> str:
    """`csv` or `jsonl` where the whole list is asked for as a table; empty for a page of it as JSON.

    Raises:
        ValidationError: a table is asked for by pages.
    """
    form = str(getattr(request, "accepted_renderer").format)  # noqa: B009  # the framework sets it as it negotiates
    if form == "json":
        return ""
    for name in sorted({*PAGING, "ordering"} & set(request.query_params)):
        raise ValidationError({name: ["A table is whole, in an order of its own."]})
    return form
