"""A collection: its studies, newest first."""

from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from classifier.access import get_collection_with_answers
from classifier.forms import StatusFilter
from classifier.models import JobStatus
from classifier.selectors import (
    answers_without_class,
    of_status,
    predictions_of,
    sees_answers,
    spoken,
    studies_of,
    study_counts,
    study_status,
    version_reading_for,
)
from classifier.selectors.prediction_table import PREDICTION_COLUMNS, prediction_rows
from classifier.selectors.quarantine import own_waiting, waiting_counts
from classifier.views.paging import PAGE_SIZE, page_of
from classifier.views.presenting import named_answers
from mriplatform.accounts.access import get_collection
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor, is_reader_in, permissions_in
from mriplatform.audit.recording import record
from mriplatform.pages import check_query, person, signed_in
from mriplatform.tables import serve_table, table


@require_safe
@signed_in
def collection(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    found = get_collection(request.user, collection_id, Permission.VIEW_STUDIES)
    asked = _asked(request, "status", "before", "after")
    studies = studies_of(request.user).filter(collection=found)
    status = asked["status"]
    if status:
        studies = of_status(studies.filter(purged_at=None), status)
    page = page_of(studies, before=asked["before"], after=asked["after"], size=PAGE_SIZE)
    rows = [
        {
            "study": study,
            "status": study_status(study),
            "answer": named_answers(study) if sees_answers(request.user, study) else None,
        }
        for study in page.rows
    ]
    context = {
        "collection": found,
        "page": page,
        "rows": rows,
        "status": asked["status"],
        "statuses": JobStatus.choices,
        "counts": study_counts(request.user).get(found.pk, {}),
        "show_answers": any(row["answer"] is not None for row in rows),
        "in_quarantine": waiting_counts(request.user).get(found.pk, 0),
        "own_waiting": own_waiting(request.user, found),
        "without_class": answers_without_class(request.user, found).count(),
        "may": permissions_in(request.user, found.pk),
        "reads": version_reading_for(found.pk),
        "sees_reasons": _sees_reasons(request.user, found),
        "sees_some_answers": not is_reader_in(request.user, found.pk),
    }
    return render(request, "classifier/collection.html", context)


@require_safe
@signed_in
def not_assessable(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """The images that the model gave no class, for those who may see what it says; readers have a list elsewhere."""
    found = get_collection_with_answers(request.user, collection_id)
    asked = _asked(request, "before", "after")
    page = page_of(answers_without_class(request.user, found), before=asked["before"], after=asked["after"])
    rows = [{"prediction": prediction, "spoken": spoken(prediction)} for prediction in page.rows]
    return render(
        request, "classifier/not_assessable.html", {"collection": found, "page": page, "rows": rows}
    )


@require_safe
@signed_in
def predictions_download(request: HttpRequest, collection_id: UUID, form: str) -> StreamingHttpResponse:
    """What the machine says in a collection as a table, as far as the person may see it: never for its readers."""
    found = get_collection_with_answers(request.user, collection_id)
    asked = _asked(request, "status", "not_assessable")
    rows = predictions_of(request.user).filter(image__collection=found)
    if asked["status"]:
        rows = rows.filter(status=asked["status"])
    if asked["not_assessable"] is not None:
        rows = rows.filter(not_assessable=asked["not_assessable"])
    record(
        action="predictions.downloaded", actor=person(request), target=found, collection_id=found.pk,
        rows=rows.count(), form=form, door="download",
    )  # fmt: skip
    pieces = table(form, PREDICTION_COLUMNS, prediction_rows(request.user, rows))
    return serve_table(pieces, form=form, name=f"predictions-{found.pk.hex[-8:]}")


def _sees_reasons(user: Visitor, collection: Collection) -> bool:
    """Whether the user may see why a version reads here; reasons may speak of answers, so no reader does."""
    may = permissions_in(user, collection.pk)
    return Permission.VIEW_MODELS in may and not is_reader_in(user, collection.pk)


def _asked(request: HttpRequest, *allowed: str) -> dict[str, Any]:
    check_query(request, *allowed)
    form = StatusFilter(request.GET)
    if not form.is_valid():
        raise BadRequest(f"The filter {next(iter(form.errors))!r} has a value that it does not take.")
    return form.cleaned_data
