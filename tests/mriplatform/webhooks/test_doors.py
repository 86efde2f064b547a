"""A person's webhooks by page and API: their own alone, the secret once, and no word of what they may not know."""

import json
from uuid import uuid4

import pytest
from django.urls import reverse
from standardwebhooks import Webhook

from mriplatform.accounts.roles import Role
from mriplatform.audit.models import AuditEvent
from mriplatform.outbox import delivering
from mriplatform.outbox.delivering import drain
from mriplatform.outbox.models import Delivery, Endpoint
from mriplatform.outbox.publishing import publish
from tests.factories import make_collection, make_people, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection():
    return make_collection("Neuro")


@pytest.fixture
def uma(collection):
    return make_user("uma", collection=collection, role="uploader")


@pytest.fixture
def api(client):
    """Asks the API as somebody: `api(user, "POST", "/webhooks", {...})`."""

    def _api(user, method, path, sent=None):
        client.force_login(user)
        body = json.dumps(sent if sent is not None else {})
        send = getattr(client, method.lower())
        address = f"/api/v1{path}"
        return send(address) if method == "GET" else send(address, body, content_type="application/json")

    return _api


@pytest.fixture
def hook(receiver, quick, collection):
    return {"url": receiver.url, "kinds": ["study.final"], "collection": str(collection.pk), "name": "Ward"}


def happen(collection):
    study = uuid4()
    return publish(
        kind="study.final", object_id=study, collection_id=collection.pk, data={"study": str(study)}
    )


def test_the_whole_life_of_a_webhook_by_api(api, uma, hook, collection, receiver):
    made = api(uma, "POST", "/webhooks", hook)
    assert made.status_code == 201
    secret, path = made.json()["secret"], f"/webhooks/{made.json()['id']}"
    event = happen(collection)
    assert api(uma, "POST", f"{path}/test").status_code == 202
    assert drain() == 2
    for headers, body in receiver.got:
        Webhook(secret).verify(body, headers)
    listed = api(uma, "GET", f"{path}/deliveries").json()["results"]
    assert [(row["kind"], row["state"], row["tries"][0]["status"]) for row in listed] == [
        ("webhook.test", "delivered", 204), ("study.final", "delivered", 204),
    ]  # fmt: skip
    assert listed[1]["webhook_id"] == f"msg_{event.pk.hex}"
    assert len(api(uma, "GET", f"{path}/deliveries?kind=webhook.test").json()["results"]) == 1
    assert api(uma, "GET", f"{path}/deliveries?state=given_up").json()["results"] == []
    assert api(uma, "GET", f"{path}/deliveries?state=x").status_code == 400
    again = api(uma, "POST", f"{path}/deliveries/{listed[1]['id']}/redeliver")
    assert (again.status_code, again.json()["by_hand"]) == (202, True)
    assert api(uma, "POST", f"{path}/deliveries/{listed[1]['id']}/redeliver").json()["code"] == "on_its_way"
    assert drain() == 1
    assert api(uma, "POST", f"{path}/pause").json()["state"] == "paused"
    assert api(uma, "POST", f"{path}/test").json()["code"] == "webhook_not_active"
    assert api(uma, "POST", f"{path}/resume").json()["state"] == "active"
    rotated = api(uma, "POST", f"{path}/secret").json()
    assert rotated["secret"] != secret
    assert rotated["previous_secret_until"]
    shown = api(uma, "GET", path).json()
    assert "secret" not in shown
    assert shown["kinds"] == ["study.final"]
    assert len(api(uma, "GET", "/webhooks").json()["results"]) == 1
    assert api(uma, "DELETE", path).status_code == 204
    assert api(uma, "GET", path).status_code == 404
    assert api(uma, "GET", "/webhooks").json()["results"] == []
    assert list(AuditEvent.objects.filter(actor=uma).order_by("at").values_list("action", flat=True)) == [
        "webhook.made", "webhook.tested", "webhook.redelivered", "webhook.paused", "webhook.resumed",
        "webhook.secret_rotated", "webhook.deleted",
    ]  # fmt: skip
    assert not any(hook["url"] in json.dumps(row.data) for row in AuditEvent.objects.all())


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"url": "https://127.0.0.1/"}, 422, "address_refused"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, 422, "address_refused"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, 422, "address_refused"),
        ({"url": "ftp://a.example/"}, 422, "address_refused"),
        ({"url": "x" * 501}, 400, None),
        ({"url": "https://a.example/\0"}, 400, None),
        ({"kinds": ["review.submitted"]}, 422, "kind_not_allowed"),
        ({"kinds": ["model_version.promoted"]}, 422, "kind_not_allowed"),
        ({"kinds": ["study.reopened"]}, 400, None),
        ({"kinds": []}, 400, None),
        ({"kinds": "study.final"}, 400, None),
        ({"collection": str(uuid4())}, 404, None),
        ({"collection": None}, 403, None),
        ({"owner": str(uuid4())}, 400, None),
        ({"state": "active"}, 400, None),
        ({"secret": "whsec_AAAA"}, 400, None),
    ],
)
def test_what_no_webhook_can_be_is_said_and_nothing_is_kept(api, uma, hook, quick, change, status, code):
    quick.WEBHOOK_ALLOWED = ()
    answer = api(uma, "POST", "/webhooks", hook | change)
    assert answer.status_code == status, answer.content
    if code:
        assert answer.json()["code"] == code
    assert not Endpoint.objects.exists()


