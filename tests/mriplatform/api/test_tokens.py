"""Tokens: what one may do, how long, who makes and revokes it, and what ends it; and who is in a collection."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mriplatform.accounts.models import ApiToken, Collection, Membership
from mriplatform.accounts.services import make_token
from mriplatform.api.scopes import SCOPES
from mriplatform.api.views import ApiView
from mriplatform.audit.models import AuditEvent
from tests.classifier.doors import build_house
from tests.reviews.walk import routes


@pytest.fixture
def house(db):
    return build_house()


def holder(house, name: str, *scopes: str, days: int = 90) -> Client:
    token = make_token(user=house.people[name], name="t", scopes=scopes, days=days)[1]
    return Client(headers={"Authorization": f"Token {token}"})


def post(client: Client, path: str, **body):
    return client.post(f"/api/v1{path}", body, content_type="application/json")


def test_every_endpoint_has_its_scope_and_no_other_has_one():
    from django.urls import get_resolver

    def views(patterns):
        for entry in patterns:
            if hasattr(entry, "url_patterns"):
                yield from views(entry.url_patterns)
            elif issubclass(getattr(entry.callback, "cls", object), ApiView):
                yield entry.name

    served = set(views(get_resolver().url_patterns))
    assert served - set(SCOPES) == set(), "name its scope in mriplatform/api/scopes.py"
    assert set(SCOPES) - served == set()
    assert served <= {name for _, name in routes()}


def test_what_only_reads_is_never_asked_to_write():
    from django.urls import get_resolver

    def views(patterns):
        for entry in patterns:
            if hasattr(entry, "url_patterns"):
                yield from views(entry.url_patterns)
            elif issubclass(getattr(entry.callback, "cls", object), ApiView):
                yield entry.name, entry.callback.cls

    for name, view in views(get_resolver().url_patterns):
        writes = any(hasattr(view, method) for method in ("post", "put", "patch", "delete"))
        assert writes == (SCOPES[name] != "read"), name


def test_a_token_does_what_its_scopes_name(house):
    study = f"/studies/{house.study.pk}"
    reader, purger = holder(house, "ann", "read"), holder(house, "ann", "manage")
    assert reader.get(f"/api/v1{study}").status_code == 200
    refused = post(reader, f"{study}/purge", reason="r")
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert "manage" in refused.json()["detail"]
    assert purger.get(f"/api/v1{study}").status_code == 403
    assert post(purger, f"{study}/purge", reason="r").status_code == 200


def test_a_scope_gives_nothing_that_the_user_may_not(house):
    assert (
        post(holder(house, "alice", "manage"), f"/studies/{house.study.pk}/purge", reason="r").status_code
        == 403
    )


@pytest.mark.parametrize("scheme", ["Token", "Bearer", "bearer"])
def test_both_words_before_a_token(house, scheme):
    token = make_token(user=house.people["alice"], name="t")[1]
    client = Client(headers={"Authorization": f"{scheme} {token}"})
    assert client.get("/api/v1/collections").status_code == 200


@pytest.mark.parametrize(
    "given", ["Token", "Token ", "Token a b", "Token \xff", "Bearer " + "g" * 64, "Token " + "0" * 63]
)
def test_what_is_no_token_is_a_401(house, given):
    answer = Client(headers={"Authorization": given}).get("/api/v1/collections")
    assert answer.status_code == 401
    assert "WWW-Authenticate" in answer


def test_a_token_makes_no_token_that_is_more_than_itself(house):
    maker = holder(house, "ann", "manage", "read", days=10)
    for more in ({}, {"scopes": []}, {"scopes": ["upload"]}, {"scopes": ["read", "train"]}):
        assert post(maker, "/tokens", name="n", days=5, **more).status_code == 403
    assert post(maker, "/tokens", name="n", days=11, scopes=["read"]).status_code == 403
    made = post(maker, "/tokens", name="n", days=9, scopes=["read", "read"])
    assert made.status_code == 201
    assert made.json()["scopes"] == ["read"]
    assert post(holder(house, "ann", "read"), "/tokens", name="n", scopes=["read"]).status_code == 403


@pytest.mark.parametrize(
    "bad", [{"days": 366}, {"days": 0}, {"scopes": ["all"]}, {"name": ""}, {"user": "ann"}]
)
def test_a_token_that_cannot_be_made(house, bad):
    before = ApiToken.objects.count()
    assert post(house.client("alice"), "/tokens", **({"name": "n"} | bad)).status_code == 400
    assert ApiToken.objects.count() == before


def test_one_lists_and_revokes_ones_own(house):
    alice, bob = holder(house, "alice"), holder(house, "bob")
    (row,) = alice.get("/api/v1/tokens").json()["results"]
    assert (row["name"], row["scopes"]) == ("t", [])
    assert row["last_used_at"] is not None
    assert post(bob, "/tokens/revoke", id=row["id"]).status_code == 404
    assert post(alice, "/tokens/revoke", id=row["id"]).status_code == 204
    assert alice.get("/api/v1/tokens").status_code == 401
    assert bob.get("/api/v1/tokens").status_code == 200


def test_the_page_makes_a_token_with_scopes(house):
    client = house.client("alice")
    body = client.post(
        reverse("token-make"), {"name": "gateway", "days": "7", "scopes": ["upload", "read"]}
    ).content.decode()
    assert "read, upload" in body
    assert ApiToken.objects.get().scopes == ["read", "upload"]


def test_a_new_password_ends_every_token_by_whatever_door(house):
    alice, bob = holder(house, "alice"), holder(house, "bob")
    user = house.people["alice"]
    user.set_password("another long phrase")
    user.save(update_fields=["password"])
    assert alice.get("/api/v1/tokens").status_code == 401
    assert bob.get("/api/v1/tokens").status_code == 200
    assert AuditEvent.objects.get(action="tokens.revoked").data["count"] == 1


def test_a_better_hash_of_the_same_password_ends_none(house, settings):
    user = house.people["alice"]
    settings.PASSWORD_HASHERS = settings.PASSWORD_HASHERS[::-1]
    user.set_password("another long phrase")
    user.save()
    client = holder(house, "alice")
    settings.PASSWORD_HASHERS = settings.PASSWORD_HASHERS[::-1]
    user.refresh_from_db()
    old = user.password
    assert user.check_password("another long phrase")
    user.refresh_from_db()
    assert user.password != old
    assert client.get("/api/v1/tokens").status_code == 200


def test_who_is_not_active_any_more_is_turned_away_and_so_is_an_expired_token(house):
    alice, bob = holder(house, "alice"), holder(house, "bob")
    house.people["alice"].is_active = False
    house.people["alice"].save()
    ApiToken.objects.filter(user=house.people["bob"]).update(expiry=timezone.now() - timedelta(seconds=1))
    assert {alice.get("/api/v1/tokens").status_code, bob.get("/api/v1/tokens").status_code} == {401}


def test_members_are_granted_and_revoked_by_administrators(house):
    ann, at = house.client("ann"), f"/collections/{house.collection.pk}/members"
    sent = {"user": "loner", "role": "uploader"}
    assert [post(ann, at, **sent).status_code for _ in range(2)] == [201, 200]
    rows = ann.get(f"/api/v1{at}").json()["results"]
    assert {"user": "loner", "role": "uploader", "seniority": 0} in rows
    assert post(ann, at, **sent, seniority=3).json()["seniority"] == 3
    assert post(ann, at, **sent).json()["seniority"] == 3
    assert post(ann, f"{at}/revoke", **sent).status_code == 204
    assert post(ann, f"{at}/revoke", **sent).json()["code"] == "no_such_role"
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"membership.granted", "membership.revoked"} <= actions
    for name, status in (("alice", 403), ("charlie", 404)):
        client = house.client(name)
        assert client.get(f"/api/v1{at}").status_code == status
        assert post(client, at, **sent).status_code == status
        assert post(client, f"{at}/revoke", **sent).status_code == status


def test_a_reader_is_never_staff_by_this_door_either(house):
    at = f"/collections/{house.collection.pk}/members"
    refused = post(house.client("ann"), at, user="ann", role="radiologist")
    assert (refused.status_code, refused.json()["code"]) == (422, "role_refused")
    assert not Membership.objects.filter(user__username="ann", role="radiologist").exists()


def test_a_collection_is_made_by_administrators_of_the_platform(house):
    sent = {"name": "Paediatrics", "description": "d"}
    assert post(house.client("ann"), "/collections", **sent).status_code == 403
    house.people["ann"].is_superuser = True
    house.people["ann"].save()
    made = post(house.client("ann"), "/collections", **sent)
    assert made.status_code == 201
    assert made.json()["roles"] == ["admin"]
    assert Collection.objects.filter(name="Paediatrics").exists()
    assert post(house.client("ann"), "/collections", **sent).status_code == 400


@pytest.mark.parametrize("maker", ["session", "token"])
def test_a_token_gets_no_greater_one_by_repeating_what_made_it(house, maker):
    """The answer that is kept under a key holds the new token in the clear: it is for whoever made that one."""
    full = house.client("ann") if maker == "session" else holder(house, "ann")
    key, body = str(uuid4()), {"name": "cron", "days": 60}

    def send(client):
        return client.post(
            "/api/v1/tokens", body, content_type="application/json", headers={"Idempotency-Key": key}
        )

    made = send(full)
    assert (made.status_code, made.json()["scopes"]) == (201, [])
    for less in (holder(house, "ann", "manage"), holder(house, "ann", days=30)):
        refused = send(less)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
        assert made.json()["token"] not in refused.content.decode()
    again = send(full)
    assert (again["Idempotency-Replayed"], again.json()) == ("true", made.json())
