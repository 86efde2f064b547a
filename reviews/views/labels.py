"""What was labelled in a collection: to look at, and to take away."""

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from mriplatform.audit.recording import record
from mriplatform.pages import check_query, person, signed_in
from reviews.access import get_collection_with_labels
from reviews.models import Reason, ReviewEvent
from reviews.selectors import LabelRow, labels_as_csv, labels_as_json
from reviews.selectors import labels as labels_of
from reviews.views.wording import NAMES

PAGE_SIZE = 100


@require_safe
@signed_in
@never_cache
def labels(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    check_query(request, "page")
    collection = get_collection_with_labels(request.user, collection_id)
    newest_first = sorted(labels_of(collection), key=lambda row: row.said_at, reverse=True)
    page = Paginator(newest_first, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "collection": collection,
        "page": page,
        "rows": [_row(row) for row in page],
        "total": len(newest_first),
        "previous_url": f"?page={page.previous_page_number()}" if page.has_previous() else "",
        "next_url": f"?page={page.next_page_number()}" if page.has_next() else "",
        "summary": f"{page.start_index()}–{page.end_index()} of {len(newest_first)}",
    }
    return render(request, "reviews/labels.html", context)


@require_safe
@signed_in
@never_cache
def labels_download(request: HttpRequest, collection_id: UUID, form: str) -> HttpResponse:
    check_query(request)
    collection = get_collection_with_labels(request.user, collection_id)
    rows = labels_of(collection)
    record(
        action="labels.downloaded", actor=person(request), target=collection, collection_id=collection.pk,
        rows=len(rows), form=form,
    )  # fmt: skip
    response = _csv(rows) if form == "csv" else JsonResponse(labels_as_json(collection, rows))
    response["Content-Disposition"] = f'attachment; filename="labels-{collection.pk.hex[-8:]}.{form}"'
    return response


def _row(row: LabelRow) -> dict[str, Any]:
    """A statement in words."""
    verdicts, reasons = dict(ReviewEvent.Verdict.choices), dict(Reason.choices)
    return {
        "row": row,
        "image": row.image.hex[-8:],
        "label": NAMES[row.label],
        "final": NAMES.get(row.final_label, ""),
        "verdict": "Adjudication" if row.source == "adjudication" else verdicts[row.verdict],
        "reason": reasons.get(row.reason, ""),
        "first_read": NAMES.get(row.first_read_label, ""),
        "machine": NAMES.get(row.machine_label, ""),
    }


def _csv(rows: list[LabelRow]) -> HttpResponse:
    return HttpResponse(labels_as_csv(rows), content_type="text/csv; charset=utf-8")
