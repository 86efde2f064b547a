"""Which labels may be learned from: a collection's policy, and what it makes of what speaks for a label."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet

from mriplatform.accounts.models import Collection
from reviews.models import EligibilityPolicy, Outcome
from reviews.selectors.evidence import Evidence, Imported, Statement
from reviews.selectors.settling import ADJUDICATED, AGREED, ONE_READER

Rule = EligibilityPolicy.Rule
Seen = EligibilityPolicy.Seen

HIDDEN: Final = "hidden: it contains identity"
REMOVED: Final = "removed"
KNOWN: Final = "a known case, by which readers are measured"
SENT_BACK: Final = "sent back: waits for another reader"
DISAGREEMENT: Final = "its readers disagree and nobody has decided"
WAITING: Final = "waits for more readers"
NOT_ASSESSABLE: Final = "not assessable"
NOT_DECIDED: Final = "no adjudicator has decided"
BLINDED_DISAGREE: Final = "its blinded reads disagree"
FINALLY_ANOTHER: Final = "its blinded reads agree, but its final label is another"
AFTER_ANSWER: Final = "said only after the machine's answer was seen"
IMPORTED: Final = "imported"
# In one form only: `json.dumps` would make an encoder anew for each of a hundred thousand.
_AS_JSON: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Judged:
    """What a policy makes of an image.

    Attributes:
        label: the label that counts, or would but for `reason`; empty where there is none.
        reason: why no training may use it; empty where it may.
        weight: what it counts for; 0 where it is left out.
        provenance: where the label came from, as JSON in one form only.
        origin: `reading`, `adjudication` or `imported`; empty where there is no label.
    """

    label: str
    reason: str
    weight: float
    provenance: str
    origin: str


@dataclass(frozen=True, slots=True)
class _Found:
    """A label that a rule takes. `blinded`: the statements it rests on, where these are not the verdicts."""

    label: str
    path: str
    after_answer: bool = False
    blinded: tuple[Statement, ...] = ()


def policy_of(collection: Collection) -> EligibilityPolicy:
    """The policy in force; where none was set yet, the default one, unsaved: final labels, all alike."""
    newest = policies_of(collection).first()
    if newest is None:
        return EligibilityPolicy(collection=collection, version=0)
    newest.collection = collection  # at hand already
    return newest


def policies_of(collection: Collection) -> QuerySet[EligibilityPolicy]:
    """Every policy of a collection, the one in force first."""
    found = EligibilityPolicy.objects.filter(collection=collection)
    return found.select_related("set_by").order_by("-version")


def judge(image: Evidence, policy: EligibilityPolicy) -> Judged:
    """Whether a label counts by the policy, for how much, and where it came from.

    An adjudicator's decision counts under every rule, and is never taken for one that the machine's answer had a part
    in: who decides does not see it. An imported label counts, under every rule, as long as no reader has said
    anything of the image. A read after the machine's answer that says what the same reader had said before is a
    blinded one.
    """
    ruled = _by_rule(image, policy)
    if isinstance(ruled, str):
        # What it is left out with: the final label, though this policy does not take it.
        found = _Found(image.label, image.path) if image.outcome == Outcome.FINAL else None
        reason, weight = _barred(image) or ruled, 0.0
    else:
        found, reason = ruled, _barred(image) or _unfit(ruled, policy)
        weight = policy.seen_weight if ruled.after_answer and policy.seen == Seen.WEIGH else 1.0
    provenance = _provenance(image, found) if found else {}
    return Judged(
        found.label if found else "",
        reason,
        0.0 if reason else weight,
        _AS_JSON(provenance),
        provenance.get("source", ""),
    )


def _barred(image: Evidence) -> str:
    """Why no policy may take an image; empty where none forbids it."""
    if image.hidden:
        return HIDDEN
    if image.removed:
        return REMOVED
    if image.outcome == Outcome.KNOWN:
        return KNOWN
    return SENT_BACK if image.sent_back else ""


def _unfit(found: _Found, policy: EligibilityPolicy) -> str:
    if not found.label:
        return NOT_ASSESSABLE
    return AFTER_ANSWER if found.after_answer and policy.seen == Seen.EXCLUDE else ""


def _by_rule(image: Evidence, policy: EligibilityPolicy) -> _Found | str:
    """The label by the policy's rule, or why there is none."""
    if image.decision:
        return _Found(image.label, ADJUDICATED)
    if image.imported and not image.reads:
        return _Found(image.imported.label, IMPORTED)
    if policy.rule == Rule.ADJUDICATED:
        return NOT_DECIDED
    if policy.rule == Rule.AGREEING:
        return _agreeing(image, policy.agreeing_reads)
    if policy.rule == Rule.SINGLE and image.outcome == Outcome.WAITING:
        return _single(image)
    if image.outcome == Outcome.FINAL:
        return _Found(image.label, image.path, _after_answer(image, image.label))
    return DISAGREEMENT if image.outcome == Outcome.DISAGREEMENT else WAITING


