"""How views become the API's description: pages where there are pages, and errors in the one form."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

from mriplatform.api.problems import CONTENT_TYPE, TITLES


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457; `code` is stable, `detail` is for people."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    request_id = serializers.CharField()
    errors = serializers.DictField(required=False, help_text="By field.")  # type: ignore[assignment]  # no attribute


def problems(*statuses: int) -> dict[Any, OpenApiResponse]:
    """The problem documents that an endpoint may answer with, for `extend_schema(responses=…)`."""
    return {
        (status, CONTENT_TYPE): OpenApiResponse(ProblemSerializer, description=TITLES[status])
        for status in statuses
    }


class DescribedView(AutoSchema):
    """Describes a view by what it was told with `extend_schema`, not by what is meant for readers of its code."""

    def get_description(self) -> str:  # type: ignore[override]  # the framework's own is not typed
        return ""

    def _get_pagination_parameters(self) -> list[dict[str, Any]]:
        # The framework tells a list by the answer whose status sorts first, which may be a refusal.
        if self.method != "GET" or not getattr(self.view, "paged", False):
            return []
        view: Any = self.view
        parameters: list[dict[str, Any]] = view.paginator.get_schema_operation_parameters(view)
        return parameters
