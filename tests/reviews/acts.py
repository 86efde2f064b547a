"""Brings readings to any step, by the services."""

from typing import Any
from uuid import uuid4

from classifier.models import Image
from mriplatform.accounts.models import User
from reviews.models import Reading, ReviewEvent
from reviews.services.reading import claim_image, commit_first_read, give_verdict, reveal


def found(reading: Reading, **findings: Any) -> ReviewEvent:
    """Amends a reading by a row of the ledger that carries findings, whatever the forms ask for by now."""
    verdict = reading.events.get(kind="verdict")
    return ReviewEvent.objects.create(
        reading=reading, sequence=reading.events.count() + 1, kind="amendment", label=verdict.label,
        verdict=verdict.verdict, reason="location", supersedes=verdict, **findings,
    )  # fmt: skip


class Read:
    """Brings readings to a step: `read.first(reader, image)`, `read.revealed(…)`, `read.finished(…, label=…)`."""

    def claimed(self, reader: User, image: Image) -> Reading:
        return claim_image(reader=reader, image=image)

    def first(self, reader: User, image: Image, label: str = "meningioma") -> Reading:
        reading = self.claimed(reader, image)
        commit_first_read(reader=reader, reading=reading, label=label, confidence=2, idempotency_key=uuid4())
        return reading

    def revealed(self, reader: User, image: Image, label: str = "meningioma") -> Reading:
        reading = self.first(reader, image, label)
        reveal(reader=reader, reading=reading)
        return reading

    def finished(self, reader: User, image: Image, label: str = "meningioma") -> Reading:
        """A reading whose first read and verdict are both `label`, or `not_assessable`."""
        reading = self.revealed(reader, image, label)
        machine = image.predictions.get().label
        if label == "not_assessable":
            said = {"verdict": "not_assessable"}
        elif label == machine:
            said = {"verdict": "confirm"}
        else:
            said = {"verdict": "correct", "label": label, "reason": "morphology"}
        give_verdict(reader=reader, reading=reading, idempotency_key=uuid4(), **said)
        reading.refresh_from_db()
        return reading
