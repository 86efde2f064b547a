"""Tells the outbox what happened to predictions, studies, runs and versions: identifiers, states and addresses.

Never what the machine answered: whoever is told must ask for it, at a door that knows who they are.
"""

from collections.abc import Iterable

from classifier.models import Prediction, Promotion, Study, TrainingRun
from mriplatform.outbox.kinds import Kind
from mriplatform.outbox.publishing import News, publish, publish_all


def tell_predictions(kind: Kind, predictions: Iterable[Prediction]) -> None:
    """Tell that predictions have succeeded, or failed; the caller has just written so, and holds their rows.

    Whether one is the answer or a comparison is read anew: it may have changed since the caller fetched it.
    """
    ids = [prediction.pk for prediction in predictions]
    if not ids:
        return
    rows = Prediction.objects.select_related("image").only(
        "for_comparison", "image__study", "image__collection"
    )
    now = rows.in_bulk(ids)
    publish_all([_of_prediction(kind, now[pk]) for pk in ids])


def tell_study_final(study: Study) -> None:
    publish(
        kind=Kind.STUDY_FINAL,
        object_id=study.pk,
        collection_id=study.collection_id,
        data={
            "study": str(study.pk),
            "collection": str(study.collection_id),
            "status": "final",
            "address": f"/api/v1/studies/{study.pk}",
        },
    )


def tell_run_ended(run: TrainingRun, status: str) -> None:
    """Tell that a run has succeeded, failed or was cancelled."""
    publish(
        kind=Kind.TRAINING_RUN_FINISHED,
        object_id=run.pk,
        collection_id=run.collection_id,
        data={
            "training_run": str(run.pk),
            "number": run.number,
            # Not its collection: who hears of runs may be no member there.
            "status": str(status),
            "address": f"/api/v1/training-runs/{run.pk}",
        },
    )


def tell_promoted(promotion: Promotion) -> None:
    """Tell that a version was put in force; the caller holds the registry."""
    version = promotion.model_version
    publish(
        kind=Kind.MODEL_VERSION_PROMOTED,
        object_id=version.pk,
        data={
            "model_version": str(version.pk),
            "number": version.number,
            "status": "in_force",
            "by": str(promotion.kind),
            "address": f"/api/v1/model-versions/{version.pk}",
        },
    )


def _of_prediction(kind: Kind, prediction: Prediction) -> News:
    image = prediction.image
    return News(
        kind=kind,
        object_id=prediction.pk,
        collection_id=image.collection_id,
        data={
            "prediction": str(prediction.pk),
            "image": str(image.pk),
            "study": str(image.study_id),
            "collection": str(image.collection_id),
            "status": kind.value.rpartition(".")[2],
            "for_comparison": prediction.for_comparison,
            "address": f"/api/v1/predictions/{prediction.pk}",
        },
    )
