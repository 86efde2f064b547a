"""Versions in the shadow and passes over a backlog, by page, API and admin: the same acts, for the same people."""

from uuid import uuid4

import pytest
from django.test import Client

from classifier.models import Prediction, Shadow
from classifier.services.predictions import queue_predictions
from classifier.services.shadow import start_shadow
from reviews.models import Reading, Rescore
from reviews.services.figures import compute_figures
from reviews.services.protocols import set_protocol
from reviews.services.reading import give_verdict, reveal
from tests.factories import (
    analysed_image,
    answer,
    make_image,
    make_prediction,
    make_study,
    make_user,
    make_version,
)

API = "/api/v1"


@pytest.fixture
def sign_in():
    def _sign_in(user):
        client = Client()
        client.force_login(user)
        return client

    return _sign_in


@pytest.fixture
def unseen(collection):
    return make_version(promoted=False)


@pytest.fixture
def auditor(member):
    return member("aude", "auditor", is_staff=True)


def said(response):
    return [str(message) for message in response.context["messages"]]


def test_an_engineer_puts_a_version_in_the_shadow_and_ends_it_by_page(sign_in, engineer, collection, unseen):
    client, page = sign_in(engineer), f"/collections/{collection.pk}/shadows"
    assert "No version is in the shadow" in client.get(page).content.decode()
    begun = client.post(page, {"version": str(unseen.pk), "reason": "How does it do here?"}, follow=True)
    assert said(begun) == [f"Version {unseen.number} answers what comes in from now on, and nobody sees it."]
    shadow = Shadow.objects.get()
    assert (shadow.model_version, shadow.started_by) == (unseen, engineer)
    assert "Goes on" in begun.content.decode()
    again = client.post(page, {"version": str(unseen.pk), "reason": "r"})
    assert (again.status_code, "in the shadow of this collection already" in again.content.decode()) == (
        409,
        True,
    )
    assert client.post(page, {"version": str(unseen.pk), "reason": ""}).status_code == 400
    ended = client.post(f"/shadows/{shadow.pk}/end", follow=True)
    assert said(ended) == [f"Version {unseen.number} is asked about no further image."]


def test_an_engineer_does_so_by_api(sign_in, engineer, collection, unseen):
    client, path = sign_in(engineer), f"{API}/collections/{collection.pk}/shadows"
    sent = {"model_version": str(unseen.pk), "reason": "r"}
    begun = client.post(path, sent, content_type="application/json")
    assert (begun.status_code, begun.json()["model_version"]["number"]) == (201, unseen.number)
    conflict = client.post(path, sent, content_type="application/json")
    assert (conflict.status_code, conflict.json()["code"]) == (409, "shadow_already")
    assert client.post(path, {"reason": "r"}, content_type="application/json").status_code == 400
    one = client.get(path).json()["results"][0]
    assert (one["ended_at"], one["asked"], one["answered"]) == (None, 0, 0)
    ended = client.post(f"{API}/shadows/{one['id']}/end", {}, content_type="application/json")
    assert (ended.status_code, ended.json()["ended_by"]) == (200, "erin")


