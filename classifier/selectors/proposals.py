"""What was proposed, what became of it, and what the gate says of it beside what is in force now."""

from django.db.models import QuerySet

from classifier.models import GateDecision, ModelVersion, Promotion, Proposal
from classifier.selectors.gate import decision_beside


def proposals() -> QuerySet[Proposal]:
    """All proposals, newest first, with what became of them."""
    return Proposal.objects.select_related(
        "version",
        "proposed_by",
        "decision",
        "decision__incumbent",
        "decline",
        "decline__declined_by",
        "promotion",
        "promotion__promoted_by",
    ).order_by("-at", "-id")


def open_proposals() -> QuerySet[Proposal]:
    """The proposals that nobody has decided yet."""
    return proposals().filter(decline=None, promotion=None)


def outcome(proposal: Proposal) -> str:
    """`open`, `approved` or `declined`."""
    if getattr(proposal, "promotion", None) is not None:
        return "approved"
    return "declined" if getattr(proposal, "decline", None) is not None else "open"


def newest_decision(version: ModelVersion, incumbent: ModelVersion | None) -> GateDecision | None:
    """What the gate said last of a version beside another one; None where it never compared them."""
    return None if incumbent is None else decision_beside(version, incumbent)


def overrides_of(version: ModelVersion) -> QuerySet[Promotion]:
    """The promotions by which a version was put in force against the gate, newest first."""
    rows = Promotion.objects.filter(model_version=version).exclude(override_reason="")
    return rows.select_related("promoted_by").order_by("-sequence")
