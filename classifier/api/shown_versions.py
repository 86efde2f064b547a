"""Model versions, promotions and proposals as the API shows them."""

from typing import Any

from classifier.api.shown import Shown, shown_name
from classifier.models import GateDecision, ModelVersion, Promotion, Proposal
from classifier.selectors import version_in_force
from classifier.selectors.proposals import newest_decision, outcome
from mriplatform.accounts.models import User


def shown_version(version: ModelVersion, current: ModelVersion | None) -> Shown:
    """A model version in a line; `current` is the one in force."""
    evaluations = list(version.evaluations.all())
    return {
        "id": version.pk,
        "number": version.number,
        "name": version.name,
        "in_force": current is not None and current.pk == version.pk,
        "checkpoint_sha256": version.checkpoint_sha256,
        "created_at": version.created_at,
        "accuracy": evaluations[0].figures.get("accuracy") if evaluations else None,
    }


def shown_whole_version(version: ModelVersion, current: ModelVersion | None) -> Shown:
    """A model version with its metadata, evaluations and promotions."""
    evaluated = ("part", "part_sha256", "created_at", "figures")
    return shown_version(version, current) | {
        "metadata": version.metadata,
        "evaluations": [
            {name: getattr(row, name) for name in evaluated} for row in version.evaluations.all()
        ],
        "promotions": [shown_promotion_of(row) for row in version.promotions.all()],
    }


def shown_promotion(promotion: Promotion) -> Shown:
    """A promotion with the version that it put in force."""
    check = promotion.load_check
    return shown_promotion_of(promotion) | {
        "id": promotion.pk,
        "sequence": promotion.sequence,
        "model_version": shown_name(promotion.model_version),
        "proposal": promotion.proposal_id,
        "loaded": None
        if check is None
        else {"at": check.answered_at, "runtime": check.runtime, "device": check.device},
    }


def shown_promotion_of(promotion: Promotion) -> Shown:
    """A promotion of a version that is named beside it."""
    return {
        "at": promotion.at,
        "kind": promotion.kind,
        "reason": promotion.reason,
        "by": _name(promotion.promoted_by),
        "gate": promotion.decision.verdict if promotion.decision else None,
        "override_reason": promotion.override_reason,
    }


def shown_proposal(proposal: Proposal) -> Shown:
    """A proposal: what the gate says of its version beside the one in force now, and what became of it."""
    state, current = outcome(proposal), version_in_force()
    decided: Any = {"approved": "promotion", "declined": "decline"}.get(state)
    decision = getattr(proposal, decided) if decided else None
    return {
        "id": proposal.pk,
        "model_version": shown_name(proposal.version),
        "reason": proposal.reason,
        "by": _name(proposal.proposed_by),
        "at": proposal.at,
        "state": state,
        "gate": _verdict(proposal.decision),
        "gate_now": _verdict(newest_decision(proposal.version, current)),
        "in_force": shown_name(current),
        "decided_by": None
        if decision is None
        else _name(decision.promoted_by if state == "approved" else decision.declined_by),
        "decided_at": decision.at if decision else None,
        "decision_reason": decision.reason if decision else "",
        "override_reason": decision.override_reason if decision is not None and state == "approved" else "",
    }


def _verdict(decision: GateDecision | None) -> Shown | None:
    if decision is None:
        return None
    return {
        "decision": decision.pk,
        "verdict": decision.verdict,
        "incumbent": shown_name(decision.incumbent),
        "at": decision.created_at,
    }


def _name(user: User | None) -> str | None:
    return user.get_username() if user else None
