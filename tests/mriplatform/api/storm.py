"""Asks every call of the API what its description allows and what it does not, as each role, and holds the answers
against the description: no failure of the server, no status that it does not name, no body that breaks its schema."""

import copy
import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mriplatform.accounts.models import User
from mriplatform.accounts.services import make_token

CHECKS = (
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
# A service that is away, and a full storage: said as such, with what to do.
SAID = (503, 507)
NOBODY = "anonymous"


@contextmanager
def own_connection() -> Iterator[None]:
    """The server would close what it takes for an old connection after each request; here it is the test's own."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)


@dataclass
class Report:
    """What came of a storm.

    Attributes:
        faults: one for each kind of fault of each operation, with a request that shows it.
        answers: how many of each status.
        slowest: seconds of the slowest answer, and which.
    """

    faults: dict[str, str] = field(default_factory=dict)
    answers: Counter[int] = field(default_factory=Counter)
    operations: int = 0
    slowest: tuple[float, str] = (0.0, "")


def tokens_of(people: Mapping[str, User]) -> dict[str, str | None]:
    """A token for each role; None for whoever is not signed in."""
    made = {role: make_token(user=user, name="storm")[1] for role, user in people.items()}
    return made | {NOBODY: None}


@own_connection()
def storm(
    tokens: Mapping[str, str | None],
    things: Mapping[str, Sequence[UUID]],
    *,
    number: int,
    examples: int,
    part: tuple[int, int] = (0, 1),
    roles: int | None = None,
    seconds: float = float("inf"),
) -> Report:
    """Ask each operation with its own example as everybody, and `examples` times with what is made up; what a request
    changes is taken back.

    Args:
        tokens: by role.
        things: what exists, by the name that a parameter or a field has for it.
        number: the seed.
        part: which of how many parts of the operations.
        roles: as how many, drawn anew each time, what is made up is asked; as everybody without it.
        seconds: no further operation is begun after this time.
    """
    load_all_checks()
    description = schemathesis.openapi.from_wsgi("/api/v1/schema/", get_wsgi_application())
    report, begun = Report(), time.monotonic()
    which, of = part
    for place, result in enumerate(description.get_all_operations()):
        if place % of != which:
            continue
        if time.monotonic() - begun > seconds:
            break
        report.operations += 1
        _ask_as_exemplified(report, result.ok(), tokens, things, random.Random(number))
        for mode, share in (
            (schemathesis.GenerationMode.POSITIVE, 2),
            (schemathesis.GenerationMode.NEGATIVE, 1),
        ):
            asked = max(1, examples * share // 3)
            _ask(report, result.ok(), tokens, things, mode, number, asked, roles or len(tokens))
    return report


def _ask_as_exemplified(
    report: Report, operation: Any, tokens: Any, things: Any, chance: random.Random
) -> None:
    """Ask with the example that the description gives, about what exists."""
    described = operation.definition.raw
    content = described.get("requestBody", {}).get("content", {})
    media_type = next(iter(content), None)
    body = {}
    if media_type:
        described_body = content[media_type]
        several = described_body.get("examples", {}).values()
        body = {
            "body": next((one["value"] for one in several), described_body.get("example")),
            "media_type": media_type,
        }
    by_place: dict[str, dict[str, str]] = {"path": {}, "header": {}}
    for parameter in described.get("parameters", []):
        if parameter["in"] == "path" or parameter.get("required"):
            by_place[parameter["in"]][parameter["name"]] = str(parameter["example"])
    case = operation.Case(path_parameters=by_place["path"], headers=by_place["header"], **copy.deepcopy(body))
    _point_at_what_there_is(case, things, chance, 1.0)
    for role, token in tokens.items():
        _send(report, case, role, token)


def _ask(report, operation, tokens, things, mode, number: int, examples: int, roles: int) -> None:
    @seed(number)
    @settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate], verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck), derandomize=False,
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode), chance=st.randoms(use_true_random=False))
    def ask(case: Any, chance: random.Random) -> None:
        _point_at_what_there_is(case, things, chance, 0.75)
        for role in chance.sample(sorted(tokens), roles):
            _send(report, case, role, tokens[role])

    # Nothing about some operations can be sent wrongly.
    with suppress(Unsatisfiable):
        ask()


def _point_at_what_there_is(
    case: Any, things: Mapping[str, Sequence[UUID]], chance: random.Random, share: float
) -> None:
    """Put identifiers of what exists where any are asked for, in this share of the places."""
    for holder in (case.path_parameters, case.query, case.body):
        if not isinstance(holder, dict):
            continue
        for name in list(holder):
            known = things.get(name) or things.get(f"{name}_id")
            if known and isinstance(holder[name], str) and chance.random() < share:
                holder[name] = str(chance.choice(known))


def _send(report: Report, case: Any, role: str, token: str | None) -> None:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    where = f"{case.method} {case.path}"
    started = time.monotonic()
    with transaction.atomic():
        try:
            response = case.call(headers=headers)
        finally:
            transaction.set_rollback(True)
    took = time.monotonic() - started
    report.answers[response.status_code] += 1
    report.slowest = max(report.slowest, (took, where))
    about = f"{where} as {role}: {response.status_code}\n{case.as_curl_command()}\n{response.content[:600]!r}"
    if response.status_code >= 500 and response.status_code not in SAID:
        report.faults.setdefault(f"{where}: {response.status_code}", about)
    try:
        case.validate_response(response, checks=list(CHECKS))
    except FailureGroup as group:
        for failure in group.exceptions:
            name = f"{where}: {type(failure).__name__} {response.status_code}"
            report.faults.setdefault(name, f"{failure}\n{about}"[:3000])


def things_of(house: Any) -> dict[str, list[UUID]]:
    """What is in the house of `tests.e2e.house`, by what parameters and fields call it."""
    from django.apps import apps

    named = {
        "collection_id": [house.collection.pk, house.assisted.pk],
        "reading_id": [reading.pk for reading in house.readings.values()],
        "rule_id": _some("classifier.GateRule"),
        "decision_id": _some("classifier.GateDecision"),
        "run_id": _some("classifier.TrainingRun"),
        "version_id": _some("classifier.ModelVersion"),
    }
    for app in ("classifier", "reviews", "outbox"):
        if not apps.is_installed(f"mriplatform.{app}" if app == "outbox" else app):
            continue
        for model in apps.get_app_config(app).get_models():
            words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in model.__name__)
            named.setdefault(f"{words[1:]}_id", _some(model._meta.label))
    return {name: found for name, found in named.items() if found} | {
        "model_version": named["version_id"],
        "base": named["version_id"],
        "candidate": named["version_id"],
        "against": named.get("label_set_id", []),
    }


def _some(label: str) -> list[UUID]:
    from django.apps import apps

    return list(apps.get_model(label)._default_manager.order_by("pk").values_list("pk", flat=True)[:4])


def lines(report: Report) -> Iterator[str]:
    """The report, for people."""
    total = sum(report.answers.values())
    yield f"{total} answers of {report.operations} operations: {dict(sorted(report.answers.items()))}"
    yield f"slowest: {report.slowest[0]:.2f} s, {report.slowest[1]}"
    for name, about in sorted(report.faults.items()):
        yield f"\n{name}\n{about}"


SEED = int(os.environ.get("STORM_SEED", "6"))