def test_figures_stand_beside_the_answer_for_those_who_may_see_them(
    sign_in, engineer, auditor, alice, bob, collection, unseen, version, read
):
    """Images that were read before the shadow, or came before it, are in none of them."""
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    earlier = make_image(make_study(collection, images=0))
    make_prediction(earlier, version=version, label="glioma")
    make_prediction(earlier, version=unseen, for_comparison=True, label="meningioma")
    start_shadow(actor=engineer, version=unseen, collection=collection, reason="r")
    images = [make_image(make_study(collection, images=0)) for _ in range(4)]
    queue_predictions(images)
    for row in Prediction.objects.filter(status="queued"):
        says = "meningioma" if row.for_comparison else "glioma"
        Prediction.objects.filter(pk=row.pk).update(status="succeeded", **answer(says))
    for image in (earlier, *images[:3]):
        for reader in (alice, bob):
            reading = read.first(reader, image, "meningioma")
            read_on(reader, reading)
    # They came in turn; what a reader picks out themselves is in no figure of the machine.
    Reading.objects.update(drawn=Reading.Drawn.ARRIVAL)
    compute_figures(collection=collection)
    for user in (engineer, auditor):
        shown = sign_in(user).get(f"{API}/collections/{collection.pk}/shadows").json()["results"][0]
        figures = {figure["name"]: figure["rows"] for figure in shown["figures"]}
        difference = {row["against"]: row for row in figures["shadow_difference"]}
        assert (difference["first_reads"]["n"], difference["first_reads"]["value"]) == (6, 1.0)
        assert (difference["final_labels"]["n"], difference["final_labels"]["only_shadow"]) == (3, 3)
        agreed = {
            row["side"]: row["value"] for row in figures["shadow_reads"] if row["measure"] == "agreement"
        }
        assert agreed == {"shadow": 1.0, "answer": 0.0}
        page = sign_in(user).get(f"/collections/{collection.pk}/shadows").content.decode()
        assert f"Version {unseen.number} beside the answer" in page
        assert "In the shadow: agreement with first reads" in page
    everybodys = sign_in(engineer).get(f"{API}/collections/{collection.pk}/figures").json()["figures"]
    assert {"shadow_reads", "shadow_labels"} <= {figure["name"] for figure in everybodys}
    readers = sign_in(alice).get(f"{API}/collections/{collection.pk}/figures").json()["figures"]
    assert not [figure for figure in readers if figure["name"].startswith("shadow")]


def read_on(reader, reading):
    reveal(reader=reader, reading=reading)
    correction = {"verdict": "correct", "label": "meningioma", "reason": "morphology"}
    give_verdict(reader=reader, reading=reading, idempotency_key=uuid4(), **correction)


def test_an_engineer_has_the_backlog_read_again_by_page(sign_in, engineer, collection):
    analysed_image(collection)
    newer = make_version()
    client, page = sign_in(engineer), f"/collections/{collection.pk}/rescores"
    assert client.get(f"{page}/live").status_code == 404
    assert f"1 image that version {newer.number} does not answer" in client.get(page).content.decode()
    assert client.post(page, {"per_minute": "0", "reason": "r"}).status_code == 400
    begun = client.post(page, {"per_minute": "30", "reason": "It is better."}, follow=True)
    assert said(begun) == [f"Version {newer.number} reads the backlog again."]
    rescore = Rescore.objects.get()
    live = client.get(f"{page}/live").content.decode()
    assert f"/collections/{collection.pk}/rescores/live" in live
    assert client.post(page, {"per_minute": "30", "reason": "r"}).status_code == 409
    for act, status in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        assert client.post(f"/rescores/{rescore.pk}/{act}", follow=True).status_code == 200
        rescore.refresh_from_db()
        assert rescore.status == status
    assert client.post(f"/rescores/{rescore.pk}/pause").status_code == 409
    assert "rescores/live" not in client.get(page).content.decode()


