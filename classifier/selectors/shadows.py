"""Which versions answer live images unseen."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from classifier.models import JobStatus, ModelVersion, Prediction, Shadow
from mriplatform.accounts.models import Collection


def shadows_over(collections: Iterable[UUID]) -> dict[UUID, list[ModelVersion]]:
    """The versions in the shadow of each collection now; a collection without one is not there."""
    found: dict[UUID, list[ModelVersion]] = {}
    lasting = Shadow.objects.filter(collection__in=list(collections), ended_at=None)
    for shadow in lasting.select_related("model_version").defer("model_version__metadata").order_by("pk"):
        found.setdefault(shadow.collection_id, []).append(shadow.model_version)
    return found


def shadows_of(collection: Collection) -> QuerySet[Shadow]:
    """The shadows of a collection, newest first, each with how many images it was asked about and has answered."""
    asked = Prediction.objects.filter(
        model_version=OuterRef("model_version"), image__collection=OuterRef("collection"), for_comparison=True
    ).filter(_in_time())
    counts = {
        "asked": Count("pk"),
        "answered": Count("pk", filter=Q(status=JobStatus.SUCCEEDED)),
    }
    return (
        Shadow.objects.filter(collection=collection)
        .select_related("model_version", "started_by", "ended_by")
        .defer("model_version__metadata")
        .annotate(**{name: Coalesce(_counted(asked, what), 0) for name, what in counts.items()})
        .order_by("-started_at", "-id")
    )


def _in_time() -> Q:
    """Images that came in the shadow's time."""
    until = Coalesce(OuterRef("ended_at"), Now())
    return Q(image__created_at__gte=OuterRef("started_at"), image__created_at__lte=until)


def _counted(rows: QuerySet[Prediction], what: Count) -> Subquery:
    return Subquery(rows.order_by().values("model_version").annotate(found=what).values("found"))
