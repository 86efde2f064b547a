"""A reader's own readings, step by step."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from mriplatform.api.conditions import if_match, tag_seen
from mriplatform.api.idempotency import key_of
from mriplatform.api.schema import problems
from mriplatform.api.serializers import StrictSerializer
from mriplatform.api.views import ApiView, person
from mriplatform.identifiers import uuid7
from reviews.access import get_collection_to_read, get_image_of, get_reading
from reviews.api.serializers import (
    ClaimSerializer,
    DraftSerializer,
    FirstReadSerializer,
    RangeFirstReadSerializer,
    ReadingQuerySerializer,
    ReadingRowSerializer,
    ReadingSerializer,
    RevealSerializer,
    ReviewEventSerializer,
    ReviewEventsSerializer,
    ReviewVerdictSerializer,
    SaidOfRangeSerializer,
    UndoSerializer,
    WithdrawalSerializer,
)
from reviews.api.shown import shown_event, shown_in_range, shown_reading, shown_row
from reviews.models import ReviewEvent
from reviews.selectors import reading_revision, readings_of
from reviews.selectors.own_trace import own_trace
from reviews.services import reading as steps
from reviews.services.ranges import commit_first_reads

NOT_KEPT: Final = {"Cache-Control": "private, no-store"}
SEEN: Final = "the reading"


class Readings(ApiView):
    serializer_class = ReadingRowSerializer
    query_serializer = ReadingQuerySerializer
    paged = True

    @extend_schema(
        operation_id="list_readings",
        summary="List your own readings, newest first",
        parameters=[ReadingQuerySerializer],
        responses={200: ReadingRowSerializer(many=True), **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request) -> Response:
        rows = readings_of(request.user)
        if (wanted := self.asked(request).get("collection")) is not None:
            rows = rows.filter(image__collection=get_collection_to_read(request.user, wanted))
        page = self.page_of(rows)
        traced = own_trace(person(request), page)
        response = self.paged_response([shown_row(reading, traced.get(reading.pk, [])) for reading in page])
        response.headers["Cache-Control"] = NOT_KEPT["Cache-Control"]
        return response

    @extend_schema(
        operation_id="claim_next_reading",
        summary="Claim what is next: your open reading, else the oldest image that waits for you; or a named one",
        description="204 when no image waits. The image is kept for you for twenty minutes; each step renews that.",
        request=ClaimSerializer,
        responses={200: ReadingSerializer, 204: None, **problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request) -> Response:
        sent = self.sent(ClaimSerializer, request.data)
        collection = get_collection_to_read(request.user, sent["collection"])
        if "image" in sent:
            image = get_image_of(collection, sent["image"])
            return _reading(request, steps.claim_image(reader=person(request), image=image).pk)
        reading = steps.claim_next(
            reader=person(request), collection=collection, aside=sent["not_assessable"]
        )
        return _reading(request, reading.pk) if reading else Response(status=204)


class OneReading(ApiView):
    @extend_schema(
        operation_id="get_reading",
        summary="One reading of yours",
        description="`machine_answer` is null until the protocol shows it. Readings of others are not there.",
        responses={200: ReadingSerializer, **problems(401, 404)},
    )
    def get(self, request: Request, reading_id: UUID) -> Response:
        return _reading(request, reading_id)


class ReadingEvents(ApiView):
    @extend_schema(
        operation_id="list_reading_events",
        summary="Everything said in a reading, oldest first, what was withdrawn included",
        responses={200: ReviewEventsSerializer, **problems(401, 404)},
    )
    def get(self, request: Request, reading_id: UUID) -> Response:
        events = get_reading(request.user, reading_id).events.all()
        shown = ReviewEventsSerializer({"results": [shown_event(event) for event in events]}).data
        return Response(shown, headers=NOT_KEPT)


class Saying(ApiView):
    """A step in which a reader says something, said once however often it is sent with one key."""

    def say(
        self,
        request: Request,
        reading_id: UUID,
        serializer: type[StrictSerializer],
        step: Callable[..., ReviewEvent],
        *,
        of_what_was_seen: bool = False,
    ) -> Response:
        """Take the step; `of_what_was_seen`: of the reading as the caller fetched it, and of no later one."""
        reading = get_reading(request.user, reading_id)
        sent = self.sent(serializer, request.data)
        if of_what_was_seen:
            sent = sent | {"if_revision": tag_seen(request, SEEN)}
        key = key_of(request)
        return _event(step(reader=person(request), reading=reading, idempotency_key=key, **sent))


class FirstRead(Saying):
    @extend_schema(
        operation_id="commit_first_read",
        summary="Say what you see, before the machine's answer is shown",
        request=FirstReadSerializer,
        responses={201: ReviewEventSerializer, **problems(400, 401, 404, 409, 422)},
    )
    def post(self, request: Request, reading_id: UUID) -> Response:
        return self.say(request, reading_id, FirstReadSerializer, steps.commit_first_read)


class RangeFirstRead(ApiView):
    @extend_schema(
        operation_id="commit_first_read_of_range",
        summary="Say the same of several images of the study, before the machine's answer to any is shown",
        description=(
            "Every image from `first` to `last`, in the order of `GET /studies/{id}`, is claimed and gets a first read "
            "of its own, or none does: 409 names the image that is not free. The image of this reading is among them; "
            "`region` and `active_ms` are of that alone. Images that nobody may see are left out."
        ),
        request=RangeFirstReadSerializer,
        responses={201: SaidOfRangeSerializer, **problems(400, 401, 404, 409, 422)},
    )
    def post(self, request: Request, reading_id: UUID) -> Response:
        reading = get_reading(request.user, reading_id)
        sent = self.sent(RangeFirstReadSerializer, request.data)
        key = key_of(request) or uuid7()
        events = commit_first_reads(reader=person(request), reading=reading, idempotency_key=key, **sent)
        said = {"results": [shown_in_range(event) for event in events]}
        return Response(SaidOfRangeSerializer(said).data, status=201, headers=NOT_KEPT)


class Reveal(ApiView):
    @extend_schema(
        operation_id="reveal_machine_answer",
        summary="Show the machine's answer; that it was shown goes on record",
        description="409 before the first read of a blinded reading. The second time changes nothing.",
        request=RevealSerializer,
        responses={200: ReadingSerializer, **problems(400, 401, 404, 409)},
    )
    def post(self, request: Request, reading_id: UUID) -> Response:
        reading = get_reading(request.user, reading_id)
        sent = self.sent(RevealSerializer, request.data)
        steps.reveal(reader=person(request), reading=reading, **sent)
        return _reading(request, reading_id)


class ReviewVerdict(Saying):
    @extend_schema(
        operation_id="give_verdict",
        summary="Confirm or correct the machine's answer, or say not_assessable",
        description="In an unaided reading it is your own first read that you confirm or correct.",
        request=ReviewVerdictSerializer,
        responses={201: ReviewEventSerializer, **problems(400, 401, 404, 409, 422)},
    )
    def post(self, request: Request, reading_id: UUID) -> Response:
        return self.say(request, reading_id, ReviewVerdictSerializer, steps.give_verdict)


class Amendment(Saying):
    @extend_schema(
        operation_id="amend_verdict",
        summary="Say otherwise later; the verdict in force is superseded and stays on record",
        description=(
            "It is said whole: what it leaves out is not said any more. 412 where the reading changed since its ETag "
            "was fetched; of many amendments of one ETag, one is recorded."
        ),
        parameters=[if_match(SEEN)],
        request=ReviewVerdictSerializer,
        responses={201: ReviewEventSerializer, **problems(400, 401, 404, 409, 412, 422, 428)},
    )
    def post(self, request: Request, reading_id: UUID) -> Response:
        return self.say(request, reading_id, ReviewVerdictSerializer, steps.amend, of_what_was_seen=True)


class Withdrawal(Saying):
    @extend_schema(
        operation_id="withdraw_verdict",
        summary="Take back the verdict in force, at any time, with a reason",
        description=(
            "It counts for nothing from then on, and stays on record. The reading waits for its verdict again, as long "
            "as no others have taken its place."
        ),
        parameters=[if_match(SEEN)],
        request=WithdrawalSerializer,
        responses={201: ReviewEventSerializer, **problems(400, 401, 404, 409, 412, 422, 428)},
    )
    def post(self, request: Request, reading_id: UUID) -> Response:
        return self.say(request, reading_id, WithdrawalSerializer, steps.withdraw, of_what_was_seen=True)


class Undo(ApiView):
    @extend_schema(
        operation_id="undo_newest_event",
        summary="Withdraw the newest thing said: a first read until the reveal, a verdict for ten seconds",
        request=UndoSerializer,
        responses={201: ReviewEventSerializer, **problems(400, 401, 404, 409)},
    )
    def post(self, request: Request, reading_id: UUID) -> Response:
        reading = get_reading(request.user, reading_id)
        sent = self.sent(UndoSerializer, request.data)
        return _event(steps.undo(reader=person(request), reading=reading, event_id=sent.get("event")))


class Draft(ApiView):
    @extend_schema(
        operation_id="save_draft",
        summary="Keep what is filled in but not said yet, and the claim with it",
        parameters=[if_match(SEEN)],
        request=DraftSerializer,
        responses={200: ReadingSerializer, **problems(400, 401, 404, 409, 412, 428)},
    )
    def put(self, request: Request, reading_id: UUID) -> Response:
        reading = get_reading(request.user, reading_id)
        sent = self.sent(DraftSerializer, request.data)
        steps.save_draft(
            reader=person(request), reading=reading, draft=sent, if_revision=tag_seen(request, SEEN)
        )
        return _reading(request, reading_id)


def _reading(request: Request, reading_id: UUID) -> Response:
    """The reading as it is now, with its ETag."""
    reading = get_reading(request.user, reading_id)
    headers = NOT_KEPT | {"ETag": f'"{reading_revision(reading)}"'}
    return Response(ReadingSerializer(shown_reading(reading)).data, headers=headers)


def _event(event: ReviewEvent) -> Response:
    return Response(ReviewEventSerializer(shown_event(event)).data, status=201, headers=NOT_KEPT)
