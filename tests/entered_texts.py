"""Puts a text that no page may take for markup, and no spreadsheet for a formula, wherever the platform keeps texts."""

from collections.abc import Iterator
from typing import Any

import pgtrigger
from django.apps import apps
from django.db import connection, models, transaction

from tests.e2e.house import admin_pages, pages
from tests.matrix_house import Building, addresses, ask_of

APPS = ("accounts", "audit", "classifier", "outbox", "reviews")
# What the platform names itself, and what is held to letters and digits or to an address where it comes in.
NAMES = {
    *("accounts.User.username", "accounts.User.password", "accounts.User.email", "accounts.ApiToken.digest"),
    *("classifier.StoredFile.name", "classifier.Evaluation.part", "reviews.SplitAssignment.key"),
    "outbox.Endpoint.url",
}
# What people enter, and a page that must show it: else nothing would be known of it.
SEEN = {
    ("accounts.ApiToken.name", "account"),
    ("accounts.Collection.description", "collection"),
    ("accounts.Collection.name", "home"),
    ("accounts.User.last_name", "study"),
    ("classifier.Archive.dataset", "archive"),
    ("classifier.GateRule.impact", "gate-rule"),
    ("classifier.ModelVersion.name", "versions"),
    ("classifier.Promotion.reason", "in-force"),
    ("classifier.Proposal.reason", "proposal"),
    ("classifier.QuarantinedImage.reason", "quarantined"),
    ("classifier.Shadow.reason", "shadows"),
    ("classifier.Study.dataset", "eligibility"),
    ("outbox.Endpoint.name", "webhook"),
    ("outbox.Endpoint.name", "webhooks"),
    ("reviews.Adjudication.rationale", "disagreement"),
    ("reviews.ImportedLabel.dataset", "admin:reviews_importedlabel_change"),
    ("reviews.KnownCase.source", "known-cases"),
    ("reviews.LabelSet.dataset", "label-set"),
    ("reviews.Rescore.reason", "rescores"),
    ("reviews.ReviewEvent.note", "reading"),
}
# And a column of a table that is taken away.
IN_TABLES = {"classifier.ModelVersion.name", "reviews.Adjudication.rationale", "reviews.ReviewEvent.note"}
# Shorter ones have no room for more than a name or a hash.
SHORTEST = 80


def text_fields() -> Iterator[models.Field[Any, Any]]:
    """Every field of every table in which there is room for a text, whoever writes it."""
    for app in APPS:
        for model in apps.get_app_config(app).get_models():
            for field in model._meta.concrete_fields:
                text = isinstance(field, models.CharField | models.TextField) and not field.choices
                if text and (field.max_length or SHORTEST) >= SHORTEST and str(field) not in NAMES:
                    yield field


def evil(number: int) -> str:
    return f'=cmd|<script>alert({number})</script>"><img src=x onerror=alert(1)>{{{{7*7}}}}'


def plant() -> dict[int, str]:
    """Put the text into every row of every such field: each field's names its number.

    Returns:
        The fields, by their numbers.
    """
    planted = {}
    with pgtrigger.ignore(), connection.cursor() as cursor:
        for number, field in enumerate(text_fields(), start=10):
            table = f'"{field.model._meta.db_table}"'
            # What must be unique stays so.
            own = f"|| (SELECT count(*) FROM {table} o WHERE o.ctid < {table}.ctid)" if field.unique else ""
            cursor.execute(f'UPDATE {table} SET "{field.column}" = %s {own}', [evil(number)])
            planted[number] = str(field)
    return planted


def every_page(building: Building) -> Iterator[tuple[str, str, str]]:
    """Every page of ours and of the admin, with its name and address, as the first sees it who may see it."""
    for name, at in pages(building.house):
        for column in "SRDU":
            if body := _shown(building, column, at):
                yield name, at, body
                break
    at = dict(pages(building.house))
    # People's own things, of which others are shown nothing.
    own = ("account", "home", "webhooks")
    yield from ((name, at[name], _shown(building, "R", at[name])) for name in own)
    yield from ((name, at, _shown(building, "S", at)) for name, at in admin_pages())


def every_table(building: Building) -> Iterator[tuple[str, str]]:
    """Every table that is taken away as CSV, with its address, as an administrator gets it."""
    for address in addresses():
        at, query = address.of(building), ask_of(address.name, "GET").query
        taken = address.name.endswith("-download") and building.client("S").get(f"{at}?{query}".rstrip("?"))
        taken = taken or (address.name.startswith("api-") and building.client("S").get(f"{at}?format=csv"))
        if taken and taken.get("Content-Type", "").startswith("text/csv"):
            yield at, b"".join(taken).decode()


def _shown(building: Building, column: str, address: str) -> str:
    """What an address shows somebody; nothing where they may not see it. Whatever asking changed is taken back."""
    with transaction.atomic():
        response = building.client(column).get(address)
        body = b"".join(response)
        transaction.set_rollback(True)
    return body.decode() if response.status_code == 200 else ""
