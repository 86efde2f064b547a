"""Putting a version in force takes two people and the gate; going back takes one action.

Every decision holds the registry, so that they follow each other. What it rests on is asked for before that, because
a worker's word takes a moment, and looked at again afterwards, because somebody may have decided meanwhile.
"""

from django.db import transaction

from classifier.exceptions import PlatformError, StateConflict
from classifier.models import Decline, GateDecision, LoadCheck, ModelVersion, Promotion, Proposal
from classifier.selectors import version_before, version_in_force
from classifier.selectors.proposals import newest_decision, open_proposals, outcome
from classifier.services.load_checks import require_loadable
from classifier.services.registry import hold_registry, put_in_force, require_reason
from mriplatform.accounts.models import User
from mriplatform.audit.recording import record


@transaction.atomic
def propose(*, actor: User, version: ModelVersion, reason: str) -> Proposal:
    """Propose that a version be put in force, with what the gate says of it beside the one in force now.

    Raises:
        StateConflict: it is in force already, it is proposed already, or no reason was given.
    """
    reason = require_reason(reason)
    hold_registry()
    current = version_in_force()
    if current == version:
        raise StateConflict(f"Version {version.number} is in force already.", code="already_in_force")
    if open_proposals().filter(version=version).exists():
        raise StateConflict(
            f"Version {version.number} is proposed already, and nobody has decided yet.",
            code="already_proposed",
        )
    decision = newest_decision(version, current)
    proposal = Proposal.objects.create(version=version, decision=decision, reason=reason, proposed_by=actor)
    record(
        action="version.proposed", actor=actor, target=proposal, number=version.number, reason=reason,
        in_force=current.number if current else None, gate=decision.verdict if decision else None,
    )  # fmt: skip
    return proposal


def approve(*, actor: User, proposal: Proposal, reason: str, override_reason: str = "") -> Promotion:
    """Put a proposed version in force.

    Args:
        actor: a different person than who proposed it.
        override_reason: why it is put in force although the gate did not pass it beside the version in force now.
            It is shown with the version for ever.

    Raises:
        PlatformError: the proposer themselves; no worker could say whether it loads the version.
        StateConflict: the proposal was decided, the version is in force, or the gate did not pass it and nobody
            says why that does not count.
        CheckpointRefused: the checkpoint is missing or altered, or a worker could not load it.
    """
    reason, override_reason = require_reason(reason), override_reason.strip()[:500]
    check = prepare_approval(actor=actor, proposal=proposal, override_reason=override_reason)
    with transaction.atomic():
        hold_registry()
        decision = _approvable(actor, proposal, override_reason)
        return put_in_force(
            actor=actor,
            version=proposal.version,
            reason=reason,
            kind=Promotion.Kind.PROMOTE,
            proposal=proposal,
            decision=decision,
            override_reason=override_reason,
            load_check=check,
        )


def prepare_approval(*, actor: User, proposal: Proposal, override_reason: str = "") -> LoadCheck:
    """What an approval waits for: a worker's word, which counts for some minutes.

    Raises:
        PlatformError: as `approve` does; nothing was changed.
    """
    _approvable(actor, proposal, override_reason.strip()[:500])
    return require_loadable(actor=actor, version=proposal.version)


@transaction.atomic
def decline(*, actor: User, proposal: Proposal, reason: str) -> Decline:
    """Turn a proposal down; whoever made it may take it back so.

    Raises:
        StateConflict: it was decided already, or no reason was given.
    """
    reason = require_reason(reason)
    hold_registry()
    _require_open(proposal)
    declined = Decline.objects.create(proposal=proposal, reason=reason, declined_by=actor)
    record(
        action="version.declined", actor=actor, target=proposal, number=proposal.version.number, reason=reason
    )
    return declined


def roll_back(*, actor: User | None, reason: str, expected: int | None = None) -> Promotion:
    """Put the version in force again that the newest promotion replaced, after a worker has loaded it.

    Args:
        expected: the number of the version that was announced; without it, whichever it is now.

    Raises:
        StateConflict: there is no earlier version, it is not the expected one any more, or no reason was given.
        CheckpointRefused: its checkpoint is missing or altered, or a worker could not load it.
        PlatformError: no worker could say whether it loads.
    """
    reason = require_reason(reason)
    check = prepare_roll_back(actor=actor, expected=expected)
    with transaction.atomic():
        hold_registry()
        return put_in_force(
            actor=actor,
            version=_replaced(check.model_version.number if expected is None else expected),
            reason=reason,
            kind=Promotion.Kind.ROLL_BACK,
            load_check=check,
        )


def prepare_roll_back(*, actor: User | None, expected: int | None = None) -> LoadCheck:
    """What a roll-back waits for, as an approval does.

    Raises:
        PlatformError: as `roll_back` does; nothing was changed.
    """
    return require_loadable(actor=actor, version=_replaced(expected))


def _replaced(expected: int | None) -> ModelVersion:
    """The version that a roll-back puts in force; refused where it is not the expected one."""
    replaced = version_before()
    if replaced is None:
        raise StateConflict("There is no earlier version to go back to.", code="nothing_to_roll_back")
    if expected not in (None, replaced.number):
        raise StateConflict(
            f"Somebody decided meanwhile: to roll back would put version {replaced.number} in force now, not version "
            f"{expected}. Look again, then decide.",
            code="roll_back_changed",
        )
    return replaced


def _approvable(actor: User, proposal: Proposal, override_reason: str) -> GateDecision | None:
    """What the gate says of a proposed version beside the one in force, where that and the actor let it be approved."""
    _require_open(proposal)
    if proposal.proposed_by_id == actor.pk:
        raise PlatformError(
            "You proposed this version, so somebody else has to decide.", code="same_person", status=403
        )
    version, current = proposal.version, version_in_force()
    if current == version:
        raise StateConflict(f"Version {version.number} is in force already.", code="already_in_force")
    decision = newest_decision(version, current)
    passed = decision is not None and decision.verdict == GateDecision.Verdict.PASS
    if passed and override_reason:
        raise StateConflict(
            "The gate passed this version, so there is nothing to override. Leave the override's reason empty.",
            code="nothing_to_override",
        )
    if not passed and not override_reason:
        raise _not_passed(version, current, decision)
    return decision


def _not_passed(
    version: ModelVersion, current: ModelVersion | None, decision: GateDecision | None
) -> StateConflict:
    if current is None:
        said, code = "No version is in force that the gate could compare it with.", "not_judged"
    elif decision is None:
        said, code = (
            f"The gate has not judged version {version.number} beside version {current.number}, which is in force now. "
            "Have it judged again.",
            "not_judged",
        )
    else:
        said, code = (
            f"The gate's verdict of version {version.number} beside version {current.number} is: "
            f"{decision.get_verdict_display().lower()}.",
            "gate_not_passed",
        )
    return StateConflict(f"{said} To put it in force all the same, say why in an override.", code=code)


def _require_open(proposal: Proposal) -> None:
    decided = outcome(Proposal.objects.select_related("promotion", "decline").get(pk=proposal.pk))
    if decided != "open":
        raise StateConflict(f"This proposal was {decided} already.", code="proposal_decided")
