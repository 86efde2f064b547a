"""Known cases: which images are known now, and as what."""

from django.db.models import Count, Q, QuerySet

from classifier.models import Image
from mriplatform.accounts.models import Collection
from reviews.models import KnownCase, Reading
from reviews.selectors.agreement import active_known_cases


def known_cases(collection: Collection) -> QuerySet[KnownCase]:
    """The images of a collection that are known cases now, newest first, each with how many have read it (`read`)."""
    finished = Q(image__readings__purpose=Reading.Purpose.KNOWN, image__readings__finished_at__isnull=False)
    return (
        active_known_cases()
        .filter(image__collection=collection)
        .select_related("image__study", "set_by")
        .annotate(read=Count("image__readings", filter=finished))
        .order_by("-at", "-id")
    )


def known_case_of(image: Image) -> KnownCase | None:
    """What the image is known as now; None where it is no known case."""
    return active_known_cases().filter(image=image).first()
