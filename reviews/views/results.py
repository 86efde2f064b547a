"""Results as DICOM files, for whoever may see answers; an image's own file for whoever may see the image."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from classifier.access import get_image, get_image_with_answers, get_study_with_answers
from classifier.models import Image, Study
from mriplatform.audit.recording import record
from mriplatform.pages import check_query, person, says_refusals, signed_in
from mriplatform.served import serve_dicom
from reviews.selectors.dicom_results import StudyOut
from reviews.selectors.label_set_export import as_zip


@require_safe
@signed_in
@says_refusals
def image_dicom(request: HttpRequest, image_id: UUID) -> HttpResponse:
    check_query(request)
    image = get_image(request.user, image_id)
    return serve_dicom(request, StudyOut(image.study).picture(image), name=f"image-{image.short_id}")


@require_safe
@signed_in
@says_refusals
def image_report(request: HttpRequest, image_id: UUID) -> HttpResponse:
    check_query(request)
    image = get_image_with_answers(request.user, image_id)
    file = StudyOut(image.study).report(image)
    _taken(request, image, image.collection_id, "report")
    return serve_dicom(request, file, name=f"report-{image.short_id}")


@require_safe
@signed_in
@says_refusals
def image_saliency(request: HttpRequest, image_id: UUID) -> HttpResponse:
    check_query(request)
    image = get_image_with_answers(request.user, image_id)
    file = StudyOut(image.study).map(image)
    _taken(request, image, image.collection_id, "saliency")
    return serve_dicom(request, file, name=f"map-{image.short_id}")


@require_safe
@signed_in
@says_refusals
def study_report(request: HttpRequest, study_id: UUID) -> HttpResponse:
    check_query(request)
    study = get_study_with_answers(request.user, study_id)
    file = StudyOut(study).report()
    _taken(request, study, study.collection_id, "report")
    return serve_dicom(request, file, name=f"report-{study.short_id}")


@require_safe
@signed_in
@never_cache
@says_refusals
def study_results(request: HttpRequest, study_id: UUID) -> StreamingHttpResponse:
    """Everything of a study as a ZIP, a file at a time."""
    check_query(request)
    study = get_study_with_answers(request.user, study_id)
    out = StudyOut(study)
    out.report()  # refused before the answer begins, where nothing was said
    _taken(request, study, study.collection_id, "results")
    response = StreamingHttpResponse(as_zip(out.members()), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="results-{study.short_id}.zip"'
    return response


def _taken(request: HttpRequest, target: Study | Image, collection_id: UUID, what: str) -> None:
    record(
        action="results.downloaded", actor=person(request), target=target, collection_id=collection_id,
        what=what, door="download",
    )  # fmt: skip
