"""Roles by actions: every address that the resolver knows, every method, everybody, against `matrix_rows`.

An address that has no row, and a method that has none and is served, fail the test. What every address must do alike
is tried here as well: refuse model files, and show texts as texts.
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from itertools import cycle
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from mriplatform.accounts.scopes import Scope
from mriplatform.accounts.services import make_token
from tests.classifier.intake.cases import MODELS
from tests.matrix_rows import API, PAGES

# What a test does lies within what the house was built in, and is taken back before the house is.
pytestmark = pytest.mark.django_db
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Which endpoints take files in a form; a part of an archive is whatever bytes it is, and looked at with all the others.
TAKEN = dict.fromkeys(("api-studies", "api-archives", "api-imports", "api-label-set-imports"), "form")
TAKEN["api-archive-part"] = "as it is"


@pytest.fixture(scope="module")
def building(django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    """The house, once for all tests here: whatever a request changes is taken back by itself."""
    from tests.matrix_house import furnish

    with django_db_blocker.unblock():
        with transaction.atomic():
            built = furnish()
            yield built
            transaction.set_rollback(True)
        connection.close()


def rows() -> list[tuple[str, str, str, dict[str, int]]]:
    """(name, method, scope, status by column)"""
    from tests.matrix_house import COLUMNS

    found = []
    for line in (PAGES + API).splitlines():
        if not line or line.startswith("#"):
            continue
        name, method, scope, *statuses = line.split()
        assert len(statuses) == len(COLUMNS), line
        found.append((name, method, scope, dict(zip(COLUMNS, map(int, statuses), strict=True))))
    return found


def by_name() -> dict[str, Any]:
    from tests.matrix_house import addresses

    found: dict[str, list[Any]] = {}
    for address in addresses():
        found.setdefault(address.name, []).append(address)
    return found


def test_every_address_and_method_has_a_row(building) -> None:
    from tests.matrix_house import send

    stated = {(name, method) for name, method, _, _ in rows()}
    assert len(stated) == len(rows()), "a row stands there twice"
    found = by_name()
    assert found.keys() == {name for name, _ in stated}, (
        "an address without a row, or a row without an address"
    )
    served = []
    for name, (address, *_) in found.items():
        for method in METHODS:
            if (name, method) not in stated:
                more = building.headers(name, "S")
                at = address.of(building)
                status = send(building, building.client("S"), name, method, at, more).status_code
                served += [f"{name} {method} {status}"] * (status != 405)
    assert not served, "served, and without a row"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("column", ["U", "I", "R", "D", "E", "P", "A", "M", "S", "X", "Y", "-"])
def test_matrix(building, column: str) -> None:
    from tests.matrix_house import OUTSIDERS, comparable, send

    wrong, found = [], by_name()
    for name, method, _, statuses in rows():
        for address in found[name]:
            at = address.of(building)
            more = building.headers(name, column)
            response = send(building, building.client(column), name, method, at, more)
            where = f"{name} {method} {address.route}"
            if response.status_code != statuses[column]:
                wrong.append(f"{where}: {response.status_code}, and the row says {statuses[column]}")
            if column == "-" and response.status_code == 302:
                assert response["Location"].startswith(reverse("login")), where
            if response.status_code == 404 and address.parameters:
                missing = address.of_nothing()
                gone = send(building, building.client(column), name, method, missing, more)
                if comparable(response, at) != comparable(gone, missing):
                    wrong.append(f"{where}: not answered like what is missing")
            hidden = frozenset() if column in "IMS" else building.kept_apart
            hidden |= building.secrets if column in (*OUTSIDERS, "-") else frozenset()
            told = (ids_in(response.text_of_it) & hidden) - ids_in(sent(building, name, method, at))
            wrong += [f"{where}: names {one}, which is not for them" for one in told]
    assert not wrong, "\n".join(wrong)


def sent(building: Any, name: str, method: str, address: str) -> bytes:
    """All that a request said, which an answer may repeat."""
    from tests.matrix_house import ask_of, filled

    ask = ask_of(name, method)
    return " ".join(
        [address, *(str(filled(building, one)) for one in (*ask.sends.values(), ask.query))]
    ).encode()


def ids_in(body: bytes) -> set[str]:
    return {one.decode() for one in re.findall(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", body)}


def test_whoever_is_deactivated_is_nobody(building) -> None:
    """By a session that began before, and by a token."""
    from tests.matrix_house import comparable, send

    token = {"Authorization": f"Token {building.tokens['deactivated']}"}
    wrong, found = [], by_name()
    for name, method, scope, _ in rows():
        at = found[name][0].of(building)
        nobody = send(building, Client(raise_request_exception=False), name, method, at)
        gone = send(building, building.client("deactivated"), name, method, at)
        if comparable(gone) != comparable(nobody):
            wrong.append(f"{name} {method} by session")
        if scope != "-" and send(building, Client(), name, method, at, token).status_code != 401:
            wrong.append(f"{name} {method} by token")
    assert not wrong


@pytest.mark.timeout(240)
@pytest.mark.parametrize("scope", [scope.value for scope in Scope])
def test_a_token_does_what_its_scope_names_and_no_more(building, scope: str) -> None:
    """Of a superuser: what it lacks is the token's alone."""
    from tests.matrix_house import ask_of, send

    user = building.people["S"]
    header = {"Authorization": f"Token {make_token(user=user, name=scope, scopes=[scope])[1]}"}
    wrong, found = [], by_name()
    for name, method, needed, statuses in rows():
        if needed == "-":
            continue
        address = found[name][0].of(building)
        response = send(building, Client(raise_request_exception=False), name, method, address, header)
        lacks = response.status_code == 403 and json.loads(response.text_of_it)["code"] == "scope_missing"
        # What must rest on the newest state is fetched first, for which this token may not have the scope.
        expected = {statuses["S"], 412} if ask_of(name, method).etag else {statuses["S"]}
        if lacks != (needed != scope) or (not lacks and response.status_code not in expected):
            wrong.append(f"{name} {method}: {response.status_code}, scope missing: {lacks}")
    assert not wrong, "\n".join(wrong)


