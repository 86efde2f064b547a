"""Label sets: which there are for whom, and their manifests."""

import hashlib
from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet

from classifier.selectors.same_pixels import reads_pixels_of
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor, collections_of, is_reader_in
from reviews.exceptions import ReviewRefused
from reviews.models import LabelSet


def label_sets_of(user: Visitor) -> QuerySet[LabelSet]:
    """Label sets of the collections whose labels the user may have, newest first.

    Never where they read, nor where any of the images is one that they read elsewhere: a set is whole, and its counts
    and its hash would say what a row left out says.
    """
    return _label_sets(pk for pk in _with_labels(user) if not reads_pixels_of(user, pk))


def label_sets_there(user: Visitor) -> QuerySet[LabelSet]:
    """Those of `label_sets_of`, and those that are kept from the user because they read the same pixels elsewhere:
    that there are such they may know, what is in them they may not."""
    return _label_sets(pk for pk in _with_labels(user) if not is_reader_in(user, pk))


def _with_labels(user: Visitor) -> list[UUID]:
    return list(collections_of(user, Permission.DOWNLOAD_LABELS).values_list("pk", flat=True))


def _label_sets(collections: Iterable[UUID]) -> QuerySet[LabelSet]:
    found = LabelSet.objects.filter(collection__in=list(collections))
    return found.select_related("collection", "frozen_by", "policy").order_by("-id")


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
