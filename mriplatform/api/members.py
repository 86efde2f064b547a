"""Who is in a collection, and in which role."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.exceptions import PlatformError
from mriplatform.accounts.access import get_collection
from mriplatform.accounts.models import Membership, User
from mriplatform.accounts.roles import Permission, Role
from mriplatform.accounts.services import grant_role, revoke_role
from mriplatform.api.pagination import CursorPagination
from mriplatform.api.schema import problems
from mriplatform.api.serializers import StrictSerializer
from mriplatform.api.views import ApiView, person


class RoleOfUserSerializer(StrictSerializer):
    user = serializers.CharField(max_length=150, help_text="The name with which they sign in.")
    role = serializers.ChoiceField(choices=Role.choices)


class GrantSerializer(RoleOfUserSerializer):
    seniority = serializers.IntegerField(
        min_value=0,
        max_value=32767,
        required=False,
        help_text="Of a reader; what it is stays where none is given.",
    )


class MemberSerializer(serializers.Serializer[Any]):
    user = serializers.CharField(source="user.username")
    role = serializers.ChoiceField(choices=Role.choices)
    seniority = serializers.IntegerField(
        help_text="Of a reader, higher is more senior: where the protocol says so, the most senior reader decides."
    )


class InOrder(CursorPagination):
    """Pages in the order in which the roles were granted."""

    ordering = "id"


class Members(ApiView):
    serializer_class = MemberSerializer
    pagination_class = InOrder
    paged = True

    @extend_schema(
        operation_id="list_members",
        summary="The members of a collection with their roles, oldest first",
        responses={200: MemberSerializer(many=True), **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection(request.user, collection_id, Permission.MANAGE_MEMBERS)
        rows = Membership.objects.filter(collection=collection).select_related("user")
        return self.paged_response(self.page_of(rows))

    @extend_schema(
        operation_id="grant_role",
        summary="Give a user a role in a collection",
        description="201, or 200 where they have it already. A reader is never staff: 422.",
        request=GrantSerializer,
        responses={201: MemberSerializer, 200: MemberSerializer, **problems(400, 401, 403, 404, 422)},
    )
    def post(self, request: Request, collection_id: UUID) -> Response:
        sent = self.sent(GrantSerializer, request.data)
        collection = get_collection(request.user, collection_id, Permission.MANAGE_MEMBERS)
        user, role, seniority = _user(sent["user"]), Role(sent["role"]), sent.get("seniority")
        known = Membership.objects.filter(user=user, collection=collection, role=role).exists()
        try:
            member = grant_role(
                actor=person(request), user=user, collection=collection, role=role, seniority=seniority
            )
        except ValidationError as error:
            raise PlatformError(" ".join(error.messages), code="role_refused") from error
        return Response(MemberSerializer(member).data, status=200 if known else 201)


class RevokeMember(ApiView):
    @extend_schema(
        operation_id="revoke_role",
        summary="Take a role in a collection from a user",
        request=RoleOfUserSerializer,
        responses={204: None, **problems(400, 401, 403, 404)},
    )
    def post(self, request: Request, collection_id: UUID) -> Response:
        sent = self.sent(RoleOfUserSerializer, request.data)
        collection = get_collection(request.user, collection_id, Permission.MANAGE_MEMBERS)
        revoked = revoke_role(
            actor=person(request), user=_user(sent["user"]), collection=collection, role=Role(sent["role"])
        )
        if not revoked:
            raise PlatformError("They do not have this role here.", code="no_such_role", status=404)
        return Response(status=204)


def _user(name: str) -> User:
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None:
        raise PlatformError("There is no active user of this name.", code="no_such_user", status=404)
    return user
