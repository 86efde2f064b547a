"""Images become rows: of a study that is made for them or, by its UID, of one that is open."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import inf
from uuid import UUID

from django.core.files.base import ContentFile

from classifier.intake import CanonicalImage, FrameFacts
from classifier.models import DicomFacts, Image, Origin, Study
from classifier.selectors.dicom_facts import dicom_facts
from classifier.services.clusters import assign_cluster, lock_clusters, to_signed
from classifier.services.predictions import queue_predictions
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record
from mriplatform.identifiers import uuid7

_KEPT_FACTS = frozenset(field.name for field in DicomFacts._meta.concrete_fields) - {"image", "frame"}


@dataclass(frozen=True)
class Arrival:
    """How a study comes in.

    Attributes:
        subject_key: the keyed hash of its subject, if it has one; never a pseudonym.
        dataset: the labelled set that an import brings it from.
        plane: one of `Plane`, where something that came with the images told it.
        analyse: whether its predictions are queued.
        study_uid: the keyed replacement of the UID that it came with, if it is DICOM: by it an open study is found.
        age_band: of its subject, where the DICOM told it.
        label: what a folder's name says of it; kept with an image that goes to quarantine.
    """

    origin: Origin
    subject_key: str = ""
    dataset: str = ""
    plane: str = ""
    analyse: bool = True
    study_uid: str = ""
    age_band: str = ""
    label: str = ""


def open_study(*, actor: User, collection: Collection, arrival: Arrival) -> Study:
    """The open study that has the arrival's UID, or else a new one.

    To be called in a transaction, which then keeps all others from storing until it ends. An open study is one that is
    neither final nor removed; its images and it are locked, as a step of a reading locks them.
    """
    return find_open_study(collection, arrival) or Study.objects.create(
        collection=collection, subject_key=arrival.subject_key, origin=arrival.origin, dataset=arrival.dataset,
        study_uid=arrival.study_uid, age_band=arrival.age_band, uploaded_by=actor,
    )  # fmt: skip


def find_open_study(collection: Collection, arrival: Arrival) -> Study | None:
    """The study that what arrives joins, locked; None where there is none.

    One of the same UID that is of another subject is none: whatever a header says, two people are not one study.
    """
    lock_clusters()
    if not arrival.study_uid:
        return None
    still_open = Study.objects.filter(
        collection=collection, study_uid=arrival.study_uid, finalised_at=None, purged_at=None
    ).order_by("created_at", "id")
    if arrival.subject_key:
        still_open = still_open.filter(subject_key__in=["", arrival.subject_key])
    found = still_open.first()
    joined = lock_study(found.pk) if found is not None else None
    if joined is not None:
        _add_what_was_not_told(joined, arrival)
    return joined


def lock_study(study_id: UUID) -> Study | None:
    """The study, locked after its images as a step of a reading locks them; None where it is final or removed.

    To be called in a transaction that holds `lock_clusters`.
    """
    list(Image.objects.select_for_update(no_key=True).filter(study=study_id).order_by("pk").values_list("pk"))
    still_open = Study.objects.filter(pk=study_id, finalised_at=None, purged_at=None)
    return still_open.select_for_update(no_key=True).first()


def _add_what_was_not_told(study: Study, arrival: Arrival) -> None:
    """Keep what an instance says of its study and those before it did not."""
    added = [
        name for name in ("subject_key", "age_band") if not getattr(study, name) and getattr(arrival, name)
    ]
    for name in added:
        setattr(study, name, getattr(arrival, name))
    if added:
        study.save(update_fields=added)


def store_image(
    study: Study, canonical: CanonicalImage, position: int, plane: str = "", facts: FrameFacts | None = None,
    frame: int = 1,
) -> tuple[Image, bool]:  # fmt: skip
    """Store one image with its pixels and what its DICOM said; or, where the collection has its pixels, give that one.

    To be called in a transaction. `frame` is its number within its instance.

    Returns:
        The image, and whether it was stored now.
    """
    phash, mirrored = to_signed(canonical.phash), to_signed(canonical.phash_mirrored)
    identifier = uuid7()
    cluster = assign_cluster(phash=phash, phash_mirrored=mirrored)
    values = {
        "id": identifier,
        "study": study,
        "position": position,
        "stored_bytes": len(canonical.png),
        "width": canonical.width,
        "height": canonical.height,
        "bits": canonical.bits,
        "plane": plane or (facts.plane if facts else ""),
        "window_centre": canonical.window[0] if canonical.window else None,
        "window_width": canonical.window[1] if canonical.window else None,
        "phash": phash,
        "phash_mirrored": mirrored,
        "cluster": cluster,
    }
    image, created = Image.objects.get_or_create(
        collection_id=study.collection_id, pixel_sha256=canonical.pixel_sha256, defaults=values
    )
    if created:
        image.pixels.save(f"images/{identifier}.png", ContentFile(canonical.png))
        if facts is not None:
            DicomFacts.objects.create(image=image, frame=frame, **_kept(facts))
    return image, created


def _kept(facts: FrameFacts) -> dict[str, object]:
    return {name: value for name, value in asdict(facts).items() if name in _KEPT_FACTS}


def finish_study(*, actor: User, study: Study, images: Sequence[Image], analyse: bool = True) -> None:
    """What follows when `images` were stored in a study: their order, their predictions, a line of the audit."""
    if not images:
        return
    order_study(study)
    if analyse:
        queue_predictions(list(images))
    record(
        action="study.uploaded",
        actor=actor,
        target=study,
        collection_id=study.collection_id,
        images=len(images),
    )


def order_study(study: Study) -> None:
    """Number the images of a DICOM study by series, as they came, and within each by slice position."""
    if not study.study_uid:
        return
    images = list(Image.objects.filter(study=study).select_related("dicom").order_by("position", "id"))
    ranks: dict[str, int] = {}
    for image in sorted(images, key=lambda image: image.pk):
        ranks.setdefault(_series_of(image), len(ranks))
    images.sort(key=lambda image: (ranks[_series_of(image)], _slice_of(image)))
    moved = [image for place, image in enumerate(images) if image.position != place]
    for place, image in enumerate(images):
        image.position = place
    Image.objects.bulk_update(moved, ["position"])


def _series_of(image: Image) -> str:
    facts = dicom_facts(image)
    return facts.series_uid if facts else ""


def _slice_of(image: Image) -> float:
    """Where the slice lies; those of which nothing tells come last, in the order in which they came."""
    facts = dicom_facts(image)
    return inf if facts is None or facts.slice_position is None else facts.slice_position
