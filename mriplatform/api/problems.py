"""Errors as RFC 9457 problem documents: a stable code, a sentence, and the request's identifier."""

import logging
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import (
    BadRequest,
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from classifier.exceptions import PlatformError
from mriplatform.accounts.access import NOT_FOUND
from mriplatform.audit.recording import request_id

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
TITLES = {
    400: "Malformed request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    406: "Format not offered",
    409: "State conflict",
    412: "Changed meanwhile",
    413: "Too big",
    415: "Wrong type",
    422: "Refused",
    428: "If-Match missing",
    429: "Too many requests",
    500: "Server fault",
    503: "A service is away",
    507: "Storage full",
}
_MEBIBYTE = 2**20


class Answer(NamedTuple):
    """What an error becomes, on a page and in the API alike.

    Attributes:
        status: the HTTP status.
        code: stable, for programs.
        sentence: for people.
        more: further members of the problem document.
        headers: of the response.
    """

    status: int
    code: str
    sentence: str
    more: dict[str, Any] = {}
    headers: dict[str, str] = {}


DATABASE_AWAY = Answer(
    503,
    "database_away",
    "The database does not answer at the moment. Nothing was changed; try again shortly.",
    headers={"Retry-After": "5"},
)


def problem_document(status_code: int, code: str, detail: str, **more: Any) -> dict[str, Any]:
    """The body of an `application/problem+json` answer."""
    return {
        "type": "about:blank",
        "title": TITLES.get(status_code, "Error"),
        "status": status_code,
        "code": code,
        "detail": detail,
        "request_id": request_id.get(),
        **more,
    }


def problem_response(answer: Answer) -> JsonResponse:
    """The answer as a problem document, for views outside the REST framework."""
    return JsonResponse(
        problem_document(answer.status, answer.code, answer.sentence, **answer.more),
        status=answer.status,
        content_type=CONTENT_TYPE,
        headers=answer.headers,
    )


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what the domain and the framework raise into one form; anything else is a bug and stays a 500."""
    answer = answer_to(error)
    if answer is None:
        return None
    if answer is DATABASE_AWAY:
        logger.error("The database does not answer: %s", error)
    set_rollback()
    return Response(
        problem_document(answer.status, answer.code, answer.sentence, **answer.more),
        status=answer.status,
        headers=answer.headers,
        content_type=CONTENT_TYPE,
    )


def answer_to(error: BaseException | None) -> Answer | None:
    """The answer to anything that is not a bug; None for what is."""
    match error:
        case PlatformError():
            retry_after = getattr(error, "retry_after", None)
            headers = {"Retry-After": str(retry_after)} if retry_after else {}
            return Answer(error.status, error.code, error.sentence, headers=headers)
        case Http404() | exceptions.NotFound():
            return Answer(404, "not_found", NOT_FOUND)
        case PermissionDenied():
            return Answer(403, "not_allowed", str(error) or "None of your roles may do this.")
        case OperationalError() | InterfaceError():
            return DATABASE_AWAY
        case ModelValidationError():
            return Answer(400, "invalid", " ".join(error.messages))
        case exceptions.ValidationError():
            return Answer(400, "invalid", _first_sentence(error.detail), {"errors": error.detail})
        case exceptions.APIException():
            return _framework_answer(error)
    return _answer_to_request(error)


def _answer_to_request(error: BaseException | None) -> Answer | None:
    """The answer to a request that could not even be read."""
    match error:
        case RequestDataTooBig():
            upload, other = settings.UPLOAD_MAX_REQUEST_BYTES, settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            sentence = (
                f"The request is too big: an upload may have {upload / _MEBIBYTE:g} MiB, "
                f"everything else {other / _MEBIBYTE:g} MiB."
            )
            return Answer(413, "request_too_big", sentence)
        case TooManyFilesSent():
            limit = settings.DATA_UPLOAD_MAX_NUMBER_FILES
            return Answer(
                400, "too_many_files", f"At most {limit} files are taken at once; send the rest after them."
            )
        case TooManyFieldsSent():
            limit = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
            return Answer(400, "too_many_fields", f"The request has more than {limit} fields.")
        case MultiPartParserError() | UnreadablePostError():
            return Answer(
                400, "incomplete_request", "The request is malformed or ends too early; send it again."
            )
        case DisallowedHost():
            return Answer(400, "unknown_host", "The platform is not served under this name.")
        case BadRequest():
            return Answer(400, "malformed_request", str(error) or "The request is malformed.")
        case SuspiciousOperation():
            return Answer(400, "malformed_request", "The request is malformed.")
    return None


def _framework_answer(error: exceptions.APIException) -> Answer:
    headers = {}
    if auth_header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if isinstance(error, exceptions.ParseError) and isinstance(error.__context__, MultiPartParserError):
        return Answer(400, "incomplete_request", "The request is malformed or ends too early; send it again.")
    return Answer(error.status_code, str(error.default_code), str(error.detail), headers=headers)


def _first_sentence(detail: Any) -> str:
    """The first complaint, with the field's name, for people who read only one line."""
    if isinstance(detail, dict) and detail:
        field, inner = next(iter(detail.items()))
        sentence = _first_sentence(inner)
        return sentence if field == "non_field_errors" else f"{field}: {sentence}"
    if isinstance(detail, list) and detail:
        return _first_sentence(detail[0])
    return str(detail)