def test_a_wrong_place_is_told_from_a_role_that_is_missing(api, uma, hook):
    """What only a webhook of the platform tells is no matter of roles: the sentence names the mend."""
    elsewhere = api(uma, "POST", "/webhooks", hook | {"kinds": ["model_version.promoted"]}).json()
    assert elsewhere["detail"] == (
        "“A model version was put in force” (model_version.promoted) is told of the whole platform: make a webhook "
        "without a collection for it."
    )
    missing = api(uma, "POST", "/webhooks", hook | {"kinds": ["review.submitted"]}).json()
    assert missing["detail"] == (
        "Your roles there do not let you be told of “A review was submitted” (review.submitted)."
    )


def test_nobody_has_more_than_so_many(api, uma, hook, quick):
    quick.WEBHOOKS_PER_USER = 2
    for _ in range(2):
        assert api(uma, "POST", "/webhooks", hook).status_code == 201
    assert api(uma, "POST", "/webhooks", hook).json()["code"] == "too_many_webhooks"
    api(uma, "DELETE", f"/webhooks/{Endpoint.objects.latest('pk').pk}")
    assert api(uma, "POST", "/webhooks", hook).status_code == 201


def test_anothers_webhook_is_not_there_by_any_address(api, client, uma, hook, collection, receiver):
    path = f"/webhooks/{api(uma, 'POST', '/webhooks', hook).json()['id']}"
    happen(collection)
    drain()
    delivery = Delivery.objects.get()
    for other in make_people(collection, "other-").values():
        missing = f"/webhooks/{uuid4()}"
        asked = [
            ("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/secret"),
            ("POST", "/test"), ("GET", "/deliveries"), ("POST", f"/deliveries/{delivery.pk}/redeliver"),
        ]  # fmt: skip
        for method, rest in asked:
            theirs, none = api(other, method, path + rest), api(other, method, missing + rest)
            assert theirs.status_code == none.status_code == 404
            assert _said(theirs) == _said(none)
        assert client.get(path).status_code == 404
        for change in ("pause", "resume", "secret", "test", "delete", f"deliveries/{delivery.pk}/again"):
            assert client.post(f"{path}/{change}").status_code == 404
    assert Endpoint.objects.get().state == "active"


def _said(answer):
    return {key: value for key, value in answer.json().items() if key != "request_id"}


def test_a_delivery_of_another_webhook_of_ones_own_is_not_this_ones(api, uma, hook, collection):
    first, second = (api(uma, "POST", "/webhooks", hook).json()["id"] for _ in range(2))
    happen(collection)
    drain()
    delivery = Delivery.objects.get(endpoint=first)
    assert api(uma, "POST", f"/webhooks/{second}/deliveries/{delivery.pk}/redeliver").status_code == 404


@pytest.mark.parametrize("role", list(Role))
def test_each_role_is_offered_what_it_may_hear_of_and_no_more(client, collection, quick, role):
    user = make_people(collection)[role]
    client.force_login(user)
    page = client.get(reverse("webhooks")).content.decode()
    offered = {
        kind
        for kind in ("prediction.succeeded", "review.submitted", "study.final", "model_version.promoted")
        if kind in page
    }
    models = {"model_version.promoted"}
    reviews = {"review.submitted"}
    more = {
        Role.UPLOADER: set(), Role.INTAKE_REVIEWER: set(), Role.RADIOLOGIST: reviews, Role.ADJUDICATOR: reviews,
    }.get(role, models | reviews)  # fmt: skip
    assert offered == {"prediction.succeeded", "study.final"} | more


