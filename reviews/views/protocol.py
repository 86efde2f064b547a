"""How a collection is read: the rules in force, their history, and the known cases by which readers are measured."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from classifier.exceptions import PlatformError
from ml.labels import DISPLAY_NAMES
from mriplatform.accounts.models import Collection
from mriplatform.accounts.selectors import Visitor, is_reader_in
from mriplatform.api.problems import answer_to
from mriplatform.pages import check_query, person, says_refusals, signed_in, with_headers
from reviews.access import get_collection_to_configure, get_collection_with_known_cases, get_image_of
from reviews.forms import KnownCaseForm, ProtocolForm, TakeBackForm
from reviews.models import ReviewEvent
from reviews.selectors import protocol_of
from reviews.selectors.known_cases import known_cases as cases_of
from reviews.selectors.protocols import protocols_of
from reviews.services.known_cases import set_known_case, take_back_known_case
from reviews.services.protocols import RULES, protocol_version, set_protocol


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def protocol(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    check_query(request)
    collection = get_collection_to_configure(request.user, collection_id)
    current = protocol_of(collection)
    version = protocol_version(current)
    initial = {name: getattr(current, name) for name in RULES} | {"if_version": version}
    form, refusal = ProtocolForm(request.POST or None, initial=initial), None
    if request.method == "POST":
        try:
            rules = form.told()
            now = set_protocol(actor=person(request), collection=collection, **rules)
        except PlatformError as error:
            refusal = error
        else:
            messages.success(request, _set(version, now.version))
            return redirect("protocol", collection.pk)
    context = {
        "collection": collection, "form": form, "version": version,
        "protocols": protocols_of(collection), "reads": is_reader_in(request.user, collection_id),
    }  # fmt: skip
    return _page(request, "reviews/protocol.html", context, refusal)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def known_cases(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    check_query(request)
    collection = get_collection_with_known_cases(request.user, collection_id)
    form, refusal = KnownCaseForm(request.POST or None), None
    if request.method == "POST":
        try:
            said = form.told()
            image = get_image_of(collection, said.pop("image"))
            set_known_case(actor=person(request), image=image, **said)
        except PlatformError as error:
            refusal = error
        else:
            messages.success(request, f"Image {image.short_id} is a known case from now on.")
            return redirect("known-cases", collection.pk)
    context = {"collection": collection, "form": form, "cases": _rows(collection, request.user)}
    return _page(request, "reviews/known_cases.html", context, refusal)


@require_POST
@signed_in
@says_refusals
def take_back(request: HttpRequest, collection_id: UUID, image_id: UUID) -> HttpResponse:
    collection = get_collection_with_known_cases(request.user, collection_id)
    image = get_image_of(collection, image_id)
    take_back_known_case(actor=person(request), image=image, **TakeBackForm(request.POST).told())
    messages.success(request, f"Image {image.short_id} is read like any other again.")
    return redirect("known-cases", collection.pk)


def _rows(collection: Collection, user: Visitor) -> list[dict[str, Any]]:
    names = DISPLAY_NAMES | {"": ReviewEvent.Verdict.NOT_ASSESSABLE.label}
    return [{"case": case, "known_as": names[case.label]} for case in cases_of(collection, user)]


def _page(
    request: HttpRequest, template: str, context: dict[str, Any], refusal: PlatformError | None
) -> HttpResponse:
    status = refusal.status if refusal else 200
    response = render(request, template, context | {"refusal": refusal}, status=status)
    return with_headers(response, answer_to(refusal) if refusal else None)


def _set(before: int, now: int) -> str:
    if before == now:
        return "That is in force already; nothing was changed."
    return f"Version {now} is in force. What was read before stays under the version that it was read under."
