"""The machine reader's records."""

from classifier.models.model_version import Evaluation, ModelVersion, Promotion
from classifier.models.prediction import JobStatus, Prediction
from classifier.models.stored_file import StoredFile
from classifier.models.study import Image, Origin, Study
from classifier.models.training_run import TrainingRun
from classifier.models.version_choice import VersionChoice
from ml.labels import NOT_ASSESSABLE

__all__ = [
    "NOT_ASSESSABLE",
    "Evaluation",
    "Image",
    "JobStatus",
    "ModelVersion",
    "Origin",
    "Prediction",
    "Promotion",
    "StoredFile",
    "Study",
    "TrainingRun",
    "VersionChoice",
]
