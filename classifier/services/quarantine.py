"""Images with writing in their pixels are kept apart until a reviewer of the intake has decided."""

from dataclasses import asdict
from uuid import UUID

from django.core.files.base import ContentFile

from classifier.intake import Frame, TakenIn
from classifier.models import QuarantinedImage, Study
from classifier.services.storing import Arrival
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record
from mriplatform.identifiers import uuid7

LABELLED_BY = "labelled_by"
"""What is kept in `arrival` beside `Arrival`: the identifier of whoever brought the label along."""


def put_in_quarantine(
    *,
    actor: User,
    collection: Collection,
    group: UUID,
    study: Study | None,
    frame: Frame,
    taken: TakenIn,
    position: int,
    arrival: Arrival,
) -> QuarantinedImage:
    """Keep a frame apart, with all that is to be given to its image when it leaves here.

    To be called in the transaction that stores the rest of the upload.

    Returns:
        The row, or the one that has these pixels already.
    """
    image, identifier = frame.image, uuid7()
    facts = asdict(frame.facts) if frame.facts else None
    row, created = QuarantinedImage.objects.get_or_create(
        collection=collection,
        pixel_sha256=image.pixel_sha256,
        defaults={
            "id": identifier,
            "group": group,
            "study": study,
            "uploaded_by": actor,
            "origin": arrival.origin,
            "arrival": {
                **asdict(arrival),
                "facts": facts,
                "frame": frame.number,
                **_labeller(arrival, actor),
            },
            "position": position,
            "stored_bytes": len(image.png),
            "width": image.width,
            "height": image.height,
            "bits": image.bits,
            "plane": arrival.plane or (frame.facts.plane if frame.facts else ""),
            "window_centre": image.window[0] if image.window else None,
            "window_width": image.window[1] if image.window else None,
            "cause": QuarantinedImage.Cause.TEXT if frame.boxes else QuarantinedImage.Cause.DECLARED,
            "boxes": [list(box) for box in frame.boxes],
        },
    )
    if created:
        row.pixels.save(f"quarantine/{identifier}.png", ContentFile(image.png))
        record(
            action="image.quarantined", actor=actor, target=row, collection_id=collection.pk, cause=row.cause
        )
    return row


def keep_label(row: QuarantinedImage, arrival: Arrival, *, actor: User) -> None:
    """Keep with what waits the label that the same pixels were sent with again; the newest counts, as of an image.

    Said again of the same data set, it stays that of whoever said it first.

    To be called in a transaction that holds `lock_clusters`, as whoever decides about it does.
    """
    said = {"label": arrival.label, "dataset": arrival.dataset}
    if arrival.label and not said.items() <= row.arrival.items():
        row.arrival = {**row.arrival, **said, **_labeller(arrival, actor)}
        row.save(update_fields=["arrival"])


def _labeller(arrival: Arrival, actor: User) -> dict[str, str]:
    """Who says what the images came labelled with; whoever lets one out says nothing of it."""
    return {LABELLED_BY: str(actor.pk)} if arrival.label else {}
