"""What a recipe makes of a base version and examples."""

from dataclasses import dataclass
from typing import Any

from classifier.jobs.parts import TestPart
from classifier.jobs.training.trace import Handed
from ml.checkpoint import Checkpoint


@dataclass(frozen=True)
class Made:
    """A candidate before anybody has registered it.

    Attributes:
        archive: its bytes.
        checkpoint: the same, read back and verified.
        test: the manifest's locked part, as the candidate and the incumbent see it.
        handed: what really was in the arrays of the fit and of the measurement.
        report: figures for the run's report.
    """

    archive: bytes
    checkpoint: Checkpoint
    test: TestPart
    handed: Handed
    report: dict[str, Any]
