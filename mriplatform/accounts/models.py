"""People, the collections they belong to, and what they may do there."""

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now
from knox.models import AbstractAuthToken

from mriplatform.accounts.roles import READER_ROLES, Role
from mriplatform.audit.recording import record
from mriplatform.identifiers import uuid7


class User(AbstractUser):
    """A person or a program that signs in."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    def clean(self) -> None:
        super().clean()
        self._refuse_staff_who_read()

    def save(self, *args: Any, **kwargs: Any) -> None:
        # Not every door validates a model; this rule guards the blinded read, so it stands here too.
        self._refuse_staff_who_read()
        # Django notes a password that was set until it is saved; a better hash of the same one it does not note.
        new_password = getattr(self, "_password", None) is not None and not self._state.adding
        super().save(*args, **kwargs)
        if new_password:
            self._revoke_tokens()

    def _revoke_tokens(self) -> None:
        """Whoever knew the old password may have made tokens with it, so none outlives it, by whatever door."""
        revoked, _ = self.auth_token_set.all().delete()
        if revoked:
            record(action="tokens.revoked", target=self, count=revoked, because="password changed")

    def _refuse_staff_who_read(self) -> None:
        if (
            self.is_staff
            and not self._state.adding
            and self.memberships.filter(role__in=READER_ROLES).exists()
        ):
            raise ValidationError(
                {"is_staff": "A reader is never staff: the admin shows what a reading must not."}
            )


class Collection(models.Model):
    """A set of studies with members, roles and a reading protocol."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120, unique=True)
    description = models.TextField(blank=True, max_length=2000)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    members = models.ManyToManyField(User, through="Membership", related_name="collections")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One role of one user in one collection."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)
    seniority = models.PositiveSmallIntegerField(
        default=0,
        help_text="Of a reader, higher is more senior: where the protocol says so, the most senior reader decides.",
    )

    class Meta:
        ordering = ["collection__name", "user__username", "role"]
        constraints = [
            models.UniqueConstraint(fields=["user", "collection", "role"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()} · {self.collection}"

    def clean(self) -> None:
        super().clean()
        if self.role in READER_ROLES and self.user_id and self.user.is_staff:
            raise ValidationError(
                {"role": "Staff cannot be readers: the admin shows what a reading must not."}
            )

    def save(self, *args: Any, **kwargs: Any) -> None:
        # Not every door validates a model; this rule guards the blinded read, so it stands here too.
        self.clean()
        super().save(*args, **kwargs)


class ApiToken(AbstractAuthToken):
    """A token for the API. Only its SHA-512 digest is kept; the token itself is shown once, when it is made.

    `scopes` are what it may do of what its user may; empty for all of it.
    """

    name = models.CharField(max_length=80, blank=True)
    scopes = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return self.name or f"token {self.token_key}"


class IdempotentAnswer(models.Model):
    """What a request that carried an `Idempotency-Key` was answered, so that the same request does nothing twice.

    `fingerprint` is a hash of method, address, token and body; another request under the same key is refused. `status`
    is empty while the first one is being answered.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=bytes)
    created_at = models.DateTimeField(db_default=Now(), editable=False, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return self.key
