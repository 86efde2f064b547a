"""The admin's addresses, its own and those that it makes of every model: nobody but staff gets past its door."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.urls import URLPattern, get_resolver

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(240)]
OPEN = {"admin/login/", "admin/logout/"}


@pytest.fixture(scope="module")
def building(django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    from tests.matrix_house import furnish

    with django_db_blocker.unblock():
        with transaction.atomic():
            yield furnish()
            transaction.set_rollback(True)
        connection.close()


def routes(patterns: Any = None, prefix: str = "") -> Iterator[str]:
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            if route.startswith("admin/") and route not in OPEN and "^" not in route and "(?P" not in route:
                yield route
        else:
            yield from routes(entry.url_patterns, route)


def things(building: Any, route: str) -> list[str]:
    """Something of the house for an address: of the model that stands in it, where it is one of ours."""
    from django.apps import apps

    found = re.match(r"admin/(\w+)/(\w+)/", route)
    if not found or "<" not in route:
        return [""]
    rows = apps.get_model(found[1], found[2])._default_manager.all()[:2]
    return [str(row.pk) for row in rows]


def filled(building: Any) -> Iterator[str]:
    for route in routes():
        for thing in things(building, route):
            yield "/" + re.sub(r"<slug:\w+>", "end", re.sub(r"<(?:\w+:)?(?!slug)\w+>", thing, route))


@pytest.mark.parametrize("column", ["U", "I", "R", "D", "Y", "-", "deactivated"])
def test_nobody_but_staff_gets_in(building, column: str) -> None:
    client, wrong = building.client(column), []
    for address in filled(building):
        for method in ("get", "post"):
            with transaction.atomic():
                response = getattr(client, method)(address)
                transaction.set_rollback(True)
            inside = response.status_code == 302 and response["Location"].startswith("/admin/login/")
            if not inside and response.status_code not in (403, 404, 405):
                wrong.append(f"{method} {address}: {response.status_code}")
    assert not wrong, "\n".join(wrong)


def test_staff_of_another_collection_see_its_own_collection_alone(building) -> None:
    listed = building.client("X").get("/admin/accounts/collection/").content.decode()
    assert str(building.elsewhere) in listed
    assert not [one for one in building.secrets if one in listed]
