"""A ZIP or a folder comes in: in parts by a script or, small, by a plain form; then followed, stored, cancelled."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier.access import get_archive, get_collection_to_send_archives
from classifier.exceptions import PlatformError, UploadRefused
from classifier.forms import ArchiveForm
from classifier.models import Archive, ArchiveEntry
from classifier.selectors.archives import archives_of, counts_of, entries_of, of_outcome, shown_outcome
from classifier.services.archive_parts import arrived_parts, part_count
from classifier.services.archives import (
    cancel_archive,
    create_archive,
    send_archive,
    store_archive,
    whole_archive,
)
from classifier.views.asking import brings_news, pause_after, times_asked
from ml.labels import CLASSES, DISPLAY_NAMES
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import permissions_in
from mriplatform.api.problems import answer_to
from mriplatform.pages import check_query, person, says_refusals, signed_in, with_headers

PAGE_ENTRIES = 100
_MOVING = (Archive.Status.CHECKING, Archive.Status.STORING)
_FILTERS = ("refused", "quarantined", "duplicate", "ignored")
# As `partials/status.html` colours them.
_STATUS = {
    "receiving": "running", "checking": "running", "checked": "needs_you", "storing": "running", "stored": "succeeded",
    "refused": "failed", "failed": "failed", "cancelled": "removed",
}  # fmt: skip
_WORDS = {
    "pending": "Not looked at yet", "good": "Good", "stored": "Stored", "duplicate": "Already here",
    "quarantined": "In quarantine", "refused": "Refused", "ignored": "Left out",
}  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@says_refusals
def archives(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    collection = get_collection_to_send_archives(request.user, collection_id)
    labels = Permission.FREEZE_LABELS in permissions_in(request.user, collection.pk)
    if request.method != "POST":
        return _form_page(request, collection, ArchiveForm(labels=labels))
    form = ArchiveForm(request.POST, request.FILES, labels=labels)
    try:
        sent = _receive(request, collection, form)
    except PlatformError as refusal:
        return _form_page(request, collection, form, refusal)
    return redirect("archive", sent.pk)


def _receive(request: HttpRequest, collection: Collection, form: ArchiveForm) -> Archive:
    if not form.is_valid():
        field, errors = next(iter(form.errors.items()))
        raise UploadRefused(
            str(errors[0]), code="no_file" if field == "file" else f"invalid_{field}", status=400
        )
    options = {**form.cleaned_data}
    data = whole_archive(options.pop("file"))
    archive = create_archive(actor=person(request), collection=collection, size=len(data), **options)
    return send_archive(archive=archive, data=data)


def _form_page(
    request: HttpRequest, collection: Collection, form: ArchiveForm, refusal: PlatformError | None = None
) -> HttpResponse:
    context = {
        "collection": collection,
        "form": form,
        "refusal": refusal,
        "recent": [_line(one) for one in archives_of(request.user).filter(collection=collection)[:20]],
        **_limits(),
    }
    response = render(request, "classifier/archives.html", context, status=refusal.status if refusal else 200)
    return with_headers(response, answer_to(refusal))


def _limits() -> dict[str, Any]:
    return {
        "most_entries": settings.ARCHIVE_MAX_ENTRIES,
        "most_mebibytes": settings.ARCHIVE_MAX_BYTES // 2**20,
        "form_mebibytes": settings.UPLOAD_MAX_IMAGE_BYTES // 2**20,
        "most_bytes": settings.ARCHIVE_MAX_BYTES,
        "classes": " ".join(CLASSES),
    }


def _line(archive: Archive) -> dict[str, Any]:
    return {"archive": archive, "status": _STATUS[archive.status], "word": archive.get_status_display()}


@require_safe
@signed_in
@never_cache
def archive(request: HttpRequest, archive_id: UUID) -> HttpResponse:
    check_query(request, "outcome", "after")
    found = get_archive(request.user, archive_id)
    context = _live(found, asked=0) | _entries(request, found) | _limits()
    return render(request, "classifier/archive.html", context)


@require_safe
@signed_in
@never_cache
def archive_live(request: HttpRequest, archive_id: UUID) -> HttpResponse:
    """How far an archive is; asks for itself as long as somebody works on it, and brings the entries at the end."""
    check_query(request, "asked", "answered")
    found = get_archive(request.user, archive_id)
    settled = found.status not in _MOVING
    news = _entries(request, found) if brings_news(request, settled) else {}
    return render(
        request,
        "classifier/archive_live.html",
        _live(found, asked=times_asked(request)) | news | {"news": news},
    )


def _live(archive: Archive, *, asked: int) -> dict[str, Any]:
    counts = counts_of(archive)
    done = counts.done if archive.status in _MOVING else counts.entries
    percent = 100 * done // counts.entries if counts.entries else 0
    return {
        **_line(archive),
        "counts": counts,
        "labels": [(DISPLAY_NAMES[name], count) for name, count in counts.labels.items()],
        "moving": archive.status in _MOVING,
        "arrived": len(arrived_parts(archive)),
        "parts": part_count(archive.size),
        # Said aloud in quarters: more often would only be noise.
        "announced": _announced(archive, percent),
        "may_store": archive.status == Archive.Status.CHECKED and counts.entries > counts.refused,
        "may_cancel": archive.status in ("receiving", "checking", "checked", "storing"),
        "asked": asked + 1,
        # An archive takes a while: it is asked after more rarely than an answer.
        "pause": max(700, pause_after(asked)),
    }


def _announced(archive: Archive, percent: int) -> str:
    word = archive.get_status_display()
    return f"{word}, {percent // 25 * 25} %." if archive.status in _MOVING else f"{word}. {archive.sentence}"


def _entries(request: HttpRequest, archive: Archive) -> dict[str, Any]:
    """A page of entries by number, after the one that the address names."""
    after, outcome = request.GET.get("after", "0"), request.GET.get("outcome", "")
    if not (after.isdecimal() and len(after) < 8) or (outcome and outcome not in _FILTERS):
        raise BadRequest("Entries are shown after a number, and by one of the outcomes that the page names.")
    entries = entries_of(archive)
    entries = (
        of_outcome(entries, outcome) if outcome else entries.exclude(outcome=ArchiveEntry.Outcome.IGNORED)
    )
    rows = list(entries.filter(number__gt=int(after))[: PAGE_ENTRIES + 1])
    shown = [
        {"entry": entry, "word": _WORDS[shown_outcome(entry)], "label": DISPLAY_NAMES.get(entry.label, "–")}
        for entry in rows[:PAGE_ENTRIES]
    ]
    return {
        "entries": shown,
        "outcome": outcome,
        "filters": [(name, _WORDS[name]) for name in _FILTERS],
        "next_after": rows[PAGE_ENTRIES - 1].number if len(rows) > PAGE_ENTRIES else None,
        "first_page": after == "0",
    }


@require_POST
@signed_in
@says_refusals
def archive_store(request: HttpRequest, archive_id: UUID) -> HttpResponse:
    found = get_archive(request.user, archive_id)
    store_archive(archive=found, partial=request.POST.get("partial") == "1")
    return redirect("archive", found.pk)


@require_POST
@signed_in
@says_refusals
def archive_cancel(request: HttpRequest, archive_id: UUID) -> HttpResponse:
    found = get_archive(request.user, archive_id)
    cancel_archive(actor=person(request), archive=found)
    return redirect("archive", found.pk)