def test_an_engineer_does_that_by_api(sign_in, engineer, collection, version):
    analysed_image(collection)
    newer = make_version()
    client, path = sign_in(engineer), f"{API}/collections/{collection.pk}/rescores"
    other = client.post(
        path, {"model_version": str(version.pk), "reason": "r"}, content_type="application/json"
    )
    assert (other.status_code, other.json()["code"]) == (409, "does_not_read_here")
    sent = {"model_version": str(newer.pk), "reason": "r"}
    begun = client.post(path, sent, content_type="application/json")
    assert (begun.status_code, begun.json()["per_minute"], begun.json()["left"]) == (201, 120, 1)
    one = f"{API}/rescores/{begun.json()['id']}"
    assert client.get(one).json()["status"] == "running"
    for act, status in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        assert client.post(f"{one}/{act}", {}, content_type="application/json").json()["status"] == status
    refused = client.post(f"{one}/resume", {}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (409, "rescore_state")


def test_both_are_begun_and_ended_in_the_admin_after_a_confirmation(sign_in, engineer, collection, version):
    analysed_image(collection)
    newer, unseen = make_version(), make_version(promoted=False)
    client, chosen = sign_in(engineer), {"collection": str(collection.pk), "reason": "r"}
    assert "Put a version in the shadow" in client.get("/admin/classifier/shadow/").content.decode()
    start = "/admin/classifier/shadow/start/"
    assert "style=" not in client.get(start).content.decode().partition("<main")[2]
    client.post(start, chosen | {"version": str(unseen.pk)})
    shadow = Shadow.objects.get()
    end = f"/admin/classifier/shadow/{shadow.pk}/end/confirm/"
    assert end in client.get(f"/admin/classifier/shadow/{shadow.pk}/change/").content.decode()
    assert "asked about no image" in client.get(end).content.decode()
    client.post(end)
    shadow.refresh_from_db()
    assert shadow.ended_by == engineer
    start = "/admin/reviews/rescore/start/"
    assert f"1 images, version {newer.number}" in client.get(start).content.decode()
    refused = client.post(start, chosen | {"per_minute": "x"}, follow=True)
    assert "1 to 6,000 images" in said(refused)[0]
    client.post(start, chosen | {"per_minute": "60"})
    rescore = Rescore.objects.get()
    for act, status in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        client.post(f"/admin/reviews/rescore/{rescore.pk}/{act}/confirm/")
        rescore.refresh_from_db()
        assert rescore.status == status
    assert "1 to ask about" not in client.get(f"/admin/reviews/rescore/{rescore.pk}/change/").content.decode()


@pytest.mark.parametrize(
    ("role", "sees", "begins"),
    [
        ("ml_engineer", 200, True), ("approver", 200, False), ("auditor", 200, False), ("uploader", 403, False),
        ("radiologist", 403, False), ("adjudicator", 403, False), ("", 404, False),
    ],
)  # fmt: skip
def test_who_may_see_and_who_may_begin(sign_in, member, collection, unseen, role, sees, begins):
    client = sign_in(member("sam", role) if role else make_user("sam"))
    analysed_image(collection)
    make_version()
    for page in ("shadows", "rescores"):
        assert client.get(f"/collections/{collection.pk}/{page}").status_code == sees
        assert client.get(f"{API}/collections/{collection.pk}/{page}").status_code == sees
    sent = {"model_version": str(unseen.pk), "reason": "r"}
    made = client.post(f"{API}/collections/{collection.pk}/shadows", sent, content_type="application/json")
    assert made.status_code == (201 if begins else 403 if role else 404)
    made = client.post(f"/collections/{collection.pk}/rescores", {"per_minute": "60", "reason": "r"})
    assert made.status_code == (302 if begins else 403 if role else 404)


def test_who_reads_here_gets_neither_whatever_else_they_hold(sign_in, member, collection, unseen):
    both = member("emil", "ml_engineer")
    both.memberships.create(collection=collection, role="radiologist")
    shadow = Shadow.objects.create(collection=collection, model_version=unseen, reason="r")
    rescore = Rescore.objects.create(collection=collection, model_version=unseen, reason="r")
    client = sign_in(both)
    for path in (
        f"/collections/{collection.pk}/shadows", f"/collections/{collection.pk}/rescores",
        f"/collections/{collection.pk}/rescores/live", f"{API}/rescores/{rescore.pk}",
    ):  # fmt: skip
        assert client.get(path).status_code == 403
    for path in (f"/shadows/{shadow.pk}/end", f"/rescores/{rescore.pk}/cancel"):
        assert client.post(path).status_code == 403
        assert client.post(f"{API}{path}", {}, content_type="application/json").status_code == 403
