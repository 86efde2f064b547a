"""What the readings of a collection say: pooled, and a reader's own."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from mriplatform.accounts.access import NOT_FOUND
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import permissions_in
from mriplatform.pages import check_query, person, signed_in
from reviews.access import get_collection_to_measure, get_collection_to_read, get_collection_with_figures
from reviews.selectors.figure_files import figure_as_csv, figures_as_json
from reviews.selectors.figure_words import FIGURES
from reviews.selectors.figures import ShownFigures, closed, everything, own
from reviews.services.figures import ask_for_figures
from reviews.views.charts import chart
from reviews.views.figure_tables import table


@require_safe
@signed_in
@never_cache
def figures(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    check_query(request)
    collection, shown, all_of_them = _pooled(request, collection_id)
    granted = permissions_in(request.user, collection_id)
    may_ask = all_of_them and bool(granted & {Permission.FREEZE_LABELS, Permission.PROMOTE})
    more = {"all_of_them": all_of_them, "may_ask": may_ask, "reads": Permission.READ in granted}
    return render(request, "reviews/figures.html", _context(collection, shown) | more | {"files": "figures"})


@require_safe
@signed_in
@never_cache
def own_figures(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    check_query(request)
    collection = get_collection_to_read(request.user, collection_id)
    context = _context(collection, own(collection, person(request))) | {"own": True, "reads": True}
    return render(request, "reviews/figures.html", context | {"files": "own-figures"})


@require_safe
@signed_in
@never_cache
def figures_download(request: HttpRequest, collection_id: UUID, form: str) -> HttpResponse:
    check_query(request, "figure")
    collection, shown, _ = _pooled(request, collection_id)
    return _download(request, collection, shown, form, "figures")


@require_safe
@signed_in
@never_cache
def own_figures_download(request: HttpRequest, collection_id: UUID, form: str) -> HttpResponse:
    check_query(request, "figure")
    collection = get_collection_to_read(request.user, collection_id)
    return _download(request, collection, own(collection, person(request)), form, "my-figures")


@require_POST
@signed_in
def compute(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    collection = get_collection_to_measure(request.user, collection_id)
    ask_for_figures(actor=person(request), collection=collection)
    messages.success(request, "New figures are being made. Load this page again in a minute.")
    return redirect("figures", collection.pk)


def _pooled(request: HttpRequest, collection_id: UUID) -> tuple[Collection, ShownFigures, bool]:
    collection, all_of_them = get_collection_with_figures(request.user, collection_id)
    return collection, everything(collection) if all_of_them else closed(collection), all_of_them


def _context(collection: Collection, shown: ShownFigures) -> dict[str, Any]:
    groups = groupby(_drawn(shown), key=lambda figure: figure["words"].group)
    return {
        "collection": collection,
        "snapshot": shown.snapshot,
        "waiting": shown.waiting,
        "groups": [(title, list(found)) for title, found in groups],
    }


def _drawn(shown: ShownFigures) -> Iterator[dict[str, Any]]:
    for name, rows in shown.figures.items():
        words = FIGURES[name]
        yield {"name": name, "words": words, "table": table(name, rows), "charts": chart(name, rows)}


def _download(
    request: HttpRequest, collection: Collection, shown: ShownFigures, form: str, title: str
) -> HttpResponse:
    """All figures as JSON; the one that is named as CSV, or as JSON too."""
    name = request.GET.get("figure", "")
    if name not in (shown.figures if form == "csv" else {**shown.figures, "": []}):
        raise Http404(NOT_FOUND)
    response: HttpResponse
    if form == "csv":
        response = HttpResponse(
            figure_as_csv(name, shown.figures[name]), content_type="text/csv; charset=utf-8"
        )
    else:
        found = figures_as_json(collection, shown)
        found["figures"] = [figure for figure in found["figures"] if name in ("", figure["name"])]
        response = JsonResponse(found)
    file = f"{title}-{name or 'all'}-{collection.pk.hex[-8:]}.{form}"
    response["Content-Disposition"] = f'attachment; filename="{file}"'
    return response
