"""What makes a table a ledger: rows are added and read, never changed."""

from typing import Any

import pgtrigger
from django.db import models


class LedgerModel(models.Model):
    """A model whose rows are only ever inserted.

    Three walls stand behind each other: `save()` and `delete()` refuse here, a trigger refuses UPDATE and DELETE
    in the database whoever asks, and the role that the platform runs as is granted only INSERT and SELECT, which
    also bars TRUNCATE (see `grants.py`).
    """

    class Meta:
        abstract = True
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError(f"{type(self).__name__} is a ledger: add a row that supersedes this one instead.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError(f"{type(self).__name__} is a ledger: rows are never deleted.")
