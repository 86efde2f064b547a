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


class GateRequest(models.Model):
    """Work that the gate was asked for beside a run; while it is queued, the row is the job.

    A *judgement* measures a registered version anew beside what reads now, since the incumbent may be another than
    the one it was judged with. A *curve* measures what fewer labels of a run would have given. States:
    `queued → running → succeeded | failed`; who finds a lease expired takes the work over, `attempt` fences whoever
    lost it.
    """

    class Kind(models.TextChoices):
        JUDGEMENT = "judgement", "Judge again"
        CURVE = "curve", "Learning curve"

    class Status(models.TextChoices):
        QUEUED = "queued", "In line"
        RUNNING = "running", "Working"
        SUCCEEDED = "succeeded", "Finished"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    version = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="gate_requests"
    )
    training_run = models.ForeignKey(
        "classifier.TrainingRun",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="gate_requests",
    )
    decision = models.ForeignKey(
        GateDecision, null=True, blank=True, on_delete=models.PROTECT, related_name="requests"
    )
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    failure_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["version"],
                condition=models.Q(kind="judgement", status__in=["queued", "running"]),
                name="gate_judges_once_at_a_time",
            ),
            models.UniqueConstraint(
                fields=["training_run"],
                condition=models.Q(kind="curve", status__in=["queued", "running"]),
                name="gate_draws_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="judgement", version__isnull=False)
                | models.Q(kind="curve", training_run__isnull=False),
                name="gate_request_is_about_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.get_status_display()})"
