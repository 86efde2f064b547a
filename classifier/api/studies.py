"""Studies: sent, listed, looked at, removed."""

from uuid import UUID

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.access import get_study
from classifier.api.examples import REFUSED_EXAMPLE, STUDY_EXAMPLE, UPLOADED_EXAMPLE
from classifier.api.serializers import (
    PurgeSerializer,
    StudyQuerySerializer,
    StudySerializer,
    UploadedSerializer,
    UploadSerializer,
)
from classifier.api.shown import shown_studies, shown_study, shown_upload
from classifier.exceptions import UploadRefused
from classifier.models import Origin
from classifier.selectors import of_status, studies_of
from classifier.services.removal import purge_study
from classifier.services.uploads import Grouping, UploadedPart, UploadResult, receive_upload
from mriplatform.accounts.access import get_collection
from mriplatform.accounts.roles import Permission
from mriplatform.api.schema import problems
from mriplatform.api.views import ApiView, person


class Studies(ApiView):
    """Send images in, and list what is there."""

    parser_classes = (MultiPartParser,)
    serializer_class = StudySerializer
    query_serializer = StudyQuerySerializer
    paged = True

    @extend_schema(
        operation_id="list_studies",
        summary="List studies, newest first",
        parameters=[StudyQuerySerializer],
        responses={200: StudySerializer(many=True), **problems(400, 401, 404)},
        examples=[STUDY_EXAMPLE],
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(request)
        studies = studies_of(request.user)
        if "collection" in asked:
            get_collection(request.user, asked["collection"], Permission.VIEW_STUDIES)
            studies = studies.filter(collection=asked["collection"])
        if "status" in asked:
            studies = of_status(studies, asked["status"])
        return self.paged_response(shown_studies(request.user, self.page_of(studies)))

    @extend_schema(
        operation_id="send_images",
        summary="Send one or more PNG, JPEG or DICOM images",
        description=(
            "Answers 202 as soon as the images are stored, with the study's address in `Location`; poll it until "
            "`status` is `succeeded` or `failed`. Pixels that the collection has already are answered with the study "
            "that holds them; if that is so for all files, the answer is 200 and nothing was stored. DICOM (a whole "
            "series, too, and files of several frames) becomes a study for each StudyInstanceUID, or joins the one "
            "that is open under it; images with writing in their pixels wait in quarantine."
        ),
        request={"multipart/form-data": UploadSerializer},
        responses={
            202: UploadedSerializer,
            200: UploadedSerializer,
            **problems(400, 401, 403, 404, 413, 415, 422, 429, 503, 507),
        },
        parameters=[
            OpenApiParameter(
                "Location",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                response=[200, 202],
                description="The address of the (first) study.",
            )
        ],
        examples=[UPLOADED_EXAMPLE, REFUSED_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        sent = self.sent(UploadSerializer, _multipart(request))
        collection = get_collection(request.user, sent["collection"], Permission.UPLOAD)
        result = receive_upload(
            actor=person(request),
            collection=collection,
            files=[UploadedPart(data=file.read(), filename=file.name or "") for file in sent["files"]],
            grouping=Grouping(sent["grouping"]),
            pseudonym=sent["subject_pseudonym"],
            origin=Origin.API,
        )
        body = UploadedSerializer(shown_upload(request.user, result)).data
        return Response(body, status=202 if result.took_something else 200, headers=_location(result))


def _multipart(request: Request) -> dict[str, object]:
    """The fields of a multipart body, the files as a list. A missing list of files has its own sentence."""
    fields: dict[str, object] = dict(request.data.items())  # type: ignore[union-attr]  # multipart: never a list
    fields["files"] = request.FILES.getlist("files")
    if not fields["files"]:
        raise UploadRefused(
            "No file was sent. Send one or more PNG, JPEG or DICOM images.", code="no_file", status=400
        )
    return fields


def _location(result: UploadResult) -> dict[str, str]:
    studies = [verdict.study for verdict in result.verdicts if verdict.study]
    return {"Location": reverse("api-study", args=[studies[0].pk])} if studies else {}


class OneStudy(ApiView):
    serializer_class = StudySerializer

    @extend_schema(
        operation_id="get_study",
        summary="One study, with its images",
        description="`prediction` of an image is null for readers of the collection, and for uploaders until `final`.",
        responses={200: StudySerializer, **problems(401, 404)},
        examples=[STUDY_EXAMPLE],
    )
    def get(self, request: Request, study_id: UUID) -> Response:
        return Response(StudySerializer(shown_study(request.user, get_study(request.user, study_id))).data)


class PurgeStudy(ApiView):
    serializer_class = PurgeSerializer

    @extend_schema(
        operation_id="purge_study",
        summary="Remove a study's pixels, maps and embeddings for good",
        request=PurgeSerializer,
        responses={200: StudySerializer, **problems(400, 401, 403, 404)},
    )
    def post(self, request: Request, study_id: UUID) -> Response:
        sent = self.sent(PurgeSerializer, request.data)
        study = get_study(request.user, study_id, Permission.PURGE_STUDIES)
        purge_study(actor=person(request), study=study, reason=sent["reason"])
        return Response(StudySerializer(shown_study(request.user, get_study(request.user, study_id))).data)
