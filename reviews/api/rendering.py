"""Labels as a file: JSON or CSV, by `?format=` or by Accept."""

import json
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


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


class FormatNegotiation(DefaultContentNegotiation):
    """Takes `?format=` before Accept: a link in a browser can carry it."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        asked = request.query_params.get("format")
        if asked is None:
            return super().select_renderer(request, renderers, format_suffix)
        for renderer in renderers:
            if renderer.format == asked:
                return renderer, renderer.media_type
        raise NotAcceptable(f"This is offered as {' and '.join(renderer.format for renderer in renderers)}.")
