"""The gate's rule, written in versions, and what a candidate was judged by it."""

from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Max

from classifier.exceptions import PlatformError, StateConflict
from classifier.models import GateDecision, GateRequest, GateRule, ModelVersion, TrainingRun
from classifier.services.registry import record_evaluation
from ml.gate import DEFAULT_CRITERIA, CriteriaError, read_criteria
from mriplatform.accounts.models import User
from mriplatform.audit.recording import record

_RULE_LOCK: Final = 0x6D7269_67617465  # "mri gate"

FIRST_RULE: Final = {
    "allowed_change": (
        "The head of the network in force, fitted anew to labels that readers gave (recipe head), or the weights of "
        "the same network, trained on from there (recipe fine_tune). What the model is for, its four classes, what it "
        "takes as input and how that is prepared stay as they are."
    ),
    "protocol": (
        "Candidate and incumbent answer for the same locked images in the same job: the reference part that came with "
        "the checkpoint and the test part of this platform's own images, pooled. A candidate with another network is "
        "measured on this platform's own test images alone, from their pixels. Subjects and clusters of "
        "near-duplicates are never cut, and resampled whole. Every use of a locked part is recorded and counted. The "
        "rule is named when a run starts, before anything is learned."
    ),
    "impact": (
        "A candidate that reads worse than the model in force would mislead readers who see its answer, most of all in "
        "the class that it lost; hence a bound for each class beside those for the whole. A candidate that knows the "
        "locked images, or goes by the source of an image, looks better than it is; hence the audits. Against what no "
        "figure shows stand a second person's approval, the comparison with blinded reads in the shadow, and the "
        "roll-back in one step."
    ),
}
"""What the rule says that an installation starts with; its bounds are `ml.gate.DEFAULT_CRITERIA`."""

_LONGEST: Final = {"allowed_change": 2000, "protocol": 4000, "impact": 4000}
_NAMES: Final = {"allowed_change": "what may change", "protocol": "the protocol", "impact": "the impact"}


class RuleRefused(PlatformError):
    """A rule that cannot be written; the sentence names what is wrong with it."""

    code = "rule_refused"
    status = 400


@dataclass(frozen=True)
class Measured:
    """What one version was measured on, to be recorded as a use of that part."""

    part: str
    part_sha256: str
    side: str
    figures: dict[str, Any]


@dataclass(frozen=True)
class JudgedCandidate:
    """What the gate found, before it is recorded.

    Attributes:
        incumbent: what the candidate was compared with.
        rule: what it was judged by.
        criteria: a list of objects `name`, `answer`, `sentence`, `figures`.
        parts: of each locked part `part`, `sha256`, `n`, `subjects`.
        figures: `candidate` and `incumbent` on all locked images, and the `differences`.
        evaluations: of each part and side, to be recorded.
    """

    incumbent: ModelVersion
    rule: GateRule
    verdict: str
    criteria: list[dict[str, Any]]
    parts: list[dict[str, Any]]
    figures: dict[str, Any] = field(default_factory=dict)
    evaluations: list[Measured] = field(default_factory=list)


def current_rule() -> GateRule:
    """The newest rule; where there is none yet, the one that every installation starts with is written."""
    newest = GateRule.objects.order_by("-number").first()
    return newest or _write(actor=None, criteria=dict(DEFAULT_CRITERIA), **FIRST_RULE, expected=0)


def write_rule(
    *,
    actor: User,
    allowed_change: str,
    protocol: str,
    criteria: dict[str, Any],
    impact: str,
    expected: int | None = None,
) -> GateRule:
    """Write the next version of the rule. Runs that were started before keep the one that they named.

    Args:
        criteria: every bound of `ml.gate.BOUNDS`.
        expected: the number of the rule that this one was written to replace; without it, whichever it is.

    Raises:
        RuleRefused: a text is missing or too long, or a bound is missing, unknown or out of range.
        StateConflict: somebody wrote another rule meanwhile.
    """
    texts = {"allowed_change": allowed_change, "protocol": protocol, "impact": impact}
    wrong = [f"Say {_NAMES[key]}." for key, text in texts.items() if not text.strip()]
    wrong += [
        f"{_NAMES[key].capitalize()} may have at most {_LONGEST[key]} characters."
        for key, text in texts.items()
        if len(text) > _LONGEST[key]
    ]
    try:
        bounds = read_criteria(criteria, complete=True)
    except CriteriaError as error:
        wrong.append(str(error))
    if wrong:
        raise RuleRefused(" ".join(wrong))
    current_rule()
    return _write(actor=actor, criteria=bounds, expected=expected, **texts)


@transaction.atomic
def record_decision(
    *, run: TrainingRun | None, candidate: ModelVersion, judged: JudgedCandidate
) -> GateDecision:
    """Record a verdict, and with it that both versions were measured on each locked part."""
    for measured in judged.evaluations:
        record_evaluation(
            version=candidate if measured.side == "candidate" else judged.incumbent, part=measured.part,
            part_sha256=measured.part_sha256, figures=measured.figures, training_run=run,
        )  # fmt: skip
    decision = GateDecision.objects.create(
        training_run=run,
        candidate=candidate,
        incumbent=judged.incumbent,
        rule=judged.rule,
        verdict=judged.verdict,
        criteria=judged.criteria,
        parts=judged.parts,
        figures=judged.figures,
    )
    if run is not None and run.recipe.get("kind") == "head":
        # What fewer labels would have given is measured when the run is over, so that it holds nobody up. A version
        # that is judged again has its curve, perhaps several times, since it may be asked for.
        curve: dict[str, Any] = {"kind": GateRequest.Kind.CURVE, "training_run": run}
        if not GateRequest.objects.filter(**curve).exists():
            GateRequest.objects.create(**curve)
    record(
        action="gate.decided", target=decision, candidate=candidate.number, incumbent=judged.incumbent.number,
        rule=judged.rule.number, verdict=judged.verdict,
    )  # fmt: skip
    return decision


@transaction.atomic
def _write(
    *,
    actor: User | None,
    criteria: dict[str, float],
    allowed_change: str,
    protocol: str,
    impact: str,
    expected: int | None,
) -> GateRule:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_RULE_LOCK])
    last = GateRule.objects.aggregate(last=Max("number"))["last"] or 0
    if actor is None and last:
        return GateRule.objects.get(number=last)
    if expected is not None and expected != last:
        raise StateConflict(
            f"Somebody wrote rule {last} meanwhile, so this would not replace rule {expected}. Look again, then write.",
            code="rule_changed",
        )
    rule = GateRule.objects.create(
        number=last + 1,
        allowed_change=allowed_change.strip(),
        protocol=protocol.strip(),
        criteria=criteria,
        impact=impact.strip(),
        written_by=actor,
    )
    record(action="gate.rule_written", actor=actor, target=rule, number=rule.number, criteria=criteria)
    return rule
