"""A person's own webhooks, and what became of what was sent to them."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from mriplatform.api.schema import problems
from mriplatform.api.serializers import StrictSerializer
from mriplatform.api.views import ApiView, person
from mriplatform.outbox.models import Endpoint
from mriplatform.webhooks.access import get_delivery, get_endpoint, get_place
from mriplatform.webhooks.api.serializers import (
    DeliveryFilter,
    DeliverySerializer,
    NewWebhookSerializer,
    WebhookSerializer,
    WebhookWithSecretSerializer,
)
from mriplatform.webhooks.selectors import deliveries_of, endpoints_of
from mriplatform.webhooks.services import (
    delete_endpoint,
    make_endpoint,
    pause_endpoint,
    redeliver,
    resume_endpoint,
    rotate_secret,
    send_test,
)

_SHOWN = {
    "id": "019a2c5e-7d10-7a44-9c1e-3f0b6a1d2e01",
    "name": "Ward dashboard",
    "url": "https://receiver.example.org/mri",
    "collection": "019a2c5e-7d10-7a44-9c1e-3f0b6a1d2e02",
    "kinds": ["prediction.succeeded", "study.final"],
    "state": "active",
    "state_reason": "",
    "failing_since": None,
    "previous_secret_until": None,
    "created_at": "2026-03-01T12:00:00Z",
}
_SECRET = {"secret": "whsec_c2lnbnMgZXZlcnkgbWVzc2FnZSwga2VlcCBpdCB3ZWxs"}
_ASKED = {name: _SHOWN[name] for name in ("url", "kinds", "collection", "name")}


class Webhooks(ApiView):
    serializer_class = WebhookSerializer
    paged = True

    @extend_schema(
        operation_id="list_webhooks",
        summary="Your webhooks, newest first",
        responses={200: WebhookSerializer(many=True), **problems(400, 401, 403)},
    )
    def get(self, request: Request) -> Response:
        rows = self.page_of(endpoints_of(person(request)))
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)

    @extend_schema(
        operation_id="make_webhook",
        summary="Make a webhook; its secret stands in this answer alone",
        description=(
            "Of a collection, or, without one, of runs and versions. You are told of what your roles let you see "
            "there, as they are when an event is sent. 422 for an address that nothing is sent to."
        ),
        request=NewWebhookSerializer,
        responses={201: WebhookWithSecretSerializer, **problems(400, 401, 403, 404, 422)},
        examples=[
            OpenApiExample("A webhook", value=_ASKED, request_only=True),
            OpenApiExample("Made", value=_SHOWN | _SECRET, response_only=True, status_codes=["201"]),
        ],
    )
    def post(self, request: Request) -> Response:
        sent = self.sent(NewWebhookSerializer, request.data)
        user = person(request)
        endpoint, secret = make_endpoint(
            owner=user,
            collection=get_place(user, sent.get("collection")),
            url=sent["url"],
            kinds=sent["kinds"],
            name=sent.get("name", ""),
        )
        return Response(_with_secret(endpoint, secret), status=201)


class OneWebhook(ApiView):
    @extend_schema(
        operation_id="get_webhook",
        summary="One of your webhooks",
        responses={200: WebhookSerializer, **problems(400, 401, 403, 404)},
        examples=[OpenApiExample("A webhook", value=_SHOWN, response_only=True)],
    )
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        return Response(WebhookSerializer(get_endpoint(person(request), endpoint_id)).data)

    @extend_schema(
        operation_id="delete_webhook",
        summary="Delete a webhook: its secret is erased, and what is in line is dropped",
        request=None,
        responses={204: None, **problems(400, 401, 403, 404)},
    )
    def delete(self, request: Request, endpoint_id: UUID) -> Response:
        delete_endpoint(actor=person(request), endpoint=get_endpoint(person(request), endpoint_id))
        return Response(status=204)


class PauseWebhook(ApiView):
    @extend_schema(
        operation_id="pause_webhook",
        summary="Send nothing for now; what happens meanwhile is put in line",
        description="Pausing twice changes nothing. 409 where it was stopped.",
        request=StrictSerializer,
        responses={200: WebhookSerializer, **problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        endpoint = get_endpoint(person(request), endpoint_id)
        self.sent(StrictSerializer, request.data)
        return Response(WebhookSerializer(pause_endpoint(actor=person(request), endpoint=endpoint)).data)


class ResumeWebhook(ApiView):
    @extend_schema(
        operation_id="resume_webhook",
        summary="Send again, also after it was stopped; what is in line at once",
        request=StrictSerializer,
        responses={200: WebhookSerializer, **problems(400, 401, 403, 404)},
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        endpoint = get_endpoint(person(request), endpoint_id)
        self.sent(StrictSerializer, request.data)
        return Response(WebhookSerializer(resume_endpoint(actor=person(request), endpoint=endpoint)).data)


class WebhookSecret(ApiView):
    @extend_schema(
        operation_id="rotate_webhook_secret",
        summary="Give a webhook a new secret; for a day the one before signs as well",
        request=StrictSerializer,
        responses={201: WebhookWithSecretSerializer, **problems(400, 401, 403, 404)},
        examples=[
            OpenApiExample("Rotated", value=_SHOWN | _SECRET, response_only=True, status_codes=["201"])
        ],
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        endpoint = get_endpoint(person(request), endpoint_id)
        self.sent(StrictSerializer, request.data)
        return Response(_with_secret(*rotate_secret(actor=person(request), endpoint=endpoint)), status=201)


class TestWebhook(ApiView):
    @extend_schema(
        operation_id="test_webhook",
        summary="Send a test event to a webhook",
        description="It is put in line; the deliveries say what came of it. 409 where it is not active.",
        request=StrictSerializer,
        responses={202: DeliverySerializer, **problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        endpoint = get_endpoint(person(request), endpoint_id)
        self.sent(StrictSerializer, request.data)
        made = send_test(actor=person(request), endpoint=endpoint)
        return Response(DeliverySerializer(made).data, status=202)


class Deliveries(ApiView):
    serializer_class = DeliverySerializer
    query_serializer = DeliveryFilter
    paged = True

    @extend_schema(
        operation_id="list_webhook_deliveries",
        summary="What was sent to a webhook, or is being tried, newest first, with every try",
        description="An event appears here once it was found that you may know of it.",
        parameters=[DeliveryFilter],
        responses={200: DeliverySerializer(many=True), **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        asked = self.asked(request)
        rows = deliveries_of(get_endpoint(person(request), endpoint_id)).prefetch_related("tries")
        if "state" in asked:
            rows = rows.filter(state=asked["state"])
        if "kind" in asked:
            rows = rows.filter(event__kind=asked["kind"])
        return self.get_paginated_response(self.get_serializer(self.page_of(rows), many=True).data)


class Redelivery(ApiView):
    @extend_schema(
        operation_id="redeliver_webhook_event",
        summary="Send an event again, under the same `webhook-id`",
        description="Outside the order. 409 while it is on its way, or where the webhook is not active.",
        request=StrictSerializer,
        responses={202: DeliverySerializer, **problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, endpoint_id: UUID, delivery_id: UUID) -> Response:
        delivery = get_delivery(person(request), endpoint_id, delivery_id)
        self.sent(StrictSerializer, request.data)
        made = redeliver(actor=person(request), delivery=delivery)
        return Response(DeliverySerializer(made).data, status=202)


def _with_secret(endpoint: Endpoint, secret: str) -> dict[str, Any]:
    return {**WebhookSerializer(endpoint).data, "secret": secret}
