"""Which protocol a collection is read under; each change is a new version."""

from collections.abc import Iterable
from math import isfinite
from typing import Any, Final

from django.db import transaction

from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record
from reviews.exceptions import ReadingConflict, ReviewRefused
from reviews.models import ReadingProtocol
from reviews.selectors import protocol_of

Mode = ReadingProtocol.Mode
Order = ReadingProtocol.Order
Rule = ReadingProtocol.AdjudicationRule

MAX_READERS: Final = 5
LEAST_RANDOM: Final = 0.05
HIGHEST_RATE: Final = 0.3
# What a version says, apart from its number, who set it and when.
RULES: Final = (
    "mode", "readers_per_image", "adjudication_rule", "order", "random_share", "repeat_rate", "known_rate"
)  # fmt: skip


@transaction.atomic
def set_protocol(
    *,
    actor: User | None,
    collection: Collection,
    mode: str,
    readers_per_image: int = 1,
    adjudication_rule: str = Rule.UNANIMITY,
    order: str = Order.ARRIVAL,
    random_share: float = 0.2,
    repeat_rate: float = 0.0,
    known_rate: float = 0.0,
    if_version: int | None = None,
) -> ReadingProtocol:
    """Put a protocol in force for images that nobody has read yet; setting the same again changes nothing.

    What was read before stays under the version that it was read under: nothing becomes final, or is no longer.

    Args:
        if_version: the version that the caller saw, 0 for none; a change that is based on another is refused.

    Raises:
        ReviewRefused: 400, a word outside its list or a number outside its range; 422, an order by the machine's
            answer where it is not shown from the start.
        ReadingConflict: 412, another version was set meanwhile.
    """
    rules: dict[str, Any] = {
        "mode": mode,
        "readers_per_image": readers_per_image,
        "adjudication_rule": adjudication_rule,
        "order": order,
        "random_share": random_share,
        "repeat_rate": repeat_rate,
        "known_rate": known_rate,
    }
    _check(rules)
    # Two changes at once would both be the next version; the collection's row makes one wait for the other.
    Collection.objects.select_for_update(no_key=True).get(pk=collection.pk)
    current = protocol_of(collection)
    version = protocol_version(current)
    if if_version is not None and if_version != version:
        raise ReadingConflict(
            "The protocol was changed meanwhile. Look at the version in force, then set yours again.",
            code="changed_meanwhile", status=412,
        )  # fmt: skip
    if version and all(getattr(current, name) == value for name, value in rules.items()):
        return current
    protocol = ReadingProtocol.objects.create(
        collection=collection, version=version + 1, set_by=actor, **rules
    )
    record(
        action="protocol.set", actor=actor, target=protocol, collection_id=collection.pk,
        version=protocol.version, **rules,
    )  # fmt: skip
    return protocol


def ensure_protocol(collection: Collection) -> ReadingProtocol:
    """The protocol in force; the first time, version 1 (`blinded_first`, one reader) is made."""
    protocol = protocol_of(collection)
    if protocol_version(protocol):
        return protocol
    return set_protocol(
        actor=None, collection=collection, **{name: getattr(protocol, name) for name in RULES}
    )


def protocol_version(protocol: ReadingProtocol) -> int:
    """Its number; 0 where it is the default that nobody has set."""
    return 0 if protocol._state.adding else protocol.version


def _check(rules: dict[str, Any]) -> None:
    _known_word("mode", rules["mode"], Mode.values)
    _known_word("adjudication rule", rules["adjudication_rule"], Rule.values)
    _known_word("order", rules["order"], Order.values)
    if not 1 <= rules["readers_per_image"] <= MAX_READERS:
        raise _malformed(f"An image has 1 to {MAX_READERS} readers.", "readers_out_of_range")
    _in_range("random share", rules["random_share"], LEAST_RANDOM, 1.0)
    _in_range("share of hidden repeats", rules["repeat_rate"], 0.0, HIGHEST_RATE)
    _in_range("share of known cases", rules["known_rate"], 0.0, HIGHEST_RATE)
    if rules["order"] != Order.ARRIVAL and rules["mode"] != Mode.ASSISTED:
        raise ReviewRefused(
            "An order by the machine's answer would tell it to readers who must not know it yet. It is for the "
            "assisted mode alone; elsewhere images come in order of arrival.",
            code="order_tells_answer",
        )


def _known_word(what: str, given: str, known: Iterable[str]) -> None:
    if given not in known:
        code = f"unknown_{what.replace(' ', '_')}"
        raise _malformed(f"The {what} is none of {', '.join(known)}.", code)


def _in_range(what: str, given: float, least: float, most: float) -> None:
    if not (isfinite(given) and least <= given <= most):
        raise _malformed(
            f"The {what} is a number from {least:g} to {most:g}.", f"{what.replace(' ', '_')}_out_of_range"
        )


def _malformed(sentence: str, code: str) -> ReviewRefused:
    return ReviewRefused(sentence, code=code, status=400)
