"""Writes: members and tokens."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from mriplatform.accounts.models import ApiToken, Collection, IdempotentAnswer, Membership, User
from mriplatform.accounts.roles import Role
from mriplatform.accounts.scopes import ordered, reaches
from mriplatform.audit.recording import record

LONGEST_DAYS: Final = 365


@transaction.atomic
def grant_role(
    *, actor: User | None, user: User, collection: Collection, role: Role, seniority: int | None = None
) -> Membership:
    """Give a user a role in a collection; giving it twice changes nothing but the seniority, where one is given.

    Raises:
        ValidationError: a reader's role for staff.
    """
    membership, created = Membership.objects.get_or_create(
        user=user, collection=collection, role=role, defaults={"seniority": seniority or 0}
    )
    changed = seniority is not None and seniority != membership.seniority
    if changed:
        membership.seniority = seniority or 0
        membership.save(update_fields=["seniority"])
    if created or changed:
        record(
            action="membership.granted" if created else "membership.changed", actor=actor, target=membership,
            collection_id=collection.pk, user=str(user.pk), role=role.value, seniority=membership.seniority,
        )  # fmt: skip
    return membership


@transaction.atomic
def make_token(
    *, user: User, name: str, days: int = 90, scopes: Sequence[str] = (), maker: ApiToken | None = None
) -> tuple[ApiToken, str]:
    """Make an API token.

    Args:
        days: how long it works.
        scopes: what it may do of what its user may; without any, all of it.
        maker: the token that asks for it. What it makes can do no more than itself, and works no longer.

    Returns:
        The row, and the token itself, which is kept nowhere and cannot be shown again.

    Raises:
        ValidationError: there is no such scope, or it would work for longer than a year.
        PermissionDenied: it would be more than its maker is.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise ValidationError(f"A token works for 1 to {LONGEST_DAYS} days.")
    try:
        chosen = ordered(scopes)
    except ValueError as error:
        raise ValidationError("There is no such scope.") from error
    expiry = timedelta(days=days)
    if maker is not None:
        _refuse_more_than(maker, chosen, expiry)
    row, token = ApiToken.objects.create(user=user, expiry=expiry, name=name, scopes=chosen)
    record(action="token.made", actor=user, data_name=name, days=days, scopes=chosen)
    return row, token


def _refuse_more_than(maker: ApiToken, scopes: Sequence[str], life: timedelta) -> None:
    if maker.scopes and not (scopes and all(reaches(maker.scopes, scope) for scope in scopes)):
        raise PermissionDenied(
            f"A token makes no token that may do more than itself, and this one has the scopes "
            f"{', '.join(maker.scopes)}."
        )
    if maker.expiry is not None and timezone.now() + life > maker.expiry:
        raise PermissionDenied(
            f"A token makes no token that works longer than itself, and this one works until {maker.expiry:%-d %B %Y}."
        )


def answer_lifetime() -> timedelta:
    """How long the answer to a request with an Idempotency-Key is kept."""
    return timedelta(hours=settings.IDEMPOTENCY_HOURS)


@transaction.atomic
def forget_old_answers() -> int:
    """Delete the answers to requests with an Idempotency-Key whose time is over.

    Returns:
        How many.
    """
    old = IdempotentAnswer.objects.filter(created_at__lt=Now() - answer_lifetime())
    # One that a request just holds is left to the next time.
    free = list(old.select_for_update(skip_locked=True).values_list("pk", flat=True))
    return IdempotentAnswer.objects.filter(pk__in=free).delete()[0]


@transaction.atomic
def revoke_role(*, actor: User, user: User, collection: Collection, role: Role) -> bool:
    """Take a role in a collection from a user.

    Returns:
        Whether they had it.
    """
    membership = Membership.objects.filter(user=user, collection=collection, role=role).first()
    if membership is None:
        return False
    record(
        action="membership.revoked", actor=actor, target=membership, collection_id=collection.pk,
        user=str(user.pk), role=role.value,
    )  # fmt: skip
    membership.delete()
    return True


@transaction.atomic
def make_collection(*, actor: User, name: str, description: str = "") -> Collection:
    """Make a collection, which its maker administrates: by a role there, or else as an administrator of all.

    Raises:
        ValidationError: there is one of this name, or it has none.
    """
    collection = Collection(name=name.strip(), description=description.strip())
    collection.full_clean()
    collection.save()
    record(action="collection.made", actor=actor, target=collection, collection_id=collection.pk)
    if actor.memberships.exists():
        # Who is a member anywhere sees what they are a member of, whatever else they are.
        grant_role(actor=actor, user=actor, collection=collection, role=Role.ADMIN)
    return collection


@transaction.atomic
def revoke_token(*, user: User, digest: str) -> bool:
    """Revoke one of the user's own tokens; it stops working at once.

    Returns:
        Whether there was such a token.
    """
    # Postgres takes no NUL in a text, and no digest has one.
    token = None if "\0" in digest else ApiToken.objects.filter(user=user, digest=digest).first()
    if token is None:
        return False
    token.delete()
    record(action="token.revoked", actor=user, data_name=token.name)
    return True
