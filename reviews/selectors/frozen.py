"""Label sets: which there are for whom, and their manifests."""

import hashlib

from django.db.models import QuerySet

from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor, collections_of, is_reader_in
from reviews.exceptions import ReviewRefused
from reviews.models import LabelSet


def label_sets_of(user: Visitor) -> QuerySet[LabelSet]:
    """Label sets of the collections whose labels the user may have, newest first; never where they read."""
    ids = [
        collection.pk
        for collection in collections_of(user, Permission.DOWNLOAD_LABELS)
        if not is_reader_in(user, collection.pk)
    ]
    return (
        LabelSet.objects.filter(collection__in=ids)
        .select_related("collection", "frozen_by", "policy")
        .order_by("-id")
    )


def label_sets_in(collection: Collection) -> QuerySet[LabelSet]:
    """Every label set of a collection, newest first."""
    found = LabelSet.objects.filter(collection=collection).select_related("frozen_by", "policy")
    return found.order_by("-number")


def newest_label_set(collection: Collection) -> LabelSet | None:
    return LabelSet.objects.filter(collection=collection).order_by("-number").first()


def manifest_of(label_set: LabelSet) -> bytes:
    """The manifest's bytes, checked against the hash that was noted when it was frozen.

    Raises:
        ReviewRefused: it is not in the storage, or was altered there.
    """
    try:
        with label_set.manifest.open("rb") as stored:
            manifest: bytes = stored.read()
    except FileNotFoundError as error:
        raise ReviewRefused(
            f"The manifest of label set {label_set.number} is not in the storage.", code="manifest_missing"
        ) from error
    if hashlib.sha256(manifest).hexdigest() != label_set.manifest_sha256:
        raise ReviewRefused(
            f"The manifest of label set {label_set.number} was altered in the storage.",
            code="manifest_altered",
        )
    return manifest
