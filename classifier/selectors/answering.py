"""Which prediction of an image is its answer: the one of the version that read when it came, and no other."""

from django.db.models import QuerySet

from classifier.models import Image, Prediction


def answering_rows() -> QuerySet[Prediction]:
    """The predictions that count, at most one for an image; what other versions were asked is not among them."""
    return Prediction.objects.filter(for_comparison=False)


def answering_prediction(image: Image) -> Prediction | None:
    """The prediction of an image that counts, in whatever state; uses the prefetched rows where there are any."""
    return next((row for row in image.predictions.all() if not row.for_comparison), None)
