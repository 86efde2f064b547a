"""The words and keys that the reading pages use for what can be said."""

from typing import Final

from ml.labels import CLASSES, DISPLAY_NAMES
from reviews.models import Location, Reason, ReviewEvent, WithdrawalReason

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


# Of the form that takes a verdict back, where nothing else is chosen.
WITHDRAWAL_KEYS: Final = {
    WithdrawalReason.SLIP: "s",
    WithdrawalReason.NO_LONGER_SURE: "l",
    WithdrawalReason.OTHER: "o",
}
UNDONE: Final = "undo"


def in_sentence(answer: str) -> str:
    """An answer's name inside a sentence: "meningioma"."""
    return NAMES[answer].lower()


def said_in(event: ReviewEvent) -> str:
    """The name of what an event says of the image: "Meningioma", "Not assessable"; empty for a reveal."""
    return NAMES.get(event.label or event.verdict, "")


def found_in(image_quality: str, location: str, shape: str) -> str:
    """Quality, location and region in words: "image limited, temporal, box marked"; empty where nothing is said."""
    quality = dict(ReviewEvent.Quality.choices).get(image_quality)
    place = dict(Location.choices).get(location)
    words = (
        f"image {quality.lower()}" if quality else "",
        _lower_first(place) if place else "",
        f"{shape} marked" if shape else "",
    )
    return ", ".join(word for word in words if word)


def reason_in(event: ReviewEvent) -> str:
    """Why something was said or taken back, inside a sentence; empty where no reason belongs to it."""
    if not event.reason or event.reason == UNDONE:
        return ""
    return "other reason" if event.reason == Reason.OTHER else _lower_first(str(event.get_reason_display()))


def _lower_first(words: str) -> str:
    return words if words.startswith("I ") else words[:1].lower() + words[1:]