def _agreeing(image: Evidence, needed: int) -> _Found | str:
    """What at least so many readers, and more than half of those asked, said before they saw the machine's answer."""
    blinded = [read.before for read in image.reads if read.before]
    if len(blinded) < needed:
        return f"fewer than {needed} blinded reads"
    label, most = Counter(statement.label for statement in blinded).most_common(1)[0]
    if most < needed or 2 * most <= len(blinded):
        return BLINDED_DISAGREE
    if image.outcome == Outcome.FINAL and image.label != label:
        return FINALLY_ANOTHER
    return _Found(label, f"{most} of {len(blinded)} blinded reads", blinded=tuple(blinded))


def _single(image: Evidence) -> _Found | str:
    """What was said so far, where the protocol waits for more readers, as long as they agree."""
    labels = {read.verdict.label for read in image.reads}
    if len(labels) != 1:
        return DISAGREEMENT if labels else WAITING
    (label,) = labels
    return _Found(label, ONE_READER if len(image.reads) == 1 else AGREED, _after_answer(image, label))


def _after_answer(image: Evidence, label: str) -> bool:
    """Whether any of the reads that say so was swayed, for all one knows, by the machine's answer."""
    return any(read.after_answer for read in image.reads if read.verdict.label == label)


def _provenance(image: Evidence, found: _Found) -> dict[str, Any]:
    """Where a label came from, by the identifiers of what was said; no names.

    `path` is how it came about, `changed_since` whether a reader said something after an adjudicator's decision,
    `saw_prediction` whether any of the readers had seen the machine's answer when they gave their verdict, and
    `after_answer` whether one of those who say so had not said it before they saw it.
    """
    if found.path == IMPORTED and image.imported:
        return _imported(image.imported)
    verdicts = [read.verdict for read in image.reads]
    said = found.blinded or verdicts
    decision = image.decision
    more = {"blinded": sorted(statement.event for statement in found.blinded)} if found.blinded else {}
    return {
        "source": "adjudication" if decision else "reading",
        "path": found.path,
        "changed_since": decision.changed_since if decision else False,
        "at": (decision.at if decision else max(statement.at for statement in said)).isoformat(),
        "events": sorted(verdict.event for verdict in verdicts),
        "adjudication": decision.adjudication if decision else None,
        "saw_prediction": any(statement.saw for statement in said),
        "after_answer": found.after_answer,
        "model_versions": sorted({version for version in _versions(verdicts) if version is not None}),
        "protocols": sorted({verdict.protocol for verdict in verdicts}),
        **more,
    }


def _versions(verdicts: Sequence[Statement]) -> list[int | None]:
    return [verdict.model_version for verdict in verdicts]


def _imported(imported: Imported) -> dict[str, Any]:
    return {
        "source": IMPORTED,
        "path": IMPORTED,
        "at": imported.at.isoformat(),
        "dataset": imported.dataset,
        "imported_label": imported.row,
        "events": [],
        "adjudication": None,
        "saw_prediction": False,
        "after_answer": False,
    }
