"""Brings readings to any step, by the services."""

from uuid import uuid4

from classifier.models import Image
from mriplatform.accounts.models import User
from reviews.models import Reading
from reviews.services.reading import claim_image, commit_first_read, give_verdict, reveal


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
