"""Studies, images, the quarantine and predictions in the admin, and the retry of what failed."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from classifier.admin.person import staff_person
from classifier.exceptions import PlatformError
from classifier.models import (
    Image,
    Prediction,
    QuarantinedImage,
    Study,
)
from classifier.services.predictions import retry_prediction
from mriplatform.accounts.access import require_anywhere
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.scoped_admin import OwnCollectionsAdmin, OwnRowsFilter
from mriplatform.accounts.selectors import collections_of


class FailureFilter(admin.AllValuesFieldListFilter):
    """The failure codes that there are; what did not fail has a word of its own in place of an empty link."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield choice | {"display": choice["display"] or "Not failed"}


@admin.register(Study)
class StudyAdmin(OwnCollectionsAdmin[Study]):
    list_display = (
        "short_id",
        "collection",
        "origin",
        "uploaded_by",
        "created_at",
        "finalised_at",
        "purged_at",
    )
    list_filter = (("collection", OwnRowsFilter), "origin")
    list_select_related = ("collection", "uploaded_by")
    date_hierarchy = "created_at"


@admin.register(Image)
class ImageAdmin(OwnCollectionsAdmin[Image]):
    list_display = ("short_id", "study", "width", "height", "bits", "created_at", "hidden_at")
    list_filter = (("collection", OwnRowsFilter), "bits")
    search_fields = ("pixel_sha256",)
    list_select_related = ("study",)
    # Pixels are behind the doors of the pages and the API, which know who may see them.
    exclude = ("pixels",)


@admin.register(QuarantinedImage)
class QuarantinedImageAdmin(OwnCollectionsAdmin[QuarantinedImage]):
    permission = Permission.REVIEW_INTAKE
    list_display = (
        "short_id",
        "collection",
        "status",
        "cause",
        "origin",
        "uploaded_by",
        "created_at",
        "decided_at",
    )
    list_filter = (("collection", OwnRowsFilter), "status", "cause")
    search_fields = ("pixel_sha256",)
    list_select_related = ("collection", "uploaded_by")
    # What waits is looked at on its page, and by those who review the intake.
    exclude = ("pixels", "arrival")


@admin.register(Prediction)
class PredictionAdmin(OwnCollectionsAdmin[Prediction]):
    collection_path = "image__collection"
    permission = Permission.VIEW_PREDICTIONS
    list_display = ("id", "image", "status", "label", "model_version", "for_comparison", "attempt", "queued_at",
                    "finished_at")  # fmt: skip
    list_filter = (
        "status",
        "for_comparison",
        "not_assessable",
        "model_version",
        ("failure_code", FailureFilter),
    )
    list_select_related = ("image", "model_version")
    date_hierarchy = "queued_at"
    exclude = ("maps", "embedding")
    actions = ("try_again",)

    @admin.action(description="Try failed predictions again")
    def try_again(self, request: HttpRequest, queryset: QuerySet[Prediction]) -> None:
        require_anywhere(request.user, Permission.RETRY_PREDICTIONS)
        retried = 0
        for prediction in queryset.filter(
            image__collection__in=collections_of(request.user, Permission.RETRY_PREDICTIONS)
        ):
            try:
                retry_prediction(actor=staff_person(request), prediction_id=prediction.pk)
                retried += 1
            except PlatformError as refusal:
                self.message_user(request, f"{prediction.pk}: {refusal.sentence}", messages.WARNING)
        self.message_user(request, f"{retried} predictions are in line again.")
