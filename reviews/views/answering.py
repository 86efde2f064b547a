"""How a step of a reading answers: as the panel alone for the page's script, as the whole page for everybody."""

import json
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Final
from uuid import UUID

from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from classifier.exceptions import PlatformError
from mriplatform.accounts.models import Collection
from mriplatform.pages import person, signed_in
from reviews.access import get_reading
from reviews.models import Reading
from reviews.selectors import has_list_aside
from reviews.services.reading import claim_next
from reviews.views.beside import present_image
from reviews.views.changing import entered_in, present_change, sentence_of
from reviews.views.presenting import present_page, present_reading

# Said by the page's script: it takes the next reading's page as an answer, under the address that comes with it.
TAKES_NEXT: Final = "Reading-Takes-Next"
ADDRESS: Final = "Reading-Address"
# Its image, as the viewer takes it: address and window, and nothing else.
IMAGE: Final = "Reading-Image"


def from_script(request: HttpRequest) -> bool:
    """Whether the page's script asks, and takes a panel in place of the one it has."""
    return request.headers.get("HX-Request") == "true"


def takes_next(request: HttpRequest) -> bool:
    """Whether that script also takes the next reading's page in place of its own (see next-reading.js)."""
    return from_script(request) and request.headers.get(TAKES_NEXT) == "true"


def show(
    request: HttpRequest,
    reading: Reading,
    *,
    refusal: PlatformError | None = None,
    whole: bool = False,
) -> HttpResponse:
    """The reading as it stands now, with a refusal's sentence and status if there was one.

    Args:
        whole: the page, also where a script asks; else a script gets the panel.
    """
    user = person(request)
    refused = refusal is not None
    entered = entered_in(request, reading, refused=refused)
    context = present_reading(user, reading, entered) | {"refusal": sentence_of(refusal)}
    context |= present_change(request, reading, entered, refused)
    whole = whole or not from_script(request)
    if whole:
        context |= present_page(user, reading)
    template = "reviews/reading.html" if whole else "reviews/panel.html"
    response = render(request, template, context, status=refusal.status if refusal else 200)
    patch_vary_headers(response, ["HX-Request", TAKES_NEXT])
    return response


def show_next_step(request: HttpRequest, reading: Reading) -> HttpResponse:
    """The reading after a step of it: to the page's script at once, to everybody else by its address."""
    if from_script(request):
        return show(request, get_reading(request.user, reading.pk))
    return redirect("reading", reading.pk)


def go(request: HttpRequest, url: str) -> HttpResponse:
    """Send the browser to another page, from a script's request too."""
    return HttpResponseClientRedirect(url) if from_script(request) else redirect(url)


def go_to_next(request: HttpRequest, collection: Collection, *, aside: bool = False) -> HttpResponseBase:
    """To the next image that waits for this reader in the same list, else back to the worklist.

    A script that takes the next reading's page gets it with this answer: the image is drawn one round trip sooner
    or two. Which image it is goes out as soon as it is the reader's, before the page around it is made.
    """
    reading = claim_next(
        reader=person(request), collection=collection, aside=aside and has_list_aside(collection)
    )
    if reading is None:
        return go(request, reverse("worklist", args=[collection.pk]))
    address = reverse("reading", args=[reading.pk])
    if not takes_next(request):
        return go(request, address)
    response: HttpResponseBase
    if get_messages(request):  # they are told once, which only an answer that is whole can note
        response = show(request, get_reading(request.user, reading.pk), whole=True)
    else:
        response = StreamingHttpResponse(_page_after_headers(request, reading))
        response["X-Accel-Buffering"] = "no"  # a proxy that gathers the answer would hold the headers back
        patch_vary_headers(response, ["HX-Request", TAKES_NEXT])
    response[ADDRESS] = address
    response[IMAGE] = json.dumps(present_image(reading.image))
    return response


def _page_after_headers(request: HttpRequest, reading: Reading) -> Iterator[bytes]:
    yield b"\n"  # with the first byte go the headers
    yield show(request, get_reading(request.user, reading.pk), whole=True).content


def step(view: Callable[[HttpRequest, Reading], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A view that takes one step of the user's own reading, by POST.

    What the services refuse is said on the reading's page, with its status, and what was typed stays there. A GET
    comes from a sign-in that the step led to, or from a reload: it shows the reading.
    """

    @wraps(view)
    def answering(request: HttpRequest, reading_id: UUID) -> HttpResponseBase:
        reading = get_reading(request.user, reading_id)
        if request.method != "POST":
            return redirect("reading", reading.pk)
        try:
            return view(request, reading)
        except PlatformError as refusal:
            now = get_reading(request.user, reading_id)
            return show(request, now, refusal=refusal)

    return require_http_methods(["GET", "HEAD", "POST"])(never_cache(signed_in(answering)))
