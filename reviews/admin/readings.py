"""What readers and adjudicators said, to look at."""

from django.contrib import admin

from mriplatform.accounts.roles import Permission
from mriplatform.accounts.scoped_admin import OwnCollectionsAdmin
from reviews.models import Adjudication, Reading, ReviewEvent


@admin.register(Reading)
class ReadingAdmin(OwnCollectionsAdmin[Reading]):
    collection_path = "image__collection"
    permission = Permission.DOWNLOAD_LABELS
    list_display = ("id", "image", "reader", "protocol", "claimed_at", "lease_expires_at", "finished_at")
    list_filter = ("protocol__mode",)
    list_select_related = ("image", "reader", "protocol__collection")
    search_fields = ("reader__username",)
    exclude = ("draft",)


@admin.register(ReviewEvent)
class ReviewEventAdmin(OwnCollectionsAdmin[ReviewEvent]):
    collection_path = "reading__image__collection"
    permission = Permission.DOWNLOAD_LABELS
    list_display = ("at", "reader", "image", "kind", "label", "verdict", "reason", "saw_prediction")
    list_filter = ("kind", "label", "verdict", "saw_prediction")
    list_select_related = ("reading__reader", "reading__image")
    search_fields = ("reading__reader__username",)
    date_hierarchy = "at"

    @admin.display(ordering="reading__reader__username")
    def reader(self, event: ReviewEvent) -> str:
        return event.reading.reader.get_username()

    @admin.display()
    def image(self, event: ReviewEvent) -> str:
        return str(event.reading.image)


@admin.register(Adjudication)
class AdjudicationAdmin(OwnCollectionsAdmin[Adjudication]):
    collection_path = "image__collection"
    permission = Permission.DOWNLOAD_LABELS
    list_display = ("at", "image", "label", "adjudicator", "rationale")
    list_select_related = ("image", "adjudicator")