def test_the_pages_make_show_and_end_a_webhook(client, uma, hook, collection, receiver, monkeypatch):
    # Without pauses it is tried again for as long as a drain lasts.
    monkeypatch.setattr(delivering, "DRAIN_SECONDS", 0.5)
    client.force_login(uma)
    assert "No webhooks yet" in client.get("/webhooks").content.decode()
    form = {"url": hook["url"], "kinds": ["study.final"], "place": str(collection.pk), "name": "Ward <b>"}
    made = client.post("/webhooks", form)
    assert made.headers["Cache-Control"].startswith("max-age=0")
    endpoint = Endpoint.objects.get()
    page = made.content.decode()
    assert "whsec_" in page
    assert "Ward &lt;b&gt;" in page
    path = reverse("webhook", args=[endpoint.pk])
    assert "whsec_" not in client.get(path).content.decode()
    happen(collection)
    client.post(f"{path}/test")
    receiver.answer = 500
    drain()
    page = client.get(path).content.decode()
    assert "Failing" in page
    assert "The receiver answered 500." in page
    receiver.answer = 204
    while drain():
        pass
    page = client.get(path).content.decode()
    assert page.count(">Delivered<") == 2
    delivery = Delivery.objects.get(by_hand=False)
    again = client.post(reverse("webhook-redeliver", args=[endpoint.pk, delivery.pk]))
    assert again.status_code == 302
    assert "whsec_" in client.post(f"{path}/secret").content.decode()
    client.post(f"{path}/pause")
    assert "Paused" in client.get("/webhooks").content.decode()
    client.post(f"{path}/resume")
    assert client.post(f"{path}/delete").status_code == 302
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "change",
    [{"url": "https://10.0.0.1/"}, {"kinds": ["model_version.promoted"]}, {"place": "x"}, {"url": ""}],
)
def test_the_form_says_what_is_wrong_and_keeps_what_was_entered(client, uma, hook, collection, change):
    client.force_login(uma)
    form = {
        "url": "https://8.8.8.8/x",
        "kinds": ["study.final"],
        "place": str(collection.pk),
        "name": "Kept",
    } | change
    answer = client.post("/webhooks", form)
    assert answer.status_code in (400, 422)
    page = answer.content.decode()
    assert 'role="alert"' in page
    assert 'value="Kept"' in page
    assert not Endpoint.objects.exists()


def test_whoever_belongs_nowhere_has_nothing_to_hear_of(client, api, hook):
    stranger = make_user("stranger")
    client.force_login(stranger)
    assert "Make a webhook" not in client.get("/webhooks").content.decode()
    assert api(stranger, "POST", "/webhooks", hook).status_code == 404
    assert client.get("/webhooks?x=1").status_code == 400


def test_the_admin_shows_webhooks_to_superusers_and_neither_address_nor_secret(
    client, uma, hook, api, collection
):
    api(uma, "POST", "/webhooks", hook | {"url": hook["url"] + "?token=hush"})
    happen(collection)
    drain()
    people = make_people(collection)
    client.force_login(people[Role.ADMIN])
    for name, thing in (("endpoint", Endpoint.objects.get()), ("delivery", Delivery.objects.get()),
                        ("outboxevent", Delivery.objects.get().event), ("deliveryattempt", Delivery.objects.get().tries.get())):  # fmt: skip # noqa: E501
        for address in (
            reverse(f"admin:outbox_{name}_changelist"),
            reverse(f"admin:outbox_{name}_change", args=[thing.pk]),
        ):
            page = client.get(address)
            assert page.status_code == 200
            assert b"hush" not in page.content
            assert b"whsec" not in page.content
        assert client.get(reverse(f"admin:outbox_{name}_add")).status_code == 403
    for role in (Role.ML_ENGINEER, Role.APPROVER, Role.AUDITOR):
        client.force_login(people[role])
        assert client.get(reverse("admin:outbox_endpoint_changelist")).status_code == 403
