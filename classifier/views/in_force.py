"""What was in force at a moment, on the platform or for a collection."""

from datetime import datetime

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from classifier.access import get_collection_to_choose
from classifier.forms import MomentForm
from classifier.selectors import promotions
from classifier.selectors.timeline import span_at, spans_in_force, spans_reading_for
from classifier.views.charts import timeline
from mriplatform.accounts.access import require_anywhere
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor, collections_of, is_reader_in
from mriplatform.pages import check_query, signed_in


@require_safe
@signed_in
def in_force(request: HttpRequest) -> HttpResponse:
    check_query(request, "at", "collection")
    require_anywhere(request.user, Permission.VIEW_MODELS)
    now = timezone.now()
    form = MomentForm(request.GET)
    at, collection = _asked(request, form, now)
    spans = spans_reading_for(collection.pk) if collection else spans_in_force()
    context = {
        "form": form,
        "at": at,
        "asked": bool(form.cleaned_data["at"]),
        "zone": timezone.get_current_timezone_name(),
        "collection": collection,
        "collections": _collections(request.user),
        "span": span_at(spans, at),
        "timeline": timeline(spans, now, at),
        "spans": list(reversed(spans))[:200],
        "promotions": promotions()[:200],
    }
    return render(request, "classifier/registry/in_force.html", context)


def _asked(request: HttpRequest, form: MomentForm, now: datetime) -> tuple[datetime, Collection | None]:
    if not form.is_valid():
        raise BadRequest("Give a moment such as 2026-03-01T12:00, and a collection of yours or none.")
    at, named = form.cleaned_data["at"] or now, form.cleaned_data["collection"]
    if at > now:
        raise BadRequest("That moment is still to come. Ask for one that has been.")
    return at, get_collection_to_choose(request.user, named) if named else None


def _collections(user: Visitor) -> list[Collection]:
    """Those of which the user may see what read there and why; reasons may speak of answers, so no reader may."""
    return [
        collection
        for collection in collections_of(user, Permission.VIEW_MODELS)
        if not is_reader_in(user, collection.pk)
    ]
