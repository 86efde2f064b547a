"""Labels of a label set that are likely wrong: looked for, ranked, sent back; and the set itself, taken away."""

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import permissions_in
from mriplatform.audit.recording import record
from mriplatform.pages import check_query, person, says_refusals, signed_in
from reviews.access import get_label_set, get_label_set_to_correct
from reviews.models import LabelErrorSearch, LabelSet
from reviews.selectors.label_set_export import as_zip, export_members
from reviews.selectors.likely_errors import (
    LikelyError,
    found_count,
    newest_found,
    newest_search,
    ranked_errors,
)
from reviews.services.label_errors import ask_for_label_errors
from reviews.services.sending_back import LIKELY_WRONG, Sending, send_back
from reviews.views.wording import NAMES

SHOWN: Final = 50


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def label_errors(request: HttpRequest, label_set_id: UUID) -> HttpResponse:
    """The ranking; a POST has it made anew."""
    check_query(request, "page")
    if request.method == "POST":
        label_set = get_label_set_to_correct(request.user, label_set_id)
        ask_for_label_errors(actor=person(request), label_set=label_set)
        return redirect("label-errors", label_set.pk)
    label_set = get_label_set(request.user, label_set_id)
    return render(request, "reviews/label_errors/page.html", _shown(request, label_set))


@require_safe
@signed_in
@never_cache
def label_errors_live(request: HttpRequest, label_set_id: UUID) -> HttpResponse:
    """Nothing (204) while the search is in line, so that the page stays as it is; then the ranking in its place."""
    check_query(request)
    label_set = get_label_set(request.user, label_set_id)
    shown = _shown(request, label_set)
    return (
        HttpResponse(status=204)
        if shown["waiting"]
        else render(request, "reviews/label_errors/live.html", shown)
    )


@require_POST
@signed_in
@says_refusals
def label_errors_send(request: HttpRequest, label_set_id: UUID) -> HttpResponse:
    """Send the labels that were ticked back to be read, or the likeliest so many."""
    label_set = get_label_set_to_correct(request.user, label_set_id)
    asked: dict[str, Any] = (
        {"top": _top(request)} if request.POST.get("top") else {"images": _ticked(request)}
    )
    sending = send_back(
        actor=person(request),
        label_set=label_set,
        reason=request.POST.get("reason", "").strip() or LIKELY_WRONG,
        **asked,
    )
    _tell(request, sending)
    return redirect("label-errors", label_set.pk)


@require_safe
@signed_in
@never_cache
def label_set_export(request: HttpRequest, label_set_id: UUID) -> StreamingHttpResponse:
    """The set with the pixels of what may be learned from, as a ZIP archive, in pieces as they are read."""
    check_query(request)
    label_set = get_label_set(request.user, label_set_id)
    return export_response(request, label_set)


def export_response(request: HttpRequest, label_set: LabelSet) -> StreamingHttpResponse:
    record(
        action="label_set.exported", actor=person(request), target=label_set, collection_id=label_set.collection_id,
        door="download",
    )  # fmt: skip
    response = StreamingHttpResponse(as_zip(export_members(label_set)), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="label-set-{label_set.number}.zip"'
    response["Cache-Control"] = "private, no-store"
    return response


def _shown(request: HttpRequest, label_set: LabelSet) -> dict[str, Any]:
    newest, found = newest_search(label_set), newest_found(label_set)
    page = _page(request)
    total = found_count(found) if found else 0
    rows = ranked_errors(found, start=(page - 1) * SHOWN, size=SHOWN) if found else []
    return {
        "label_set": label_set,
        "collection": label_set.collection,
        "search": newest,
        "waiting": newest is not None and newest.status == LabelErrorSearch.Status.QUEUED,
        "failed": newest is not None and newest.status == LabelErrorSearch.Status.FAILED,
        "found": found,
        "result": found.result if found else {},
        "rows": [_row(row) for row in rows],
        "total": total,
        "previous_url": f"?page={page - 1}" if page > 1 else "",
        "next_url": f"?page={page + 1}" if page * SHOWN < total else "",
        "may_send": Permission.FREEZE_LABELS in permissions_in(request.user, label_set.collection_id),
    }


def _row(row: LikelyError) -> dict[str, Any]:
    """A row in words; what blinded readers said, in words too."""
    if not row.blinded:
        blinded = "nobody"
    else:
        said = {label: row.blinded.count(label) for label in dict.fromkeys(row.blinded)}
        blinded = ", ".join(f"{count} × {NAMES[label]}" for label, count in said.items())
    return {
        "row": row,
        "label": NAMES[row.label],
        "suggested": NAMES[row.suggested],
        "blinded": blinded,
        "agree": row.for_label,
        "readers": len(row.blinded),
    }


def _page(request: HttpRequest) -> int:
    asked = request.GET.get("page", "1")
    if not asked.isascii() or not asked.isdecimal() or not 1 <= int(asked[:6]) <= 10_000:
        raise BadRequest("The page that is asked for is not one that this list gave out.")
    return int(asked[:6])


def _top(request: HttpRequest) -> int:
    asked = request.POST["top"].strip()
    return int(asked[:6]) if asked.isascii() and asked.isdecimal() else 0


def _ticked(request: HttpRequest) -> list[UUID]:
    try:
        return [UUID(image) for image in request.POST.getlist("image")]
    except ValueError as error:
        raise BadRequest("An image is named by something that is no identifier.") from error


def _tell(request: HttpRequest, sending: Sending) -> None:
    if sending.sent:
        count = len(sending.sent)
        messages.success(request, f"{count} label{'s' if count > 1 else ''} sent back to be read.")
    reasons: dict[str, int] = {}
    for reason in sending.kept.values():
        reasons[reason] = reasons.get(reason, 0) + 1
    for reason, count in reasons.items():
        messages.warning(request, f"{count} not sent back. {reason}")
