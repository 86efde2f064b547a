"""A person's own webhooks: made, looked at, paused, tried out, and what became of each event."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier.exceptions import PlatformError
from classifier.views.paging import page_of
from mriplatform.api.problems import answer_to
from mriplatform.outbox.kinds import TEST, Kind
from mriplatform.outbox.models import Endpoint
from mriplatform.pages import check_query, person, says_refusals, signed_in, with_headers
from mriplatform.webhooks.access import get_delivery, get_endpoint, get_place
from mriplatform.webhooks.forms import EndpointForm
from mriplatform.webhooks.selectors import deliveries_of, delivery_counts, endpoints_of
from mriplatform.webhooks.services import (
    delete_endpoint,
    make_endpoint,
    pause_endpoint,
    redeliver,
    resume_endpoint,
    rotate_secret,
    send_test,
)

LABELS = dict(Kind.choices) | {TEST: "A test"}


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
@says_refusals
@sensitive_variables("secret")
def webhooks(request: HttpRequest) -> HttpResponse:
    """The list, and the form that makes one; its secret is shown in this one answer and nowhere else."""
    check_query(request)
    user = person(request)
    if request.method != "POST":
        return _list(request, EndpointForm(user))
    form = EndpointForm(user, request.POST)
    if not form.is_valid():
        return _list(request, form, status=400)
    said = form.cleaned_data
    collection = get_place(user, form.collection_id())
    try:
        endpoint, secret = make_endpoint(
            owner=user, collection=collection, url=said["url"], kinds=said["kinds"], name=said["name"]
        )
    except PlatformError as refusal:
        return _list(request, form, refusal=refusal, status=refusal.status)
    return _one(request, endpoint, secret=secret)


@require_safe
@signed_in
@never_cache
def webhook(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    check_query(request, "before", "after")
    return _one(request, get_endpoint(person(request), endpoint_id))


@require_POST
@signed_in
@says_refusals
def webhook_pause(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    endpoint = get_endpoint(person(request), endpoint_id)
    pause_endpoint(actor=person(request), endpoint=endpoint)
    messages.success(request, "Nothing is sent for now. What happens meanwhile waits in line.")
    return redirect("webhook", endpoint.pk)


@require_POST
@signed_in
@says_refusals
def webhook_resume(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    endpoint = get_endpoint(person(request), endpoint_id)
    resume_endpoint(actor=person(request), endpoint=endpoint)
    messages.success(request, "Events are sent again, and what is in line at once.")
    return redirect("webhook", endpoint.pk)


@require_POST
@signed_in
@never_cache
@says_refusals
@sensitive_variables("secret")
def webhook_rotate(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    endpoint = get_endpoint(person(request), endpoint_id)
    endpoint, secret = rotate_secret(actor=person(request), endpoint=endpoint)
    return _one(request, endpoint, secret=secret)


@require_POST
@signed_in
@says_refusals
def webhook_delete(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    delete_endpoint(actor=person(request), endpoint=get_endpoint(person(request), endpoint_id))
    messages.success(request, "The webhook is deleted. Nothing more is sent to it.")
    return redirect("webhooks")


@require_POST
@signed_in
@says_refusals
def webhook_test(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    endpoint = get_endpoint(person(request), endpoint_id)
    send_test(actor=person(request), endpoint=endpoint)
    messages.success(request, "A test is in line. Reload in a moment to see what came of it.")
    return redirect("webhook", endpoint.pk)


@require_POST
@signed_in
@says_refusals
def webhook_redeliver(request: HttpRequest, endpoint_id: UUID, delivery_id: UUID) -> HttpResponse:
    delivery = get_delivery(person(request), endpoint_id, delivery_id)
    redeliver(actor=person(request), delivery=delivery)
    messages.success(request, "It is sent again, under the same identifier.")
    return redirect("webhook", endpoint_id)


def _list(
    request: HttpRequest, form: EndpointForm, *, refusal: PlatformError | None = None, status: int = 200
) -> HttpResponse:
    context = {"endpoints": endpoints_of(person(request)), "form": form, "refusal": refusal, "labels": LABELS}
    response = render(request, "webhooks/webhooks.html", context, status=status)
    return with_headers(response, answer_to(refusal) if refusal else None)


def _one(request: HttpRequest, endpoint: Endpoint, *, secret: str = "") -> HttpResponse:
    page = page_of(
        deliveries_of(endpoint).prefetch_related("tries"),
        before=_identifier(request, "before"),
        after=_identifier(request, "after"),
    )
    context = {
        "endpoint": endpoint,
        "secret": secret,
        "kinds": [LABELS[kind] for kind in endpoint.kinds],
        "counts": delivery_counts(endpoint),
        "rows": [_row(delivery) for delivery in page.rows],
        "newer": page.newer_than,
        "older": page.older_than,
    }
    return render(request, "webhooks/webhook.html", context)


def _row(delivery: Any) -> dict[str, Any]:
    tries = list(delivery.tries.all())
    return {
        "delivery": delivery,
        "kind": LABELS[delivery.event.kind],
        "last": tries[0] if tries else None,
        "tries": tries,
        "open": delivery.state in delivery.OPEN,
    }


def _identifier(request: HttpRequest, name: str) -> UUID | None:
    """The row from which a page begins.

    Raises:
        BadRequest: it is none that could be.
    """
    try:
        return UUID(request.GET[name]) if name in request.GET else None
    except ValueError as error:
        raise BadRequest(f"The parameter {name!r} has a value that it does not take.") from error
