"""What the API's description says about errors: every endpoint answers them in the one form."""

from typing import Any

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
