"""Writes: members and tokens."""

from datetime import timedelta

from django.db import transaction

from mriplatform.accounts.models import ApiToken, Collection, Membership, User
from mriplatform.accounts.roles import Role
from mriplatform.audit.recording import record


@transaction.atomic
def grant_role(*, actor: User | None, user: User, collection: Collection, role: Role) -> Membership:
    """Give a user a role in a collection; giving it twice changes nothing.

    Raises:
        ValidationError: a reader's role for staff.
    """
    membership, created = Membership.objects.get_or_create(user=user, collection=collection, role=role)
    if created:
        record(
            action="membership.granted", actor=actor, target=membership, collection_id=collection.pk,
            user=str(user.pk), role=role.value,
        )  # fmt: skip
    return membership


@transaction.atomic
def make_token(*, user: User, name: str, days: int = 90) -> tuple[ApiToken, str]:
    """Make an API token.

    Returns:
        The row, and the token itself, which is kept nowhere and cannot be shown again.
    """
    row, token = ApiToken.objects.create(user=user, expiry=timedelta(days=days))
    ApiToken.objects.filter(pk=row.pk).update(name=name)
    record(action="token.made", actor=user, data_name=name, days=days)
    return row, token


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
