"""What every endpoint of the API has in common."""

from functools import partial
from typing import Any, ClassVar

from django.utils.cache import patch_cache_control
from rest_framework.exceptions import APIException, NotAuthenticated
from rest_framework.generics import GenericAPIView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from mriplatform.accounts.models import User
from mriplatform.api.idempotency import answered_once
from mriplatform.api.serializers import StrictSerializer
from mriplatform.api.throttling import Room, TooManyRequests, take_place

PAGING = frozenset({"cursor", "page_size"})


class ApiView(GenericAPIView[Any]):
    """An endpoint that takes no query parameter but those it names, so that a misspelt filter never answers with
    everything. It says how often one may ask, and does a POST with an `Idempotency-Key` once.

    Attributes:
        query_serializer: what it takes; None for nothing.
        takes_keys: whether a POST heeds its `Idempotency-Key`; not where the body is a stream that is read but once.
        paged: whether it answers in pages, and so takes `cursor`, `page_size` and `ordering` as well.
    """

    query_serializer: ClassVar[type[StrictSerializer] | None] = None
    paged: ClassVar[bool] = False
    takes_keys: ClassVar[bool] = True
    _room: Room | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.asked(request)
        if request.method == "POST" and (act := getattr(self, "post", None)):
            # The framework looks for the handler after this, and finds it here.
            vars(self)["post"] = partial(answered_once, self, act)

    def perform_authentication(self, request: Request) -> None:
        """Find out who asks, and count them; whoever comes with a token that is none is counted as an address."""
        try:
            user = request.user
        except APIException:
            self._room = take_place(request._request, None)
            raise
        self._room = take_place(request._request, user.pk)

    def prepare(self, request: Request, **kwargs: Any) -> None:
        """What a POST has to wait for before it acts: done outside of the transaction that keeps its answer."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """What an answer holds depends on who asks, and when: nobody keeps it."""
        finished = super().finalize_response(request, response, *args, **kwargs)
        if not finished.has_header("Cache-Control"):
            patch_cache_control(finished, private=True, no_store=True)
        if self._room is not None:
            for name, value in self._room.headers().items():
                finished.headers[name] = value
        return finished

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, TooManyRequests):
            self._room = exc.room
        return super().handle_exception(exc)

    def asked(self, request: Request) -> dict[str, Any]:
        """The query parameters, validated.

        Raises:
            ValidationError: one is unknown, or has a value that it does not take.
        """
        paging = self._paging()
        given = {name: value for name, value in request.query_params.items() if name not in paging}
        return self.sent(self.query_serializer or StrictSerializer, given)

    def _paging(self) -> frozenset[str]:
        """The parameters of pages that this endpoint takes."""
        if not self.paged:
            return frozenset()
        return PAGING | {"ordering"} if getattr(self.paginator, "turns", False) else PAGING

    def sent(self, serializer: type[StrictSerializer], data: Any) -> dict[str, Any]:
        """What was sent, validated by `serializer`.

        Raises:
            ValidationError: by field.
        """
        checked = serializer(data=data)
        checked.is_valid(raise_exception=True)
        return dict(checked.validated_data)

    def page_of(self, rows: Any) -> list[Any]:
        """The page of the rows that is asked for."""
        return list(self.paginate_queryset(rows) or [])

    def paged_response(self, shown: list[dict[str, Any]]) -> Response:
        """A page, in the shape of the endpoint's serializer, with the addresses of its neighbours."""
        return self.get_paginated_response(self.get_serializer(shown, many=True).data)


class AnyFormat(DefaultContentNegotiation):
    """For an endpoint whose format is fixed, whatever the Accept header prefers."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


def person(request: Request) -> User:
    """The user of a request that needs one.

    Raises:
        NotAuthenticated: nobody is signed in.
    """
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user
