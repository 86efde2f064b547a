"""Labelled images come in by a page: some files of one class and one part at a time."""

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from classifier.exceptions import PlatformError
from ml.labels import DISPLAY_NAMES
from mriplatform.api.problems import answer_to
from mriplatform.pages import check_query, person, signed_in, with_headers
from reviews.access import get_collection_to_freeze
from reviews.models import Split
from reviews.services.importing import MAX_DATASET_CHARACTERS, import_files
from reviews.services.surveying import Became, ImportReport, LabelledFile

_PARTS = [("", "No part: as the platform deals them")] + [
    (split.value, split.label) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)
]
# What became of files, in words; a number stands before them.
BECAME = {
    Became.STORED: "stored with the label",
    Became.LABELLED: "here already; labelled now",
    Became.CHANGED: "labelled otherwise than before",
    Became.UNCHANGED: "here already with this label",
    Became.REPEATED: "the same pixels as another file",
    Became.QUARANTINED: "in quarantine, with the label",
    Became.REFUSED: "refused",
}


class _SeveralFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class ImportForm(forms.Form):
    dataset = forms.CharField(
        label="Data set", max_length=MAX_DATASET_CHARACTERS, help_text="Where the labels are from."
    )
    label = forms.ChoiceField(label="These images show", choices=list(DISPLAY_NAMES.items()))
    split = forms.ChoiceField(
        label="Part", choices=_PARTS, required=False,
        help_text="Kept for ever: what tests here is never learned from, nor are its near-duplicates.",
    )  # fmt: skip
    subject = forms.CharField(
        label="Subject’s pseudonym", max_length=64, required=False,
        help_text="Of all these images; only a keyed hash is kept.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def import_labels(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    check_query(request)
    collection = get_collection_to_freeze(request.user, collection_id)
    form = ImportForm(request.POST if request.method == "POST" else None)
    refusal: PlatformError | None = None
    report: ImportReport | None = None
    files = request.FILES.getlist("files")
    if request.method == "POST" and form.is_valid() and files:
        said = form.cleaned_data
        labelled = [
            LabelledFile(
                number, _reader(file), file.name or "", said["label"], said["split"], said["subject"]
            )
            for number, file in enumerate(files, start=1)
        ]
        try:
            report = import_files(
                actor=person(request), collection=collection, dataset=said["dataset"], files=labelled
            )
        except PlatformError as error:
            refusal = error
    missing = request.method == "POST" and not files
    context = {
        "collection": collection,
        "form": form,
        "refusal": refusal,
        "missing": missing,
        "report": report,
        "counts": [
            (report.counts[became], words) for became, words in BECAME.items() if report.counts[became]
        ]
        if report
        else [],
        "most": settings.UPLOAD_MAX_FILES,
    }
    wrong = missing or (form.is_bound and not form.is_valid())
    status = refusal.status if refusal else 400 if wrong else 200
    response = render(request, "reviews/label_sets/import.html", context, status=status)
    return with_headers(response, answer_to(refusal) if refusal else None)


def _reader(file: Any) -> Any:
    def read() -> bytes:
        file.seek(0)
        data: bytes = file.read()
        return data

    return read
