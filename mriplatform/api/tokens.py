"""One's own tokens: listed, made, revoked."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.exceptions import PlatformError
from mriplatform.accounts.models import ApiToken
from mriplatform.accounts.scopes import Scope
from mriplatform.accounts.services import LONGEST_DAYS, make_token, revoke_token
from mriplatform.api.pagination import CursorPagination
from mriplatform.api.schema import problems
from mriplatform.api.serializers import StrictSerializer
from mriplatform.api.views import ApiView, person

SCOPE_CHOICES = [(scope.value, scope.value) for scope in Scope]


class NewTokenSerializer(StrictSerializer):
    name = serializers.CharField(max_length=80, help_text="What it is for.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=SCOPE_CHOICES),
        required=False,
        default=list,
        help_text="What it may do of what you may; empty for all of it.",
    )
    days = serializers.IntegerField(min_value=1, max_value=LONGEST_DAYS, default=90)


class RevokeTokenSerializer(StrictSerializer):
    id = serializers.RegexField("^[0-9a-f]{128}$")


class TokenSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="digest", help_text="Its digest; the token itself is kept nowhere.")
    name = serializers.CharField()
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=SCOPE_CHOICES), help_text="Empty: all that you may."
    )
    created_at = serializers.DateTimeField(source="created")
    last_used_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(source="expiry", allow_null=True)


class MadeTokenSerializer(TokenSerializer):
    token = serializers.CharField(help_text="Shown in this one answer.")


class NewestFirst(CursorPagination):
    ordering = "-created"


class Tokens(ApiView):
    serializer_class = TokenSerializer
    pagination_class = NewestFirst
    paged = True

    @extend_schema(
        operation_id="list_tokens",
        summary="List your own tokens, newest first",
        responses={200: TokenSerializer(many=True), **problems(400, 401)},
    )
    def get(self, request: Request) -> Response:
        return self.paged_response(self.page_of(ApiToken.objects.filter(user=person(request))))

    @extend_schema(
        operation_id="make_token",
        summary="Make a token; it is shown in this one answer",
        description=(
            "A token that makes one must have the scope `manage`, and makes none that may do more than itself or works "
            "longer. A new password revokes all of a person's tokens."
        ),
        request=NewTokenSerializer,
        responses={201: MadeTokenSerializer, **problems(400, 401, 403)},
    )
    def post(self, request: Request) -> Response:
        sent = self.sent(NewTokenSerializer, request.data)
        maker = request.auth if isinstance(request.auth, ApiToken) else None
        row, token = make_token(user=person(request), maker=maker, **sent)
        return Response(TokenSerializer(row).data | {"token": token}, status=201)


class RevokeToken(ApiView):
    @extend_schema(
        operation_id="revoke_token",
        summary="Revoke one of your own tokens; it stops working at once",
        request=RevokeTokenSerializer,
        responses={204: None, **problems(400, 401, 403, 404)},
    )
    def post(self, request: Request) -> Response:
        sent = self.sent(RevokeTokenSerializer, request.data)
        if not revoke_token(user=person(request), digest=sent["id"]):
            raise PlatformError("There is no such token of yours.", code="not_found", status=404)
        return Response(status=204)
