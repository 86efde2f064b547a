"""What the readings of a collection say, for programs."""

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from mriplatform.accounts.access import NOT_FOUND
from mriplatform.accounts.models import Collection
from mriplatform.api.rendering import CsvRenderer, FormatNegotiation
from mriplatform.api.schema import problems
from mriplatform.api.serializers import StrictSerializer
from mriplatform.api.views import ApiView, person
from reviews.access import get_collection_to_measure, get_collection_to_read, get_collection_with_figures
from reviews.selectors.figure_files import figure_as_csv, figures_as_json
from reviews.selectors.figure_words import FIGURES
from reviews.selectors.figures import ShownFigures, closed, everything, own
from reviews.services.figures import ask_for_figures


class FigureQuerySerializer(StrictSerializer):
    format = serializers.CharField(required=False)
    figure = serializers.ChoiceField(choices=list(FIGURES), required=False, help_text="One figure alone.")


class NamedCollectionSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class FigureSerializer(serializers.Serializer[Any]):
    name = serializers.ChoiceField(choices=list(FIGURES))
    title = serializers.CharField()
    about = serializers.CharField()
    source = serializers.CharField(help_text="Whose method it is.")  # type: ignore[assignment]  # no attribute
    rows = serializers.ListField(
        child=serializers.DictField(),
        help_text="What each is about; `n` images, `value`, the 95 % interval from `low` to `high` (null where it "
        "cannot be known), and the value's `unit`. Shares are from 0 to 1. Empty where too little was read.",
    )


class FiguresSerializer(serializers.Serializer[Any]):
    collection = NamedCollectionSerializer()
    computed_at = serializers.DateTimeField(allow_null=True, help_text="Null as long as none were made.")
    events = serializers.IntegerField(allow_null=True, help_text="Review events that they rest on.")
    seconds = serializers.FloatField(allow_null=True, help_text="How long they took to make.")
    waiting = serializers.BooleanField(help_text="Newer ones were asked for.")
    figures = FigureSerializer(many=True)


class FiguresAskedSerializer(serializers.Serializer[Any]):
    asked_at = serializers.DateTimeField()


_ANSWERS = {
    (200, "application/json"): FiguresSerializer,
    (200, "text/csv"): OpenApiTypes.STR,
    **problems(400, 401, 403, 404, 406),
}
_PARAMETERS = [
    OpenApiParameter("format", str, enum=["json", "csv"], description="CSV is of one figure: name it."),
    OpenApiParameter("figure", str, enum=list(FIGURES)),
]


class FigureFiles(ApiView):
    query_serializer = FigureQuerySerializer
    renderer_classes = (JSONRenderer, CsvRenderer)
    content_negotiation_class = FormatNegotiation

    def answer(self, request: Request, collection: Collection, shown: ShownFigures) -> Response:
        """The figures, or the one that is named, as JSON or CSV."""
        name = self.asked(request).get("figure")
        if name is not None and name not in shown.figures:
            raise Http404(NOT_FOUND)
        if request.accepted_renderer.format == "csv":
            if name is None:
                raise serializers.ValidationError({"figure": ["Name the figure that you want as CSV."]})
            return Response(figure_as_csv(name, shown.figures[name]))
        found = figures_as_json(collection, shown)
        found["figures"] = [one for one in found["figures"] if name in (None, one["name"])]
        return Response(found)


class Figures(FigureFiles):
    @extend_schema(
        operation_id="get_figures",
        summary="What the readings of a collection say, from the newest snapshot",
        description=(
            "All pooled figures, without readers' names. Who reads or adjudicates the collection's images, here or in "
            "another one, gets those of images with a final label alone, and only where enough images and readers are "
            "behind them."
        ),
        parameters=_PARAMETERS,
        responses=_ANSWERS,
    )
    def get(self, request: Request, collection_id: UUID) -> Response:
        collection, all_of_them = get_collection_with_figures(request.user, collection_id)
        return self.answer(request, collection, everything(collection) if all_of_them else closed(collection))

    @extend_schema(
        operation_id="ask_for_figures",
        summary="Ask that the figures be made anew",
        description="They are made daily anyway. Asking again before they are there adds nothing.",
        request=StrictSerializer,
        responses={202: FiguresAskedSerializer, **problems(400, 401, 403, 404)},
    )
    def post(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection_to_measure(request.user, collection_id)
        self.sent(StrictSerializer, request.data)
        asked = ask_for_figures(actor=person(request), collection=collection)
        asked.refresh_from_db(fields=["at"])
        return Response(FiguresAskedSerializer({"asked_at": asked.at}).data, status=202)


class OwnFigures(FigureFiles):
    @extend_schema(
        operation_id="get_own_figures",
        summary="Your own figures as a reader of a collection; nobody else gets them",
        parameters=_PARAMETERS,
        responses=_ANSWERS,
    )
    def get(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection_to_read(request.user, collection_id)
        return self.answer(request, collection, own(collection, person(request)))
