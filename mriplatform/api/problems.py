"""Errors as RFC 9457 problem documents: a stable code, a sentence, and the request's identifier."""

from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, TooManyFilesSent
from django.core.exceptions import ValidationError as ModelValidationError
from django.http import Http404, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from classifier.exceptions import PlatformError
from mriplatform.accounts.access import NOT_FOUND
from mriplatform.audit.recording import request_id

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


def problem_response(status_code: int, code: str, detail: str, **more: Any) -> JsonResponse:
    """The same for views outside the REST framework."""
    return JsonResponse(
        problem_document(status_code, code, detail, **more), status=status_code, content_type=CONTENT_TYPE
    )


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what the domain and the framework raise into one form; anything else is a bug and stays a 500."""
    answer = _answer(error)
    if answer is None:
        return None
    set_rollback()
    status_code, code, detail, more, headers = answer
    response = Response(
        problem_document(status_code, code, detail, **more),
        status=status_code,
        headers=headers,
        content_type=CONTENT_TYPE,
    )
    return response


type Answer = tuple[int, str, str, dict[str, Any], dict[str, str]]


def _answer(error: Exception) -> Answer | None:
    match error:
        case PlatformError():
            retry_after = getattr(error, "retry_after", None)
            return (
                error.status,
                error.code,
                error.sentence,
                {},
                {"Retry-After": str(retry_after)} if retry_after else {},
            )
        case Http404():
            return 404, "not_found", NOT_FOUND, {}, {}
        case PermissionDenied():
            return 403, "not_allowed", str(error) or "Your roles do not allow this.", {}, {}
        case RequestDataTooBig():
            return 413, "request_too_big", "The request is larger than this platform takes.", {}, {}
        case TooManyFilesSent() | SuspiciousOperation():
            return 400, "malformed_request", str(error) or "The request is malformed.", {}, {}
        case ModelValidationError():
            return 400, "invalid", " ".join(error.messages), {}, {}
        case exceptions.ValidationError():
            return 400, "invalid", _first_sentence(error.detail), {"errors": error.detail}, {}
        case exceptions.APIException():
            return _framework_answer(error)
    return None


def _framework_answer(error: exceptions.APIException) -> Answer:
    headers = {}
    if auth_header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    code = str(getattr(error, "default_code", "error"))
    if error.status_code == status.HTTP_404_NOT_FOUND:
        return 404, "not_found", NOT_FOUND, {}, headers
    return error.status_code, code, str(error.detail), {}, headers


def _first_sentence(detail: Any) -> str:
    """The first complaint, with the field's name, for people who read only one line."""
    if isinstance(detail, dict) and detail:
        field, inner = next(iter(detail.items()))
        sentence = _first_sentence(inner)
        return sentence if field == "non_field_errors" else f"{field}: {sentence}"
    if isinstance(detail, list) and detail:
        return _first_sentence(detail[0])
    return str(detail)
