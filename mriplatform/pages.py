"""The manners that every page shares: who must sign in, and how a refusal is said.

A refusal is one sentence with its status. People get it as a page, scripts and fragments as a problem document
(which the page's own script shows); addresses of the API never answer with a page.
"""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Concatenate

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string

from classifier.exceptions import PlatformError
from mriplatform.accounts.models import User
from mriplatform.api.problems import TITLES, Answer, answer_to, problem_response

API_PREFIX = "/api/"
MALFORMED = Answer(400, "malformed_request", "The request is malformed.")
CSRF_FAILED = Answer(
    403,
    "csrf_failed",
    "The form could not be checked as yours, so nothing was changed. Reload the page, try again.",
)
BROKEN = "Something broke on our side; it is in the log under this request's identifier."
NOT_SIGNED_IN = Answer(401, "not_authenticated", "You were signed out. Reload the page and sign in again.")


def wants_document(request: HttpRequest) -> bool:
    """Whether whoever asks is a program or a script of a page, and so reads problem documents."""
    if request.path.startswith(API_PREFIX) or request.headers.get("HX-Request") == "true":
        return True
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def refuse(request: HttpRequest, answer: Answer) -> HttpResponse:
    """The answer as a page, or as a problem document where that is what is read."""
    if wants_document(request):
        return problem_response(answer)
    context = {
        "status": answer.status,
        "title": TITLES.get(answer.status, "Error"),
        "sentence": answer.sentence,
    }
    return with_headers(render(request, "refusal.html", context, status=answer.status), answer)


def with_headers[R: HttpResponse](response: R, answer: Answer | None) -> R:
    """The response with the headers of an answer, such as Retry-After."""
    for name, value in (answer.headers if answer else {}).items():
        response[name] = value
    return response


def says_refusals[**P](
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """A view whose `PlatformError`s become their sentence, with their status, on a page or in a fragment; so does
    a connection that was cut while the form was read, which Django takes for a fault of the server."""

    @wraps(view)
    def answering(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except (PlatformError, UnreadablePostError) as error:
            return refuse(request, answer_to(error) or MALFORMED)

    return answering


def signed_in[**P](
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """A view for people who are signed in. A fragment answers 401: the sign-in page must not be swapped into it."""

    @wraps(view)
    def answering(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if wants_document(request):
            return problem_response(NOT_SIGNED_IN)
        return redirect_to_login(request.get_full_path())

    return answering


def person(request: HttpRequest) -> User:
    """The user of a request that `signed_in` let through."""
    if not isinstance(request.user, User):
        raise TypeError("This view needs @signed_in.")
    return request.user


def check_query(request: HttpRequest, *known: str) -> None:
    """Refuse query parameters that a page does not know, as the API does.

    Raises:
        BadRequest: names the first of them.
    """
    for name in request.GET:
        if name not in known:
            raise BadRequest(f"The query parameter {name[:40]!r} is not known here.")


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return refuse(request, answer_to(exception) or MALFORMED)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return refuse(
        request, answer_to(exception) or Answer(403, "not_allowed", "None of your roles may do this.")
    )


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The same words for what is missing and for what is somebody else's."""
    if wants_document(request):
        return problem_response(Answer(404, "not_found", "There is nothing here, or it is not yours to see."))
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """What broke, or which service is away. The pages are rendered without the request: whatever a page usually
    looks up for its navigation may be what is broken."""
    error = sys.exc_info()[1]
    away = answer_to(error) if isinstance(error, Exception) else None
    answer = away or Answer(500, "server_fault", BROKEN)
    if wants_document(request):
        return problem_response(answer)
    page = render_to_string(f"{answer.status if answer.status in (500, 503) else 500}.html")
    return with_headers(HttpResponse(page, status=answer.status), answer)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if wants_document(request):
        return problem_response(CSRF_FAILED)
    return render(request, "403_csrf.html", status=403)
