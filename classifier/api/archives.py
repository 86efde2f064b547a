"""Archives: begun, sent part by part, completed; then checked and stored by the workers."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.access import get_archive, get_collection_to_send_archives
from classifier.api.archive_examples import (
    ARCHIVE_EXAMPLE,
    BEGUN_EXAMPLE,
    ENTRY_EXAMPLE,
    NEW_EXAMPLE,
    PARTS_EXAMPLE,
)
from classifier.api.archive_serializers import (
    ArchiveEntrySerializer,
    ArchiveFileSerializer,
    ArchivePartsSerializer,
    ArchiveQuerySerializer,
    ArchiveSerializer,
    EntryQuerySerializer,
    NewArchiveSerializer,
    StoreArchiveSerializer,
)
from classifier.api.serializers import NothingSerializer
from classifier.api.shown_archives import shown_archives, shown_entry
from classifier.models import Archive
from classifier.selectors.archives import (
    archives_of,
    entries_of,
    of_outcome,
)
from classifier.services.archive_parts import arrived_parts, part_count, receive_part
from classifier.services.archives import (
    cancel_archive,
    complete_archive,
    create_archive,
    send_archive,
    store_archive,
    whole_archive,
)
from mriplatform.api.pagination import CursorPagination
from mriplatform.api.parsers import BoundedJSONParser
from mriplatform.api.schema import problems
from mriplatform.api.views import ApiView, person


class PartParser(BaseParser):
    """A part, as its bytes. No more of them are read than a part may have.

    Raises:
        RequestDataTooBig: more came.
    """

    media_type = "application/octet-stream"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        limit: int = settings.ARCHIVE_PART_BYTES
        pieces, left = [], limit + 1
        while left and (piece := stream.read(left)):
            pieces.append(piece)
            left -= len(piece)
        if not left:
            raise RequestDataTooBig("A part is larger than ARCHIVE_PART_BYTES.")
        return b"".join(pieces)


def _answer(archive: Archive, status: int = 200) -> Response:
    body = ArchiveSerializer(shown_archives([archive])[0]).data
    return Response(body, status=status, headers={"Location": body["url"]} if status in (201, 202) else None)


class Archives(ApiView):
    """Begin an archive, or send a small one whole; list one's own."""

    parser_classes = (BoundedJSONParser, MultiPartParser)
    serializer_class = ArchiveSerializer
    query_serializer = ArchiveQuerySerializer
    paged = True

    @extend_schema(
        operation_id="list_archives",
        summary="List your own archives, newest first",
        parameters=[ArchiveQuerySerializer],
        responses={200: ArchiveSerializer(many=True), **problems(400, 401, 404)},
        examples=[ARCHIVE_EXAMPLE],
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(request)
        archives = archives_of(request.user)
        if "collection" in asked:
            archives = archives.filter(
                collection=get_collection_to_send_archives(request.user, asked["collection"])
            )
        if "status" in asked:
            archives = archives.filter(status=asked["status"])
        return self.paged_response(shown_archives(self.page_of(archives)))

    @extend_schema(
        operation_id="begin_archive",
        summary="Begin a ZIP of images, or send a small one whole",
        description=(
            "With JSON and the ZIP's `size`: answers 201 with the size and number of its parts; send each with "
            "`PUT …/parts/{number}`, in any order, then `POST …/complete`. What was lost is found with "
            "`GET …/parts` and sent again; the ZIP is never begun anew. With a multipart form and a `file`: a small "
            "ZIP in one request, answered 202 like `complete`."
        ),
        request={"application/json": NewArchiveSerializer, "multipart/form-data": ArchiveFileSerializer},
        responses={
            201: ArchiveSerializer, 202: ArchiveSerializer, **problems(400, 401, 403, 404, 413, 415, 422, 429, 507)
        },
        examples=[NEW_EXAMPLE, BEGUN_EXAMPLE, ARCHIVE_EXAMPLE],
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        whole = "file" in request.FILES or request.content_type.startswith("multipart/")
        sent = self.sent(
            ArchiveFileSerializer if whole else NewArchiveSerializer, _fields(request, whole=whole)
        )
        labels = sent["folder_labels"]
        options = {name: sent[name] for name in ("dry_run", "partial", "folder_labels", "dataset")}
        options["collection"] = get_collection_to_send_archives(
            request.user, sent["collection"], labels=labels
        )
        options["pseudonym"] = sent["subject_pseudonym"]
        if not whole:
            return _answer(create_archive(actor=person(request), size=sent["size"], **options), 201)
        data = whole_archive(sent["file"])
        archive = create_archive(actor=person(request), size=len(data), **options)
        return _answer(send_archive(archive=archive, data=data), 202)


def _fields(request: Request, *, whole: bool) -> Any:
    return dict(request.data.items()) if whole and hasattr(request.data, "items") else request.data


class OneArchive(ApiView):
    serializer_class = ArchiveSerializer

    @extend_schema(
        operation_id="get_archive",
        summary="One archive: how far it is, and its entries counted",
        description="Poll it until `status` is `stored`, `checked`, `refused`, `cancelled` or `failed`.",
        responses={200: ArchiveSerializer, **problems(401, 404)},
        examples=[ARCHIVE_EXAMPLE],
    )
    def get(self, request: Request, archive_id: UUID) -> Response:
        return _answer(get_archive(request.user, archive_id))


class ArchiveParts(ApiView):
    serializer_class = ArchivePartsSerializer

    @extend_schema(
        operation_id="list_archive_parts",
        summary="Which parts have arrived, and which are still to be sent",
        responses={200: ArchivePartsSerializer, **problems(401, 404)},
        examples=[PARTS_EXAMPLE],
    )
    def get(self, request: Request, archive_id: UUID) -> Response:
        archive = get_archive(request.user, archive_id)
        arrived, count = arrived_parts(archive), part_count(archive.size)
        waiting = archive.status == Archive.Status.RECEIVING
        missing = sorted(set(range(1, count + 1)) - set(arrived)) if waiting else []
        shown = {
            "part_bytes": settings.ARCHIVE_PART_BYTES,
            "parts": count,
            "arrived": arrived,
            "missing": missing,
        }
        return Response(ArchivePartsSerializer(shown).data)


class ArchivePart(ApiView):
    parser_classes = (PartParser,)

    @extend_schema(
        operation_id="send_archive_part",
        summary="Send one part",
        description=(
            "The bytes from `(number − 1) × part_bytes` on, `part_bytes` of them (the last part: what is left). "
            "Sending a part again replaces it, so a request whose answer was lost is simply repeated. Parts are kept "
            "encrypted and deleted once they were read."
        ),
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={204: None, **problems(400, 401, 403, 404, 409, 413, 415)},
    )
    def put(self, request: Request, archive_id: UUID, number: int) -> Response:
        archive = get_archive(request.user, archive_id)
        data: Any = request.data
        receive_part(archive=archive, number=number, data=data if isinstance(data, bytes) else b"")
        return Response(status=204)


class CompleteArchive(ApiView):
    serializer_class = ArchiveSerializer

    @extend_schema(
        operation_id="complete_archive",
        summary="Say that all parts are sent",
        description=(
            "The ZIP's directory is checked at once; a ZIP that is unsafe is refused as a whole, and nothing of it is "
            "kept. Otherwise the answer is 202 and the workers look at every entry."
        ),
        request=NothingSerializer,
        responses={202: ArchiveSerializer, **problems(400, 401, 404, 409, 415, 422)},
        examples=[ARCHIVE_EXAMPLE],
    )
    def post(self, request: Request, archive_id: UUID) -> Response:
        self.sent(NothingSerializer, request.data)
        return _answer(complete_archive(archive=get_archive(request.user, archive_id)), 202)


class StoreArchive(ApiView):
    serializer_class = ArchiveSerializer

    @extend_schema(
        operation_id="store_archive",
        summary="Store an archive that was checked in a dry run",
        request=StoreArchiveSerializer,
        responses={202: ArchiveSerializer, **problems(400, 401, 404, 409)},
        examples=[ARCHIVE_EXAMPLE],
    )
    def post(self, request: Request, archive_id: UUID) -> Response:
        sent = self.sent(StoreArchiveSerializer, request.data)
        archive = get_archive(request.user, archive_id)
        return _answer(store_archive(archive=archive, partial=sent["partial"]), 202)


class CancelArchive(ApiView):
    serializer_class = ArchiveSerializer

    @extend_schema(
        operation_id="cancel_archive",
        summary="Cancel an archive; what was stored of it stays",
        request=NothingSerializer,
        responses={200: ArchiveSerializer, **problems(400, 401, 404, 409)},
        examples=[ARCHIVE_EXAMPLE],
    )
    def post(self, request: Request, archive_id: UUID) -> Response:
        self.sent(NothingSerializer, request.data)
        archive = get_archive(request.user, archive_id)
        return _answer(cancel_archive(actor=person(request), archive=archive))


class InOrder(CursorPagination):
    ordering = "number"


class ArchiveEntries(ApiView):
    serializer_class = ArchiveEntrySerializer
    query_serializer = EntryQuerySerializer
    pagination_class = InOrder
    paged = True

    @extend_schema(
        operation_id="list_archive_entries",
        summary="What became of each entry, by its number",
        parameters=[EntryQuerySerializer],
        responses={200: ArchiveEntrySerializer(many=True), **problems(400, 401, 404)},
        examples=[ENTRY_EXAMPLE],
    )
    def get(self, request: Request, archive_id: UUID) -> Response:
        asked = self.asked(request)
        entries = entries_of(get_archive(request.user, archive_id))
        if "outcome" in asked:
            entries = of_outcome(entries, asked["outcome"])
        return self.paged_response([shown_entry(entry) for entry in self.page_of(entries)])
