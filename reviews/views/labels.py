"""What was labelled in a collection: to look at, and to take away."""

from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from classifier.selectors.same_pixels import reads_pixels_of
from mriplatform.audit.recording import record
from mriplatform.pages import check_query, person, signed_in
from mriplatform.tables import serve_table
from reviews.access import get_collection_with_labels
from reviews.models import Reason, ReviewEvent
from reviews.selectors import (
    LabelRow,
    images_by_outcome,
    label_count,
    labels_in,
    recent_labels,
)
from reviews.selectors import labels as labels_of
from reviews.views.wording import NAMES

PAGE_SIZE = 100


@require_safe
@signed_in
@never_cache
def labels(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    check_query(request, "before")
    collection = get_collection_with_labels(request.user, collection_id)
    before = _identifier(request.GET.get("before"))
    # One more than is shown tells whether there are more.
    rows = recent_labels(collection, request.user, before=before, size=PAGE_SIZE + 1)
    shown = rows[:PAGE_SIZE]
    context = {
        "collection": collection,
        "rows": [_row(row) for row in shown],
        "counts": images_by_outcome(collection, request.user),
        "newest_url": request.path if before else "",
        "older_url": f"?before={shown[-1].event}" if len(rows) > PAGE_SIZE else "",
        "some_left_out": reads_pixels_of(request.user, collection_id),
    }
    return render(request, "reviews/labels.html", context)


@require_safe
@signed_in
@never_cache
def labels_download(request: HttpRequest, collection_id: UUID, form: str) -> StreamingHttpResponse:
    """The file in pieces as they are read: a hundred thousand rows are never together in memory."""
    check_query(request)
    collection = get_collection_with_labels(request.user, collection_id)
    record(
        action="labels.downloaded", actor=person(request), target=collection, collection_id=collection.pk,
        rows=label_count(collection, request.user), form=form,
    )  # fmt: skip
    pieces = labels_in(form, collection, labels_of(collection, request.user))
    return serve_table(pieces, form=form, name=f"labels-{collection.pk.hex[-8:]}")


def _identifier(text: str | None) -> UUID | None:
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError as error:
        raise BadRequest(
            "The page of labels that is asked for is not one that this list gave out."
        ) from error


def _row(row: LabelRow) -> dict[str, Any]:
    """A statement in words."""
    verdicts, reasons = dict(ReviewEvent.Verdict.choices), dict(Reason.choices)
    return {
        "row": row,
        "image": row.image.hex[-8:],
        "label": NAMES[row.label],
        "final": NAMES.get(row.final_label, ""),
        "path": row.final_path.capitalize(),
        "verdict": "Adjudication" if row.source == "adjudication" else verdicts[row.verdict],
        "reason": reasons.get(row.reason, ""),
        "first_read": NAMES.get(row.first_read_label, ""),
        "machine": NAMES.get(row.machine_label, ""),
    }
