"""One person proposes a version, another decides."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from classifier.models.gate import GateDecision
from classifier.models.model_version import ModelVersion
from mriplatform.audit.ledger import LedgerModel
from mriplatform.identifiers import uuid7


class Proposal(LedgerModel):
    """A version that somebody would have put in force, and what the gate had said of it then.

    It is open until a promotion names it or somebody declines it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="proposals")
    decision = models.ForeignKey(
        GateDecision, null=True, blank=True, on_delete=models.PROTECT, related_name="proposals"
    )
    reason = models.CharField(max_length=500)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"Proposal of {self.version}"


class Decline(LedgerModel):
    """A proposal that was turned down, by whom and why."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    proposal = models.OneToOneField(Proposal, on_delete=models.PROTECT, related_name="decline")
    reason = models.CharField(max_length=500)
    declined_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"Declined: {self.proposal}"
