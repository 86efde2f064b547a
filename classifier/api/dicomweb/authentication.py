"""Who pushes: a token of the API, in each of the forms in which PACS and gateways can send one."""

import base64
import binascii
from typing import Any

from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from mriplatform.accounts.authentication import ApiTokenAuthentication


class GatewayAuthentication(ApiTokenAuthentication):
    """`Authorization: Token …` or `Bearer …`, or Basic with the user's name and, for a password, a token.

    Never a password of a person, and never a cookie: what is pushed here is pushed by a program.

    Raises:
        AuthenticationFailed: the token is none, or another user's.
    """

    def authenticate(self, request: Request) -> Any:
        scheme, _, given = get_authorization_header(request).strip().partition(b" ")
        if scheme.lower() != b"basic":
            return super().authenticate(request)
        try:
            name, _, token = base64.b64decode(given.strip(), validate=True).decode().partition(":")
            answer = self.authenticate_token(token.encode())
        except (binascii.Error, UnicodeDecodeError) as error:
            raise AuthenticationFailed("This is no token of this platform.") from error
        if answer is None or answer[0].get_username() != name:
            raise AuthenticationFailed("This is no token of this platform.")
        return answer

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for: the one scheme that every gateway knows."""
        return 'Basic realm="DICOMweb", charset="UTF-8"'
