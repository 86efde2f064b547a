"""Bearer tokens for the API."""

import re
from datetime import timedelta
from typing import Any, Final

from django.db.models import Q
from django.db.models.functions import Now
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from mriplatform.accounts.models import ApiToken

# As they are made; anything else is not looked up.
TOKEN: Final = re.compile(rb"[0-9a-f]{64}")


class ApiTokenAuthentication(TokenAuthentication):
    """`Authorization: Token …` or `Bearer …`, looked up by digest; notes when a token was last used, at most once a
    minute.

    Raises:
        AuthenticationFailed: it is no token of ours, has expired or was revoked, or its user is not active.
    """

    def authenticate(self, request: Request) -> Any:
        scheme, _, given = get_authorization_header(request).strip().partition(b" ")
        if scheme.lower() not in (b"token", b"bearer"):
            return None
        return self.authenticate_token(given.strip())

    def authenticate_token(self, given: bytes) -> Any:
        """The user and the row of a token, in whatever form it came."""
        if not TOKEN.fullmatch(given):
            raise AuthenticationFailed("This is no token of this platform.")
        answer = self.authenticate_credentials(given)  # type: ignore[no-untyped-call]  # knox is not typed
        if answer is not None:
            stale = Q(last_used_at=None) | Q(last_used_at__lt=Now() - timedelta(minutes=1))
            ApiToken.objects.filter(stale, pk=answer[1].pk).update(last_used_at=Now())
        return answer


class ApiTokenScheme(OpenApiAuthenticationExtension):
    target_class = "mriplatform.accounts.authentication.ApiTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "`Authorization: Bearer <token>`, or `Token <token>`. Make one on your account's page.",
        }
