"""Known cases: which images are known now, and as what."""

from django.db.models import Count, Q, QuerySet

from classifier.models import Image
from classifier.selectors.same_pixels import same_pixels_read_by
from mriplatform.accounts.models import Collection
from mriplatform.accounts.selectors import Visitor
from reviews.models import KnownCase, Reading
from reviews.selectors.agreement import active_known_cases


def known_cases(collection: Collection, user: Visitor | None) -> QuerySet[KnownCase]:
    """The images of a collection that are known cases now, newest first, each with how many have read it (`read`).

    Args:
        user: who is shown them: what they read of the same pixels, in another collection, is left out. None where
            nobody in particular is.
    """
    finished = Q(image__readings__purpose=Reading.Purpose.KNOWN, image__readings__finished_at__isnull=False)
    return (
        active_known_cases()
        .filter(~same_pixels_read_by(user, at="image__"), image__collection=collection)
        .select_related("image__study", "set_by")
        .annotate(read=Count("image__readings", filter=finished))
        .order_by("-at", "-id")
    )


def known_case_of(image: Image) -> KnownCase | None:
    """What the image is known as now; None where it is no known case."""
    return active_known_cases().filter(image=image).first()
