"""Which labels of a collection a label set takes; each change is a new version."""

from math import isfinite
from typing import Final

from django.db import transaction

from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record
from reviews.exceptions import ReadingConflict, ReviewRefused
from reviews.models import EligibilityPolicy
from reviews.selectors.eligibility import policy_of

Rule = EligibilityPolicy.Rule
Seen = EligibilityPolicy.Seen

LEAST_AGREEING: Final = 2
MOST_AGREEING: Final = 5
# What a version says, apart from its number, who set it and when.
POLICY: Final = ("rule", "agreeing_reads", "seen", "seen_weight")


@transaction.atomic
def set_policy(
    *,
    actor: User | None,
    collection: Collection,
    rule: str = Rule.PROTOCOL,
    agreeing_reads: int = LEAST_AGREEING,
    seen: str = Seen.INCLUDE,
    seen_weight: float = 0.5,
    if_version: int | None = None,
) -> EligibilityPolicy:
    """Put a policy in force for the label sets that are frozen from now on; the same again changes nothing.

    Args:
        if_version: the version that the caller saw, 0 for none; a change that is based on another is refused.

    Raises:
        ReviewRefused: 400, a word outside its list or a number outside its range.
        ReadingConflict: 412, another version was set meanwhile.
    """
    proposed = proposed_policy(
        collection, rule=rule, agreeing_reads=agreeing_reads, seen=seen, seen_weight=seen_weight
    )
    # Two changes at once would both be the next version; the collection's row makes one wait for the other.
    Collection.objects.select_for_update(no_key=True).get(pk=collection.pk)
    current = policy_of(collection)
    if if_version is not None and if_version != current.version:
        raise ReadingConflict(
            "The policy was changed meanwhile. Look at the version in force, then set yours again.",
            code="changed_meanwhile", status=412,
        )  # fmt: skip
    if current.version and is_same_policy(current, proposed):
        return current
    proposed.version, proposed.set_by = current.version + 1, actor
    proposed.save(force_insert=True)
    record(
        action="eligibility.set", actor=actor, target=proposed, collection_id=collection.pk,
        version=proposed.version, **{name: getattr(proposed, name) for name in POLICY},
    )  # fmt: skip
    return proposed


def proposed_policy(
    collection: Collection,
    *,
    rule: str = Rule.PROTOCOL,
    agreeing_reads: int = LEAST_AGREEING,
    seen: str = Seen.INCLUDE,
    seen_weight: float = 0.5,
) -> EligibilityPolicy:
    """A policy to try out: checked, and not stored.

    Raises:
        ReviewRefused: 400, a word outside its list or a number outside its range.
    """
    _known_word("rule", rule, Rule.values)
    _known_word("treatment of what was seen", seen, Seen.values)
    if not LEAST_AGREEING <= agreeing_reads <= MOST_AGREEING:
        raise _malformed(
            f"{LEAST_AGREEING} to {MOST_AGREEING} reads can be asked to agree.", "agreeing_reads_out_of_range"
        )
    if not (isfinite(seen_weight) and 0 < seen_weight <= 1):
        raise _malformed("The weight is a number above 0, 1 at most.", "seen_weight_out_of_range")
    return EligibilityPolicy(
        collection=collection,
        version=0,
        rule=rule,
        agreeing_reads=agreeing_reads,
        seen=seen,
        seen_weight=seen_weight,
    )


def is_same_policy(one: EligibilityPolicy, other: EligibilityPolicy) -> bool:
    """Whether both say the same, whichever versions they are."""
    return all(getattr(one, name) == getattr(other, name) for name in POLICY)


def _known_word(what: str, given: str, known: list[str]) -> None:
    if given not in known:
        raise _malformed(f"The {what} is none of {', '.join(known)}.", f"unknown_{what.split()[0]}")


def _malformed(sentence: str, code: str) -> ReviewRefused:
    return ReviewRefused(sentence, code=code, status=400)
