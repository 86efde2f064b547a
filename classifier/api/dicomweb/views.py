"""DICOMweb, the half of it that brings images in: STOW-RS, for a PACS, a modality gateway or a program."""

import re
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request

from classifier.api.dicomweb.answers import push_response
from classifier.api.dicomweb.authentication import GatewayAuthentication
from classifier.api.dicomweb.related import RelatedLimits, WrongMediaType, boundary_of, read_parts
from classifier.services.pushes import receive_push
from mriplatform.accounts.access import get_collection
from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import collections_of
from mriplatform.api.views import AnyFormat, ApiView, person

_UID: Final = re.compile(r"[0-9.]{1,64}")
_WANTED: Final = 'Send multipart/related; type="application/dicom", each part of application/dicom.'


class Stow(ApiView):
    """Takes a push of DICOM instances, as PS3.18 section 10.5 has it, and answers with the UIDs that they have here.

    Not in the API's schema, which describes JSON: it is described by its standard, and in docs/dicom.md.
    """

    schema = None
    authentication_classes = (GatewayAuthentication,)
    content_negotiation_class = AnyFormat
    # A push is done once by its pixels, whatever its key, and its body can be read only once.
    takes_keys = False

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        finished = super().finalize_response(request, response, *args, **kwargs)
        # The access log has said it. Django would log the address, which may hold a UID of the sender's and which
        # only the platform's own handler of lines hides.
        finished._has_been_logged = True
        return finished

    def post(self, request: Request, collection_id: UUID | None = None, study_uid: str = "") -> HttpResponse:
        user = person(request)
        collection = (
            get_collection(user, collection_id, Permission.UPLOAD)
            if collection_id
            else _only_collection(user)
        )
        if study_uid and not _UID.fullmatch(study_uid):
            raise BadRequest("The study in the address is no UID.")
        try:
            parts = read_parts(_reader(request._request), boundary_of(request.content_type or ""), _limits())
            result = receive_push(actor=user, collection=collection, instances=parts, study_uid=study_uid)
        except WrongMediaType as error:
            raise UnsupportedMediaType("", detail=_WANTED) from error
        return push_response(result.verdicts)


def _only_collection(user: User) -> Collection:
    """The collection into which the user may send, where there is one.

    Raises:
        PermissionDenied: there is none.
        BadRequest: there are several.
    """
    found = list(collections_of(user, Permission.UPLOAD)[:2])
    if not found:
        raise PermissionDenied("None of your roles may do this (upload).")
    if len(found) > 1:
        raise BadRequest(
            "You may send into several collections. Push to /dicom-web/collections/<its id>/studies."
        )
    return found[0]


def _limits() -> RelatedLimits:
    return RelatedLimits(
        body=settings.UPLOAD_MAX_REQUEST_BYTES,
        part=settings.UPLOAD_MAX_DICOM_BYTES,
        parts=settings.STOW_MAX_INSTANCES,
    )


def _reader(request: HttpRequest) -> Callable[[int], bytes]:
    """Reads the body, also one that comes in chunks and says no length, as a PACS sends it.

    Raises:
        RequestDataTooBig: it says that it is too long.
        UnsupportedMediaType: it is compressed.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("", detail="Send the body as it is, without compressing it.")
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        if not request.META.get("wsgi.input_terminated"):
            raise BadRequest("The server cannot read a body in chunks; send its length.")
        return request.META["wsgi.input"].read  # type: ignore[no-any-return]  # what the server gives
    try:
        said = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError as error:
        raise BadRequest("The Content-Length is no number.") from error
    if said > settings.UPLOAD_MAX_REQUEST_BYTES:
        raise RequestDataTooBig("The request says that it is too big.")
    return _Measured(request, said).read


class _Measured:
    """A body of a length that was said; shorter, it is refused."""

    def __init__(self, request: HttpRequest, said: int) -> None:
        self._request, self._left = request, said

    def read(self, size: int) -> bytes:
        data = self._request.read(size)
        self._left -= len(data)
        if not data and self._left > 0:
            raise MultiPartParserError("The body is shorter than its Content-Length.")
        return data
