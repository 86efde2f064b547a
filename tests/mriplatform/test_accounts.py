"""One's own account: roles, tokens that are shown once, password; and the command that makes a token."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mriplatform.accounts.models import ApiToken
from mriplatform.accounts.roles import Role
from mriplatform.audit.models import AuditEvent
from tests.factories import PASSWORD, make_collection, make_user

BACKEND = "mriplatform.accounts.backends.RoleBackend"


@pytest.fixture
def alice(db):
    return make_user("alice", collection=make_collection("Neuro"), role=Role.UPLOADER, password=PASSWORD)


@pytest.fixture
def client(alice) -> Client:
    client = Client()
    client.force_login(alice, BACKEND)
    return client


def make(client: Client, name: str = "my script", days: str = "30"):
    return client.post(reverse("token-make"), {"name": name, "days": days})


def shown_token(body: str) -> str:
    return body.split("data-token>")[1].split("<")[0]


def works(token: str) -> bool:
    return Client().get("/api/v1/collections", headers={"Authorization": f"Token {token}"}).status_code == 200


def test_the_account_shows_roles_and_settings(client):
    body = client.get(reverse("account")).content.decode()
    for said in ("Neuro", "Uploader", "theme-switch", "key-sheet", reverse("api-docs"), reverse("password")):
        assert said in body


def test_a_token_is_shown_once_and_kept_nowhere(client):
    from tests.classifier.doors import everything_stored

    response = make(client)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    token = shown_token(response.content.decode())
    assert works(token)
    assert token.encode() not in everything_stored()
    again = client.get(reverse("account")).content.decode()
    assert token not in again
    assert "my script" in again
    row = ApiToken.objects.get()
    assert abs(row.expiry - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    assert row.last_used_at is not None
    assert AuditEvent.objects.get(action="token.made").data["days"] == 30


def test_a_revoked_token_stops_working(client):
    token = shown_token(make(client).content.decode())
    response = client.post(reverse("token-revoke"), {"token": ApiToken.objects.get().digest}, follow=True)
    assert "The token is revoked." in response.content.decode()
    assert not works(token)
    assert AuditEvent.objects.filter(action="token.revoked").count() == 1


def test_a_token_that_no_digest_can_be_is_just_not_there(client, alice):
    client.force_login(alice)
    answer = client.post(reverse("token-revoke"), {"token": "\0"}, follow=True)
    assert "There is no such token of yours" in answer.content.decode()


def test_nobody_revokes_the_token_of_another(client, alice):
    from mriplatform.accounts.services import make_token

    row, token = make_token(user=make_user("bob"), name="bob's")
    response = client.post(reverse("token-revoke"), {"token": row.digest}, follow=True)
    assert "There is no such token of yours" in response.content.decode()
    assert works(token)


@pytest.mark.parametrize(
    ("name", "days"), [("", "30"), ("x" * 81, "30"), ("x", "9999"), ("x", "NaN"), ("a\0b", "30")]
)
def test_a_token_that_cannot_be_made(client, name, days):
    response = make(client, name, days)
    assert response.status_code == 400
    assert "errorlist" in response.content.decode()
    assert not ApiToken.objects.exists()


def test_tokens_need_a_person_and_a_csrf_token(alice):
    assert make(Client()).status_code == 302
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice, BACKEND)
    response = make(strict)
    assert response.status_code == 403
    assert "The page was open for too long" in response.content.decode()
    assert not ApiToken.objects.exists()


def test_the_command_makes_a_token(alice):
    out = StringIO()
    call_command("make_token", "alice", "--name", "cron", "--days", "7", stdout=out)
    assert works(out.getvalue().strip())
    assert ApiToken.objects.get().name == "cron"


@pytest.mark.parametrize(
    "arguments", [["nobody"], ["alice", "--days", "0"], ["alice", "--days", "366"], ["alice", "--name", ""]]
)
def test_the_command_refuses(alice, arguments):
    with pytest.raises(CommandError):
        call_command("make_token", *arguments)
    assert not ApiToken.objects.exists()


def test_signing_in_leads_only_to_our_own_pages(alice):
    sent = {"username": "alice", "password": PASSWORD}
    for target, arrived in (
        ("//evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/account", "/account"),
    ):
        response = Client().post(reverse("login") + f"?next={target}", sent | {"next": target})
        assert (response.status_code, response["Location"]) == (302, arrived)


def test_signing_in_too_often_with_a_wrong_password_is_stopped(alice, settings):
    settings.AXES_FAILURE_LIMIT = 3
    client = Client(raise_request_exception=False)
    statuses = [
        client.post(reverse("login"), {"username": "alice", "password": "wrong"}).status_code
        for _ in range(4)
    ]
    assert statuses[0] == 200
    assert statuses[-1] == 429


def test_a_new_password(client, alice):
    sent = {
        "old_password": PASSWORD,
        "new_password1": "another long phrase",
        "new_password2": "another long phrase",
    }
    assert client.post(reverse("password"), sent)["Location"] == reverse("account")
    alice.refresh_from_db()
    assert alice.check_password("another long phrase")


def test_a_fragment_for_somebody_signed_out_is_a_401_not_the_sign_in_page(db):
    response = Client().get("/", headers={"HX-Request": "true"})
    assert (response.status_code, response["Content-Type"]) == (401, "application/problem+json")


def test_the_navigation_shows_what_the_roles_open(client, alice):
    assert reverse("versions") not in client.get("/").content.decode()
    engineer = make_user(
        "erin", collection=alice.memberships.get().collection, role=Role.ML_ENGINEER, is_staff=True
    )
    client.force_login(engineer, BACKEND)
    body = client.get("/").content.decode()
    assert f'href="{reverse("versions")}"' in body
    assert f'href="{reverse("admin:index")}"' in body


def test_the_admin_has_the_mark_as_its_icon(client):
    assert b"img/mark" in client.get("/admin/login/", follow=True).content
