"""What events there are."""

from typing import Final

from django.db import models


class Kind(models.TextChoices):
    PREDICTION_SUCCEEDED = "prediction.succeeded", "A prediction has succeeded"
    PREDICTION_FAILED = "prediction.failed", "A prediction has failed"
    REVIEW_SUBMITTED = "review.submitted", "A review was submitted"
    STUDY_FINAL = "study.final", "A study has become final"
    TRAINING_RUN_FINISHED = "training_run.finished", "A training run has ended"
    MODEL_VERSION_PROMOTED = "model_version.promoted", "A model version was put in force"


TEST: Final = "webhook.test"
"""Sent by hand to one endpoint; nobody subscribes to it."""

PREDICTIONS: Final = frozenset({Kind.PREDICTION_SUCCEEDED, Kind.PREDICTION_FAILED})
OF_THE_PLATFORM: Final = frozenset({Kind.TRAINING_RUN_FINISHED, Kind.MODEL_VERSION_PROMOTED})
"""What an endpoint without a collection may be told of."""
OF_A_COLLECTION: Final = frozenset(Kind) - {Kind.MODEL_VERSION_PROMOTED}
"""What an endpoint of a collection may be told of."""
RELEASING: Final = frozenset({Kind.STUDY_FINAL})
"""After one of these, deliveries that were held until its object changed are looked at again."""
