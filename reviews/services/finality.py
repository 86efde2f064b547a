"""Writes down where images stand, and tells the machine reader's side when a study has become final."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from classifier.models import Image, Study
from classifier.services.studies import set_finality
from mriplatform.accounts.models import Membership
from mriplatform.accounts.roles import READER_ROLES
from reviews.models import ImageStanding, Outcome, Reading
from reviews.selectors import Standing, standings

_KEPT = ("outcome", "label", "path", "adjudication_id", "changed_since")


def refresh_finality(study_id: UUID, *, image_id: UUID | None = None) -> None:
    """Write down where a study's images stand, and set or take back its finality.

    A study is final once each of its images has its final label; those whose pixels nobody may see, and known cases,
    are not waited for. To be called inside the transaction that changed what was said. The study's row is locked
    first, so that of two readers who finish its last two images at once the second sees what the first said.

    Args:
        image_id: the only image that changed; the others are then not looked at again.
    """
    study = Study.objects.select_for_update(no_key=True).get(pk=study_id)
    images = Image.objects.filter(study=study)
    refresh_standings(images if image_id is None else images.filter(pk=image_id))
    counted = (
        images.filter(hidden_at=None)
        .exclude(pixels="")
        .exclude(standing__outcome=Outcome.KNOWN)
        .aggregate(all=Count("pk"), final=Count("pk", filter=Q(standing__outcome=Outcome.FINAL)))
    )
    set_finality(study=study, final=0 < counted["all"] == counted["final"])


@transaction.atomic
def refresh_standings(images: Iterable[Image]) -> None:
    """Write down where these images stand, as far as it changed; `since` stays where nothing did."""
    found = {image.pk: image for image in images}
    _note_seniority(found)
    now = timezone.now()
    before = ImageStanding.objects.in_bulk(found)
    rows = [
        _row(found[pk], standing, now)
        for pk, standing in standings(found.values()).items()
        if standing.outcome is not Outcome.UNREAD
    ]
    ImageStanding.objects.filter(pk__in=set(before) - {row.pk for row in rows}).delete()
    ImageStanding.objects.bulk_create(
        [row for row in rows if row.pk not in before or _content(row) != _content(before[row.pk])],
        update_conflicts=True,
        unique_fields=["image"],
        update_fields=[*(name.removesuffix("_id") for name in _KEPT), "since"],
        batch_size=1000,
    )


def _note_seniority(images: Iterable[UUID]) -> None:
    """Keep the reader's seniority as it is when they first give a verdict: a later change of it changes no label."""
    new = list(
        Reading.objects.filter(image__in=list(images), finished_at__isnull=False, seniority=None).values_list(
            "pk", "reader", "image__collection"
        )
    )
    if not new:
        return
    found = Membership.objects.filter(
        user__in={reader for _, reader, _ in new},
        collection__in={collection for *_, collection in new},
        role__in=READER_ROLES,
    )
    highest: dict[tuple[UUID, UUID], int] = {}
    for reader, collection, seniority in found.values_list("user", "collection", "seniority"):
        highest[reader, collection] = max(seniority, highest.get((reader, collection), 0))
    rows = [Reading(pk=pk, seniority=highest.get((reader, collection), 0)) for pk, reader, collection in new]
    Reading.objects.bulk_update(rows, ["seniority"], batch_size=1000)


def _row(image: Image, standing: Standing, now: datetime) -> ImageStanding:
    row = ImageStanding(image=image, collection_id=image.collection_id, outcome=standing.outcome, since=now)
    if (final := standing.final) is not None:
        row.label, row.path, row.changed_since = final.label, final.path, final.changed_since
        row.adjudication = final.adjudication
    return row


def _content(row: ImageStanding) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in _KEPT)
