"""Results as DICOM files: reports, maps, images, and all of a study."""

from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from classifier.access import get_image, get_image_with_answers, get_study_with_answers
from classifier.models import Image, Study
from mriplatform.api.schema import problems
from mriplatform.api.views import AnyFormat, ApiView, person
from mriplatform.audit.recording import record
from mriplatform.served import serve_dicom
from reviews.selectors.dicom_results import StudyOut
from reviews.selectors.label_set_export import as_zip

_DICOM = {(200, "application/dicom"): OpenApiTypes.BINARY}
_WHO = (
    "For whoever may see answers: never for readers of these images (403), and for uploaders once the study is final "
    "(409 `not_final` before). 409 `nothing_said` as long as there is neither an answer nor a final label."
)


class DicomView(ApiView):
    content_negotiation_class = AnyFormat

    def taken(self, request: Request, target: Study | Image, what: str) -> None:
        """Leave a trace of what was taken away."""
        record(
            action="results.downloaded", actor=person(request), target=target,
            collection_id=target.collection_id, what=what, door="api",
        )  # fmt: skip


class ImageDicom(DicomView):
    @extend_schema(
        operation_id="get_image_dicom",
        summary="The de-identified image as a DICOM file",
        description=(
            "MR under its replaced UIDs where it came as one DICOM image whose slice is known; else a secondary "
            "capture under UIDs of its own. For whoever may see the image: nothing in it was said of it."
        ),
        responses={**_DICOM, **problems(401, 403, 404)},
    )
    def get(self, request: Request, image_id: UUID) -> HttpResponse:
        image = get_image(request.user, image_id)
        file = StudyOut(image.study).picture(image)
        return serve_dicom(request._request, file, name=f"image-{image.short_id}")


class ImageReport(DicomView):
    @extend_schema(
        operation_id="get_image_report",
        summary="What was said of an image, as a DICOM structured report (TID 1500)",
        description=_WHO,
        responses={**_DICOM, **problems(401, 403, 404, 409)},
    )
    def get(self, request: Request, image_id: UUID) -> HttpResponse:
        image = get_image_with_answers(request.user, image_id)
        file = StudyOut(image.study).report(image)
        self.taken(request, image, "report")
        return serve_dicom(request._request, file, name=f"report-{image.short_id}")


class ImageSaliency(DicomView):
    @extend_schema(
        operation_id="get_image_saliency",
        summary="Where the model looked, not where the tumour is: the map over the image, as a secondary capture",
        description=f"{_WHO} 409 `no_map` where the model gave no class.",
        responses={**_DICOM, **problems(401, 403, 404, 409)},
    )
    def get(self, request: Request, image_id: UUID) -> HttpResponse:
        image = get_image_with_answers(request.user, image_id)
        file = StudyOut(image.study).map(image)
        self.taken(request, image, "saliency")
        return serve_dicom(request._request, file, name=f"map-{image.short_id}")


class StudyReport(DicomView):
    @extend_schema(
        operation_id="get_study_report",
        summary="What was said of all images of a study, as one DICOM structured report",
        description=f"{_WHO} Verified once every image has its final label.",
        responses={**_DICOM, **problems(401, 403, 404, 409)},
    )
    def get(self, request: Request, study_id: UUID) -> HttpResponse:
        study = get_study_with_answers(request.user, study_id)
        file = StudyOut(study).report()
        self.taken(request, study, "report")
        return serve_dicom(request._request, file, name=f"report-{study.short_id}")


class StudyResults(DicomView):
    @extend_schema(
        operation_id="get_study_results",
        summary="A study's report, images and maps as DICOM files in a ZIP",
        description=_WHO,
        responses={(200, "application/zip"): OpenApiTypes.BINARY, **problems(401, 403, 404, 409)},
    )
    def get(self, request: Request, study_id: UUID) -> StreamingHttpResponse:
        study = get_study_with_answers(request.user, study_id)
        out = StudyOut(study)
        out.report()  # refused before the answer begins, where nothing was said
        self.taken(request, study, "results")
        return StreamingHttpResponse(
            as_zip(out.members()),
            content_type="application/zip",
            headers={
                "Content-Disposition": f'attachment; filename="results-{study.short_id}.zip"',
                "Cache-Control": "private, no-store",
            },
        )
