"""Images in: by form, or file by file from the drop zone."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from classifier.exceptions import PlatformError, UploadRefused
from classifier.forms import UploadForm
from classifier.models import Origin
from classifier.services.uploads import UploadedPart, UploadResult, Verdict, receive_upload
from mriplatform.accounts.access import get_collection
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.api.problems import Answer, answer_to, problem_response
from mriplatform.pages import MALFORMED, person, says_refusals, signed_in, wants_document, with_headers

_MEBIBYTE = 2**20


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@says_refusals
def upload(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    collection = get_collection(request.user, collection_id, Permission.UPLOAD)
    if request.method != "POST":
        return _form_page(request, collection, UploadForm())
    form = UploadForm(request.POST, request.FILES)
    try:
        result = _receive(request, collection, form)
    except PlatformError as refusal:
        if wants_document(request):
            return _refusal_document(refusal, len(request.FILES.getlist("files")))
        return _form_page(request, collection, form, refusal)
    return _entries(result) if wants_document(request) else _result_page(request, collection, result)


def _receive(request: HttpRequest, collection: Collection, form: UploadForm) -> UploadResult:
    if not form.is_valid():
        field, errors = next(iter(form.errors.items()))
        code = "no_file" if field == "files" else f"invalid_{field}"
        raise UploadRefused(str(errors[0]), code=code, status=400)
    return receive_upload(
        actor=person(request),
        collection=collection,
        files=parts_of(form.cleaned_data["files"]),
        grouping=form.cleaned_data["grouping"],
        pseudonym=form.cleaned_data["pseudonym"],
        origin=Origin.PORTAL,
    )


def parts_of(files: Sequence[UploadedFile[Any]]) -> list[UploadedPart]:
    """The files as the intake takes them. Names go along only to be held against the content."""
    return [UploadedPart(data=file.read(), filename=file.name or "") for file in files]


def _form_page(
    request: HttpRequest, collection: Collection, form: UploadForm, refusal: PlatformError | None = None
) -> HttpResponse:
    context = {
        "collection": collection,
        "form": form,
        "refusal": refusal,
        "most_files": settings.UPLOAD_MAX_FILES,
        "most_mebibytes": settings.UPLOAD_MAX_IMAGE_BYTES // _MEBIBYTE,
        "most_dicom_mebibytes": settings.UPLOAD_MAX_DICOM_BYTES // _MEBIBYTE,
    }
    response = render(request, "classifier/upload.html", context, status=refusal.status if refusal else 200)
    return with_headers(response, answer_to(refusal))


def _result_page(request: HttpRequest, collection: Collection, result: UploadResult) -> HttpResponse:
    """One study stands for itself; several files get a verdict each, by number."""
    found = {verdict.study.pk for verdict in result.verdicts if verdict.study}
    plain = all(verdict.study and not verdict.quarantined for verdict in result.verdicts)
    if len(found) == 1 and plain:
        return redirect("study", found.pop())
    context = {"collection": collection, "verdicts": result.verdicts}
    return render(request, "classifier/uploaded.html", context, status=_status_of(result))


def _entries(result: UploadResult) -> JsonResponse:
    return JsonResponse(
        {"entries": [_entry(verdict) for verdict in result.verdicts]}, status=_status_of(result)
    )


def _entry(verdict: Verdict) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "number": verdict.number,
        "verdict": verdict.outcome,
        "message": verdict.sentence,
    }
    if verdict.study is not None:
        entry["url"] = reverse("study", args=[verdict.study.pk])
    if verdict.outcome == "stored" and verdict.study is not None:
        entry["fragment"] = reverse("study-word", args=[verdict.study.pk])
    return entry


def _status_of(result: UploadResult) -> int:
    return 202 if result.took_something else 200


def _refusal_document(refusal: PlatformError, files: int) -> HttpResponse:
    """The problem document, with an entry per file where files were looked at: what is wrong, or why it went down
    with the others."""
    answer = answer_to(refusal) or MALFORMED
    if isinstance(refusal, UploadRefused) and refusal.by_file:
        entries = [_refused_entry(number, refusal) for number in range(1, files + 1)]
        answer = Answer(answer.status, answer.code, answer.sentence, {"entries": entries}, answer.headers)
    return problem_response(answer)


def _refused_entry(number: int, refusal: UploadRefused) -> dict[str, Any]:
    if number in refusal.by_file:
        return {"number": number, "verdict": "refused", "message": refusal.by_file[number][1]}
    spared = "Not stored yet, because another image of the study was refused. Send again without that one."
    return {"number": number, "verdict": "waiting", "message": spared}
