"""The machine reader's records."""

from classifier.models.archive import Archive, ArchiveEntry, ArchivePart
from classifier.models.dicom import DicomFacts, ReceiptLine, SequenceFamily
from classifier.models.gate import GateDecision, GateRequest, GateRule
from classifier.models.load_check import LoadCheck
from classifier.models.model_version import Evaluation, ModelVersion, Promotion
from classifier.models.prediction import JobStatus, Prediction
from classifier.models.proposal import Decline, Proposal
from classifier.models.quarantine import QuarantinedImage
from classifier.models.shadow import Shadow
from classifier.models.stored_file import StoredFile
from classifier.models.study import Image, Origin, Plane, Study
from classifier.models.trace_line import TraceLine
from classifier.models.training_run import RunStatus, TrainingRun
from classifier.models.version_choice import VersionChoice
from ml.labels import NOT_ASSESSABLE

__all__ = [
    "NOT_ASSESSABLE",
    "Archive",
    "ArchiveEntry",
    "ArchivePart",
    "Decline",
    "DicomFacts",
    "Evaluation",
    "GateDecision",
    "GateRequest",
    "GateRule",
    "Image",
    "JobStatus",
    "LoadCheck",
    "ModelVersion",
    "Origin",
    "Plane",
    "Prediction",
    "Promotion",
    "Proposal",
    "QuarantinedImage",
    "ReceiptLine",
    "RunStatus",
    "SequenceFamily",
    "Shadow",
    "StoredFile",
    "Study",
    "TraceLine",
    "TrainingRun",
    "VersionChoice",
]
