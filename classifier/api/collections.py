"""The collections that one is a member of."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.api.serializers import CollectionSerializer
from classifier.models import JobStatus
from classifier.selectors import study_counts
from mriplatform.accounts.selectors import collections_of, roles_of
from mriplatform.api.schema import problems
from mriplatform.api.views import ApiView


class Collections(ApiView):
    serializer_class = CollectionSerializer
    paged = True

    @extend_schema(
        operation_id="list_collections",
        summary="List your collections, with your roles in them",
        responses={200: CollectionSerializer(many=True), **problems(400, 401)},
    )
    def get(self, request: Request) -> Response:
        counts, roles = study_counts(request.user), roles_of(request.user)
        none = {status.value: 0 for status in JobStatus}
        return self.paged_response(
            [
                {
                    "id": collection.pk,
                    "name": collection.name,
                    "description": collection.description,
                    "roles": sorted(roles.get(collection.pk, frozenset())),
                    "studies": counts.get(collection.pk, none),
                }
                for collection in self.page_of(collections_of(request.user))
            ]
        )
