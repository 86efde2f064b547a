"""The words and keys that the reading pages use for what can be said."""

from typing import Final

from ml.labels import CLASSES, DISPLAY_NAMES
from reviews.models import Reason, ReviewEvent

NOT_ASSESSABLE: Final = ReviewEvent.Verdict.NOT_ASSESSABLE.value
NAMES: Final = {**DISPLAY_NAMES, NOT_ASSESSABLE: ReviewEvent.Verdict.NOT_ASSESSABLE.label}
# In the order of the classes, so that a key means the same on every page and in every collection.
LABEL_KEYS: Final = {name: str(number) for number, name in enumerate(CLASSES, start=1)} | {
    NOT_ASSESSABLE: "0"
}
# Digits too, beside those of the labels: J and K turn over the images of a study.
CONFIDENCE_KEYS: Final = {
    ReviewEvent.Confidence.UNSURE: "7",
    ReviewEvent.Confidence.FAIRLY_SURE: "8",
    ReviewEvent.Confidence.SURE: "9",
}
# Letters that the viewer and the other steps leave free.
REASON_KEYS: Final = {
    Reason.MORPHOLOGY: "s",
    Reason.LOCATION: "l",
    Reason.ENHANCEMENT: "e",
    Reason.IMAGE_QUALITY: "g",
    Reason.KNOWN_HISTORY: "y",
    Reason.PERSUADED_BY_MODEL: "m",
    Reason.OTHER: "o",
}


def in_sentence(answer: str) -> str:
    """An answer's name inside a sentence: "meningioma"."""
    return NAMES[answer].lower()


def said_in(event: ReviewEvent) -> str:
    """The name of what an event says of the image: "Meningioma", "Not assessable"; empty for a reveal."""
    return NAMES.get(event.label or event.verdict, "")