def whoever_gets_furthest(statuses: dict[str, int]) -> str:
    """The column of somebody who may, else of somebody who is let in and then refused for what is sent."""
    ranks = {401: 4, 403: 4, 404: 3, 400: 2}
    return min(statuses, key=lambda column: ranks.get(statuses[column], 0))


@pytest.mark.timeout(240)
def test_a_model_file_is_no_body_of_any_endpoint(building) -> None:
    """Neither as it is nor in a form; what takes files in a form is tried in `test_cases_by_every_door`."""
    from tests.classifier.doors import MULTIPART, multipart
    from tests.matrix_house import OCTETS, etag_of

    models, wrong, found = cycle(MODELS), [], by_name()
    for name, method, _, statuses in rows():
        if not name.startswith(("api-", "dicomweb-")) or method in ("GET", "DELETE"):
            continue
        model, column, at = next(models), whoever_gets_furthest(statuses), found[name][0].of(building)
        in_a_form = multipart({}, [("file", model.filename, model.make())])
        for how, body, kind in (("as it is", model.make(), OCTETS), ("form", in_a_form, MULTIPART)):
            client = building.client(column)
            headers = building.headers(name, column) | etag_of(client, name, method, at)
            with transaction.atomic():
                sent = client.generic(method, at, body, kind, headers=headers)
                transaction.set_rollback(True)
            if sent.status_code != 415 and TAKEN.get(name) != how:
                wrong.append(f"{name} {method} by {column}, {how}: {sent.status_code} {sent.content[:200]!r}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.timeout(240)
def test_every_text_is_a_text_on_every_page_and_in_every_table(building) -> None:
    from tests.entered_texts import IN_TABLES, SEEN, every_page, every_table, plant

    wrong, seen, kept = [], set(), set()
    with transaction.atomic():
        fields = plant()
        for name, at, body in every_page(building):
            wrong += [f"{at}: {one}" for one in re.findall(r"(?:<script>alert|<img src=x).{20}", body)]
            seen |= {(fields[int(one)], name) for one in re.findall(r"&lt;script&gt;alert\((\d+)", body)}
        for at, table in every_table(building):
            cells = [cell for row in csv.reader(io.StringIO(table, newline="")) for cell in row]
            wrong += [f"{at}: {cell}" for cell in cells if cell.startswith("=")]
            kept |= {
                fields[int(one)]
                for one in re.findall(r"^'=cmd\|<script>alert\((\d+)", "\n".join(cells), re.M)
            }
        transaction.set_rollback(True)
    assert not wrong, "\n".join(wrong)
    assert not SEEN - seen
    assert not IN_TABLES - kept


def test_pages_take_no_token(building) -> None:
    from tests.matrix_house import send

    header = {"Authorization": f"Token {make_token(user=building.people['S'], name='all')[1]}"}
    found = by_name()
    for name, method, scope, statuses in rows():
        if scope == "-":
            address = found[name][0].of(building)
            status = send(
                building, Client(raise_request_exception=False), name, method, address, header
            ).status_code
            assert status == statuses["-"], (name, method)


def filters() -> list[tuple[str, str]]:
    """Every query parameter of the API that takes an identifier, by the address's path."""
    from drf_spectacular.generators import SchemaGenerator

    schema = SchemaGenerator().get_schema(request=None, public=True)
    return [
        (path, parameter["name"])
        for path, operations in schema["paths"].items()
        for parameter in operations.get("get", {}).get("parameters", [])
        if parameter["in"] == "query" and parameter["schema"].get("format") == "uuid"
    ]


@pytest.mark.parametrize("column", ["X", "Y", "U", "R"])
def test_a_filter_by_anothers_object_answers_like_one_by_nothing(building, column: str) -> None:
    """X and Y ask for what is in the house; its people for what is in the other collection."""
    from tests.matrix_house import comparable, inside_things, outside_things

    asked = inside_things(building) if column in "XY" else outside_things(building)
    client, wrong = building.client(column), []
    found = filters()
    assert len(found) > 5
    for path, parameter in found:
        at = re.sub(r"{(\w+)}", lambda match: str(building.things.get(match[1], uuid4())), path)
        for thing in asked:
            answers = []
            for value in (thing, uuid4()):
                response = client.get(at, {parameter: str(value)})
                response.text_of_it = response.content
                answers.append(comparable(response, str(value)))
            if answers[0] != answers[1]:
                wrong.append(f"{path}?{parameter}= tells of {thing}")
    assert not wrong, "\n".join(wrong)


def test_what_is_sent_may_name_nothing_of_another_collection(building) -> None:
    """X may do all of it in a collection of its own: what is in the house is to it like what there is not."""
    from tests.matrix_house import comparable, own_place, send_naming

    client, wrong, tried = building.client("X"), [], 0
    for name, (address, *_) in by_name().items():
        at = address.filled({one: own_place(building, one) for one in address.parameters})
        for method in METHODS:
            for real, gone in send_naming(building, client, name, method, at):
                tried += 1
                if comparable(*real) != comparable(*gone):
                    wrong.append(f"{name} {method}: {real[0].status_code} and {gone[0].status_code}")
    assert tried > 15
    assert not wrong, "\n".join(wrong)
