"""The newest figures of a collection, as far as somebody may see them, and which collections' are due."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from django.db.models import DateTimeField, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from classifier.models import Image, Shadow
from mriplatform.accounts.models import Collection, User
from reviews.figures.data import Figures
from reviews.figures.whole import FORM
from reviews.models import Adjudication, FigureRequest, FigureSnapshot, KnownCase, ReviewEvent

FRESH: Final = timedelta(hours=24)
"""How old figures may be although something was said since."""

_MEASURED: Final = ("with_machine", "with_without", "change", "automation_bias", "confidence", "seconds")
_MODEL: Final = ("model_accuracy", "truth_paths", "calibration", "calibration_error")
_DRIFT: Final = ("class_mix", "mix_drift", "input_drift", "embedding_drift")
OWN: Final = ("with_themselves", "known_cases", *_MEASURED)
POOLED: Final = ("between_readers", *_MEASURED, *_MODEL)
SHADOW: Final = ("shadow_reads", "shadow_difference", "shadow_labels")
EVERYTHING: Final = (
    *("between_readers", "pairs_of_readers", "with_themselves", "known_cases"),
    *(*_MEASURED, "by_reader", *_MODEL, *_DRIFT),
)


@dataclass(frozen=True)
class ShownFigures:
    """Figures for one person.

    Attributes:
        snapshot: what they are from, without its content; None as long as there is none.
        figures: by name, in the order in which they are shown; one without rows cannot be known yet.
        waiting: somebody asked for newer ones, which are not there yet.
    """

    snapshot: FigureSnapshot | None
    figures: Figures
    waiting: bool


def everything(collection: Collection) -> ShownFigures:
    """All pooled figures, for those who may see every answer in the collection anyway.

    Those of versions in the shadow are among them where there ever was one.
    """
    shadowed = Shadow.objects.filter(collection=collection).exists()
    return _shown(collection, "everything", EVERYTHING + SHADOW * shadowed)


def of_shadow(collection: Collection, version: int) -> ShownFigures:
    """What the newest snapshot says of one version in the shadow of a collection."""
    shown = _shown(collection, "everything", SHADOW)
    figures = {
        name: [row for row in rows if row["version"] == version] for name, rows in shown.figures.items()
    }
    return replace(shown, figures=figures)


def closed(collection: Collection) -> ShownFigures:
    """For readers and adjudicators: pooled over images that nobody reads any more, and over enough of them."""
    return _shown(collection, "closed", POOLED)


def own(collection: Collection, reader: User) -> ShownFigures:
    """A reader's own figures, for nobody else."""
    snapshot = _newest(collection).first()
    found: Figures = {}
    if snapshot is not None:
        number = snapshot.content["numbers"].get(str(reader.pk))
        found = snapshot.content["readers"].get(str(number), {})
    return ShownFigures(
        snapshot, {name: found.get(name, []) for name in OWN}, open_request(collection) is not None
    )


def open_request(collection: Collection) -> FigureRequest | None:
    """The newest request that no snapshot has answered yet."""
    newest = _newest(OuterRef("collection")).values("computed_at")[:1]
    requests = FigureRequest.objects.filter(collection=collection).alias(newest=Subquery(newest))
    return requests.filter(Q(newest=None) | Q(at__gt=Subquery(newest))).order_by("-at").first()


def collections_with_due_figures() -> QuerySet[Collection]:
    """Those whose figures somebody asked for; then those in which something happened and whose are a day old."""
    newest = _newest(OuterRef("pk")).values("computed_at")[:1]
    asked = FigureRequest.objects.filter(collection=OuterRef("pk"), at__gt=OuterRef("newest"))
    ever = FigureRequest.objects.filter(collection=OuterRef("pk"))
    return (
        Collection.objects.annotate(newest=Subquery(newest, output_field=DateTimeField()))
        .annotate(asked=Exists(asked) | Q(Exists(ever), newest=None))
        .filter(
            Q(asked=True)
            | Q(_happened(), newest=None)
            | Q(_happened(since="newest"), newest__lt=Now() - FRESH)
        )
        .order_by("-asked", "newest", "pk")
    )


def _happened(since: str = "") -> Q:
    """Whether an image came, or somebody said, decided or set something, since then or ever."""
    paths = (
        (Image, "collection", "created_at"),
        (ReviewEvent, "reading__image__collection", "at"),
        (Adjudication, "image__collection", "at"),
        (KnownCase, "image__collection", "at"),
    )
    found = Q()
    for model, path, moment in paths:
        newer = {f"{moment}__gt": OuterRef(since)} if since else {}
        found |= Q(Exists(model._default_manager.filter(**{path: OuterRef("pk")}, **newer)))
    return found


def _shown(collection: Collection, part: str, names: tuple[str, ...]) -> ShownFigures:
    snapshot = _newest(collection).first()
    found: Figures = snapshot.content[part] if snapshot is not None else {}
    return ShownFigures(
        snapshot, {name: found.get(name, []) for name in names}, open_request(collection) is not None
    )


def _newest(collection: Collection | OuterRef) -> QuerySet[FigureSnapshot]:
    """Snapshots of the form that can be shown, newest first."""
    return FigureSnapshot.objects.filter(collection=collection, content__form=FORM).order_by(
        "-computed_at", "-id"
    )
