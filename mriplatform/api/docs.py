"""The API's description, and the page on which one can try it."""

from typing import Any

from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response


class Schema(SpectacularJSONAPIView):
    """OpenAPI 3, as JSON."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]  # its own is bare
        return response


class Docs(SpectacularSwaggerSplitView):
    """Swagger UI, from our own files and with its start script at an address of its own, as the CSP demands."""

    url_name = "schema"
    template_name = "api_docs.html"
