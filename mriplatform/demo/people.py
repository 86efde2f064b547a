"""The demo's accounts: one for each role, with random passwords that stay the same after a restart."""

import json
import os
import secrets
from pathlib import Path
from typing import Final

from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Role
from mriplatform.accounts.services import grant_role

ACCOUNTS: Final[dict[str, Role]] = {
    "uploader": Role.UPLOADER,
    "intake": Role.INTAKE_REVIEWER,
    "radiologist": Role.RADIOLOGIST,
    "radiologist2": Role.RADIOLOGIST,
    "adjudicator": Role.ADJUDICATOR,
    "engineer": Role.ML_ENGINEER,
    "approver": Role.APPROVER,
    "auditor": Role.AUDITOR,
    "admin": Role.ADMIN,
}
STAFF: Final = frozenset({Role.ML_ENGINEER, Role.APPROVER, Role.AUDITOR, Role.ADMIN})


def passwords(path: Path) -> dict[str, str]:
    """The demo's passwords by user name: those in `path`, with new ones made, and kept there, for who has none."""
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    complete = {name: known.get(name) or secrets.token_urlsafe(12) for name in ACCOUNTS}
    if complete != known:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(complete, file, indent=2)
    return complete


def ensure_people(collection: Collection, secrets_path: Path) -> dict[str, str]:
    """Make the accounts that are missing, with their roles in `collection`.

    Returns:
        The passwords by user name.
    """
    chosen = passwords(secrets_path)
    for name, role in ACCOUNTS.items():
        user, _ = User.objects.get_or_create(
            username=name, defaults={"is_staff": role in STAFF, "is_superuser": role is Role.ADMIN}
        )
        if not user.check_password(chosen[name]):
            user.set_password(chosen[name])
            user.save(update_fields=["password"])
        grant_role(actor=None, user=user, collection=collection, role=role)
    return chosen
