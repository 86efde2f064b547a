"""Versions that answer a collection's images unseen: begun, ended, and beside the answer that readers are shown."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from classifier.access import get_version
from classifier.exceptions import PlatformError
from classifier.models import Shadow
from classifier.selectors import model_versions, version_reading_for
from classifier.selectors.shadows import shadows_of
from classifier.services.shadow import end_shadow, start_shadow
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import permissions_in
from mriplatform.api.problems import answer_to
from mriplatform.pages import check_query, person, says_refusals, signed_in, with_headers
from reviews.access import get_collection_with_shadows, get_shadow
from reviews.forms import ShadowForm
from reviews.selectors.figure_words import FIGURES
from reviews.selectors.figures import of_shadow
from reviews.views.charts import chart
from reviews.views.figure_tables import table


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def shadows(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    check_query(request)
    if request.method != "POST":
        return _page(request, get_collection_with_shadows(request.user, collection_id), ShadowForm())
    collection = get_collection_with_shadows(request.user, collection_id, Permission.TRAIN)
    form = ShadowForm(request.POST)
    try:
        said = form.told()
        version = get_version(request.user, said["version"])
        start_shadow(actor=person(request), version=version, collection=collection, reason=said["reason"])
    except PlatformError as refusal:
        return _page(request, collection, form, refusal)
    messages.success(
        request, f"Version {version.number} answers what comes in from now on, and nobody sees it."
    )
    return redirect("shadows", collection.pk)


@require_POST
@signed_in
@says_refusals
def shadow_end(request: HttpRequest, shadow_id: UUID) -> HttpResponse:
    shadow = end_shadow(actor=person(request), shadow=get_shadow(request.user, shadow_id, Permission.TRAIN))
    messages.success(request, f"Version {shadow.model_version.number} is asked about no further image.")
    return redirect("shadows", shadow.collection_id)


def _page(
    request: HttpRequest, collection: Collection, form: ShadowForm, refusal: PlatformError | None = None
) -> HttpResponse:
    found = list(shadows_of(collection))
    reads, lasting = (
        version_reading_for(collection.pk),
        {one.model_version_id for one in found if not one.ended_at},
    )
    granted = permissions_in(request.user, collection.pk)
    others = model_versions().defer("metadata").exclude(pk__in=lasting)
    context = {
        "collection": collection, "form": form, "refusal": refusal, "shadows": found, "reads": reads,
        "may_start": Permission.TRAIN in granted,
        "may_ask": bool(granted & {Permission.FREEZE_LABELS, Permission.PROMOTE}),
        "versions": others.exclude(pk=reads.pk) if reads else others,
        "beside": [_beside(collection, number) for number in _numbers(found)],
        "files": "figures",
    }  # fmt: skip
    status = refusal.status if refusal else 200
    response = render(request, "reviews/shadows.html", context, status=status)
    return with_headers(response, answer_to(refusal) if refusal else None)


def _numbers(found: list[Shadow]) -> list[int]:
    """The versions that were in the shadow here, each once, the newest shadow's first."""
    return list(dict.fromkeys(shadow.model_version.number for shadow in found))


def _beside(collection: Collection, number: int) -> dict[str, Any]:
    shown = of_shadow(collection, number)
    return {
        "number": number,
        "snapshot": shown.snapshot,
        "waiting": shown.waiting,
        "figures": [
            {"name": f"{name}-{number}", "file": name, "words": FIGURES[name], "table": table(name, rows),
             "charts": chart(name, rows)}
            for name, rows in shown.figures.items()
            if rows
        ],
    }  # fmt: skip
