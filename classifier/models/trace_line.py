"""What became of each line of a manifest in the run that learned from it."""

from django.db import models

from classifier.models.study import Image
from classifier.models.training_run import TrainingRun
from mriplatform.audit.ledger import LedgerModel


class TraceLine(LedgerModel):
    """One line of a run's manifest and how the run used it, written where the run finishes and never changed.

    A table of its own, so that one image can be followed through all runs without reading their reports. `number` is
    the line's place in the manifest, from 1; `image` is empty where the platform has none with its pixels.
    """

    class Used(models.TextChoices):
        TRAIN = "train", "Training"
        VALIDATION = "validation", "Validation"
        TEST = "test", "Test"
        EXCLUDED = "excluded", "Excluded"

    run = models.ForeignKey(TrainingRun, on_delete=models.PROTECT, related_name="trace_lines")
    number = models.PositiveIntegerField()
    image = models.ForeignKey(
        Image, null=True, blank=True, on_delete=models.PROTECT, related_name="trace_lines"
    )
    pixel_sha256 = models.CharField(max_length=64)
    label = models.CharField(max_length=20, blank=True)
    used_as = models.CharField(max_length=10, choices=Used.choices)
    reason = models.CharField(max_length=300, blank=True)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["run_id", "number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="trace_line_once")]

    def __str__(self) -> str:
        return f"{self.run}, line {self.number}: {self.get_used_as_display()}"
