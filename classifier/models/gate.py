"""The written rule a candidate is judged by, and what it was judged."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from classifier.models.model_version import ModelVersion
from mriplatform.audit.ledger import LedgerModel
from mriplatform.identifiers import uuid7


class GateRule(LedgerModel):
    """A version of the rule, in the shape of a predetermined change control plan. The newest row is the one to use.

    `allowed_change` says what a candidate may differ in, `protocol` how it is measured, `impact` what a wrong change
    could do and what stands against that. `criteria` holds the bounds that `ml.gate` reads. A training run names its
    rule when it starts, so that nobody fits the rule to the figures.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField(unique=True)
    allowed_change = models.TextField(max_length=2000)
    protocol = models.TextField(max_length=4000)
    criteria = models.JSONField()
    impact = models.TextField(max_length=4000)
    written_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"Gate rule {self.number}"


class GateDecision(LedgerModel):
    """What the gate answered of a candidate beside an incumbent, each criterion with its figures.

    `criteria` is a list of objects: `name`, `answer` (as `verdict`), `sentence`, `figures`. `parts` names the locked
    parts that both were measured on (`part`, `sha256`, `n`), `figures` what the comparison found there.
    """

    class Verdict(models.TextChoices):
        PASS = "pass", "Passed"
        FAIL = "fail", "Failed"
        INSUFFICIENT = "insufficient", "Too little to say"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    training_run = models.ForeignKey(
        "classifier.TrainingRun",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="gate_decisions",
    )
    candidate = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="gate_decisions")
    incumbent = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    rule = models.ForeignKey(GateRule, on_delete=models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=12, choices=Verdict.choices)
    criteria = models.JSONField()
    parts = models.JSONField()
    figures = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.candidate} beside {self.incumbent}: {self.get_verdict_display()}"
