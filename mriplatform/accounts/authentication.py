"""Bearer tokens for the API."""

from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework.request import Request

from mriplatform.accounts.models import ApiToken


class ApiTokenAuthentication(TokenAuthentication):
    """`Authorization: Token …`, looked up by digest; notes when a token was last used, at most once a minute."""

    def authenticate(self, request: Request) -> Any:
        answer = super().authenticate(request)  # type: ignore[no-untyped-call]  # knox is not typed
        if answer is not None:
            stale = Q(last_used_at=None) | Q(last_used_at__lt=Now() - timedelta(minutes=1))
            ApiToken.objects.filter(stale, pk=answer[1].pk).update(last_used_at=Now())
        return answer


class ApiTokenScheme(OpenApiAuthenticationExtension):
    target_class = "mriplatform.accounts.authentication.ApiTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Authorization: Token <token>`; `./dev run python manage.py make_token NAME` makes one.",
        }
