"""The reader's endpoints: literal, repeatable, and nobody else's."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import connection
from rest_framework.test import APIClient

from mriplatform.accounts.services import make_token
from reviews.models import Reading, ReviewEvent
from reviews.services.protocols import set_protocol
from reviews.services.reading import claim_image
from tests.factories import analysed_image, make_collection, make_image, make_prediction, make_study

READINGS = "/api/v1/readings"
BOX = {"shape": "box", "x": 0.4, "y": 0.5, "width": 0.2, "height": 0.3}
FOUND = {"image_quality": "limited", "location": "temporal", "region": BOX}


def client_of(user):
    """A client that sends the user's token, as a program does."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {make_token(user=user, name='test')[1]}")
    return client


@pytest.fixture
def api(alice):
    return client_of(alice)


@pytest.fixture
def reading(api, collection, image):
    """The address of a reading that was claimed through the API."""
    answer = api.post(READINGS, {"collection": str(collection.pk)}, format="json")
    assert answer.status_code == 200
    return f"{READINGS}/{answer.json()['id']}"


def post(client, address, document=None, **headers):
    return client.post(address, document or {}, format="json", headers=headers)


def problem(response, status, code):
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert (body["status"], body["code"]) == (status, code), body
    return body


def test_a_whole_reading(api, image, reading):
    found = api.get(reading)
    document = found.json()
    assert (document["step"], document["machine_answer"], document["protocol"]["mode"]) == (
        "first_read",
        None,
        "blinded_first",
    )
    assert document["image"]["pixels"] == f"/api/v1/images/{image.pk}/pixels"
    assert found["Cache-Control"] == "private, no-store"
    assert api.get(document["image"]["pixels"]).status_code == 200

    said = post(api, f"{reading}/first-read", {"label": "meningioma", "confidence": 3})
    assert (said.status_code, said.json()["kind"], said.json()["prediction"]) == (201, "first_read", None)
    assert api.get(reading).json()["machine_answer"] is None

    shown = post(api, f"{reading}/reveal")
    answer = shown.json()["machine_answer"]
    assert (shown.status_code, answer["label"], answer["model_version"]["number"]) == (200, "glioma", 1)
    assert answer["probabilities"]["glioma"] == pytest.approx(0.85)
    assert answer["maps"]["box"] == [0, 0, 64, 64]
    assert post(api, f"{reading}/reveal").json()["reveal"] == shown.json()["reveal"]

    verdict = post(
        api, f"{reading}/verdict", {"verdict": "correct", "label": "meningioma", "reason": "location"}
    )
    assert (verdict.status_code, verdict.json()["saw_prediction"]) == (201, True)
    undone = post(api, f"{reading}/undo", {"event": verdict.json()["id"]})
    assert (undone.status_code, undone.json()["kind"]) == (201, "withdrawal")
    assert post(api, f"{reading}/verdict", {"verdict": "not_assessable"}).status_code == 201
    amended = post(
        api,
        f"{reading}/amend",
        {"verdict": "confirm", "reason": "other", "note": "Clear after all."},
        **{"If-Match": api.get(reading)["ETag"]},
    )
    assert (amended.status_code, amended.json()["label"]) == (201, "glioma")

    events = api.get(f"{reading}/events").json()["results"]
    assert [event["kind"] for event in events] == [
        "first_read",
        "reveal",
        "verdict",
        "withdrawal",
        "verdict",
        "amendment",
    ]
    final = api.get(reading).json()
    assert (final["step"], final["verdict"]["id"], final["undo_until"]) == (
        "done",
        amended.json()["id"],
        None,
    )


@pytest.fixture
def slices(collection):
    """Five analysed images of one study."""
    study = make_study(collection, images=5)
    for image in study.images.all():
        make_prediction(image)
    return list(study.images.order_by("position"))


def range_of(reader, image):
    """The address at which a reader of this image says the same of several."""
    return f"{READINGS}/{claim_image(reader=reader, image=image).pk}/range"


def test_a_first_read_for_several_images(api, alice, slices):
    address, key = range_of(alice, slices[1]), str(uuid4())
    said = {
        "first": str(slices[0].pk),
        "last": str(slices[2].pk),
        "label": "glioma",
        "confidence": 2,
        **FOUND,
    }
    answer = post(api, address, said, **{"Idempotency-Key": key})
    assert (answer.status_code, answer["Cache-Control"]) == (201, "private, no-store")
    results = answer.json()["results"]
    assert [one["image"] for one in results] == [str(image.pk) for image in slices[:3]]
    assert [one["first_read"]["region"] for one in results] == [None, BOX, None]
    assert {(one["first_read"]["label"], one["first_read"]["location"]) for one in results} == {
        ("glioma", "temporal")
    }
    assert api.get(f"{READINGS}/{results[2]['reading']}").json()["step"] == "reveal"
    assert post(api, address, said, **{"Idempotency-Key": key}).json() == answer.json()
    assert ReviewEvent.objects.count() == 3
    problem(
        post(api, address, said | {"label": "pituitary"}, **{"Idempotency-Key": key}),
        422,
        "idempotency_key_reused",
    )
    problem(post(api, address, said), 409, "range_not_free")


def test_a_range_of_a_study_that_has_grown_is_said_of_nothing_unseen(api, alice, slices):
    address = range_of(alice, slices[1])
    said = {
        "first": str(slices[0].pk),
        "last": str(slices[2].pk),
        "label": "glioma",
        "confidence": 2,
        "of": 5,
    }
    # A slice that is pushed meanwhile, and lies between.
    make_image(slices[0].study, position=1)
    problem(post(api, address, said), 409, "study_changed")
    assert ReviewEvent.objects.count() == 0
    alone = {"first": str(slices[1].pk), "last": str(slices[1].pk), "of": 6}
    assert post(api, address, said | alone).status_code == 201


def test_a_range_that_is_none_is_refused_and_nothing_is_said(api, alice, bob, slices):
    address = range_of(alice, slices[1])
    said = {"first": str(slices[0].pk), "last": str(slices[2].pk), "label": "glioma", "confidence": 2}
    for wrong, code in (
        ({"first": str(slices[3].pk)}, "no_such_range"),
        ({"last": str(uuid4())}, "no_such_range"),
        ({"first": str(slices[2].pk)}, "range_without_image"),
    ):
        problem(post(api, address, said | wrong), 400, code)
    for wrong in ({"first": 1}, {"last": None}, {"label": "x"}, {"confidence": 7}, {"images": []}):
        assert post(api, address, said | wrong).status_code == 400
    for missing in ("first", "last", "label"):
        assert post(api, address, {name: said[name] for name in said if name != missing}).status_code == 400
    assert post(api, address, said, **{"Idempotency-Key": "x"}).status_code == 400
    assert post(client_of(bob), address, said).status_code == 404
    claim_image(reader=bob, image=slices[2])
    assert "image 3" in problem(post(api, address, said), 409, "range_not_free")["detail"]
    assert not ReviewEvent.objects.exists()
    assert Reading.objects.filter(reader=alice).count() == 1


def test_a_named_image_is_claimed_or_the_reading_of_it_that_there_is(api, collection, image):
    other = analysed_image(collection)
    for _ in range(2):
        sent = {"collection": str(collection.pk), "image": str(other.pk)}
        claimed = api.post(READINGS, sent, format="json")
        assert (claimed.status_code, claimed.json()["image"]["id"]) == (200, str(other.pk))
    assert Reading.objects.get().drawn == Reading.Drawn.CHOSEN
    elsewhere = analysed_image(make_collection("Elsewhere"))
    sent = {"collection": str(collection.pk), "image": str(elsewhere.pk)}
    problem(api.post(READINGS, sent, format="json"), 404, "not_found")


def test_when_nothing_waits_the_answer_is_empty(api, collection):
    answer = post(api, READINGS, {"collection": str(collection.pk)})
    assert (answer.status_code, answer.content) == (204, b"")


def test_readings_are_listed_a_page_at_a_time(api, collection, alice, read):
    for _ in range(3):
        read.finished(alice, analysed_image(collection))
    page = api.get(f"{READINGS}?collection={collection.pk}&page_size=2").json()
    assert [row["step"] for row in page["results"]] == ["done", "done"]
    assert "machine_answer" not in page["results"][0]
    rest = api.get(page["next"]).json()
    assert (len(rest["results"]), rest["next"]) == (1, None)


@pytest.mark.parametrize(
    "query",
    [
        "ordering=user__password",
        "reader=bob",
        "page_size=100000",
        "cursor=tampered",
        "collection=7",
        f"x={'y' * 9000}",
    ],
)
def test_a_query_that_is_not_known_is_malformed(api, query):
    problem(api.get(f"{READINGS}?{query}"), 400, "invalid")


def test_steps_out_of_order_are_conflicts(api, reading):
    problem(post(api, f"{reading}/reveal"), 409, "first_read_missing")
    problem(post(api, f"{reading}/verdict", {"verdict": "not_assessable"}), 409, "first_read_missing")
    seen = {"If-Match": api.get(reading)["ETag"]}
    problem(post(api, f"{reading}/amend", {"verdict": "not_assessable"}, **seen), 409, "verdict_missing")
    problem(post(api, f"{reading}/withdraw", {"reason": "slip"}, **seen), 409, "verdict_missing")
    problem(post(api, f"{reading}/undo"), 409, "nothing_to_undo")
    post(api, f"{reading}/first-read", {"label": "glioma", "confidence": 1})
    problem(
        post(api, f"{reading}/first-read", {"label": "glioma", "confidence": 1}), 409, "first_read_committed"
    )
    problem(post(api, f"{reading}/verdict", {"verdict": "confirm"}), 409, "reveal_missing")


@pytest.mark.parametrize(
    ("step", "document", "field"),
    [
        ("first-read", {"label": "glioma", "confidence": 1, "role": "admin"}, "role"),
        ("first-read", {"label": "glioma", "confidence": 1, "id": str(uuid4())}, "id"),
        ("first-read", {"label": "cyst", "confidence": 1}, "label"),
        ("first-read", {"label": "glioma", "confidence": -1}, "confidence"),
        ("first-read", {"label": "glioma", "confidence": 2.5}, "confidence"),
        ("first-read", {"confidence": 1}, "label"),
        ("first-read", {"label": {"$ne": ""}, "confidence": 1}, "label"),
        ("first-read", {"label": "glioma", "confidence": 1, "image_quality": "superb"}, "image_quality"),
        ("first-read", {"label": "glioma", "confidence": 1, "location": "toe"}, "location"),
        ("first-read", {"label": "glioma", "confidence": 1, "region": "box"}, "region"),
        ("first-read", {"label": "glioma", "confidence": 1, "region": {"shape": "star"}}, "region"),
        ("first-read", {"label": "glioma", "confidence": 1, "region": BOX | {"x": 1.5}}, "region"),
        ("first-read", {"label": "glioma", "confidence": 1, "region": BOX | {"x": "nan"}}, "region"),
        ("first-read", {"label": "glioma", "confidence": 1, "region": BOX | {"angle": 4}}, "region"),
        ("first-read", {"label": "glioma", "confidence": 1, "active_ms": -1}, "active_ms"),
        ("first-read", {"label": "glioma", "confidence": 1, "active_ms": "long"}, "active_ms"),
        ("reveal", {"prediction": str(uuid4())}, "prediction"),
        ("reveal", {"active_ms": 0.5}, "active_ms"),
        ("verdict", {"verdict": "confirm", "saw_prediction": False}, "saw_prediction"),
        ("verdict", {"verdict": "confirm", "status": "done"}, "status"),
        ("verdict", {"verdict": "approve"}, "verdict"),
        ("verdict", {"verdict": "not_assessable", "note": "x" * 2001}, "note"),
        ("verdict", {"verdict": "not_assessable", "note": "a\0b"}, "note"),
        ("amend", {"verdict": "confirm", "at": "2020-01-01"}, "at"),
        ("withdraw", {"note": "no reason"}, "reason"),
        ("withdraw", {"reason": "undo"}, "reason"),
        ("withdraw", {"reason": "slip", "event": str(uuid4())}, "event"),
        ("undo", {"event": "newest"}, "event"),
        ("undo", {"kind": "verdict"}, "kind"),
    ],
)
def test_what_a_step_does_not_take_is_named(api, reading, step, document, field):
    body = problem(post(api, f"{reading}/{step}", document), 400, "invalid")
    assert list(body["errors"]) == [field]
    assert field in body["detail"]
    assert not ReviewEvent.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b'{"label": "glioma", "confidence": NaN}',
        b'{"label": "glioma", "confidence": Infinity}',
        b"[" * 10_000,
        b'{"label": "\xff"}',
        b"[1, 2]",
        b'"glioma"',
        b"",
        b'{"label": "glioma", "confidence": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_statement_is_malformed(api, reading, body):
    response = api.generic("POST", f"{reading}/first-read", body, content_type="application/json")
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")


def test_half_a_character_is_no_text(api, reading):
    body = b'{"verdict": "not_assessable", "note": "a\\ud800b"}'
    response = api.generic("POST", f"{reading}/verdict", body, content_type="application/json")
    assert "note" in problem(response, 400, "invalid")["errors"]


def test_a_note_of_ten_megabytes_is_too_big(api, reading):
    body = json.dumps({"verdict": "not_assessable", "note": "x" * 10_000_000}).encode()
    response = api.generic("POST", f"{reading}/verdict", body, content_type="application/json")
    assert response.status_code in (400, 413)


def test_only_json_is_taken(api, reading):
    response = api.post(f"{reading}/first-read", {"label": "glioma", "confidence": 1}, format="multipart")
    assert response.status_code == 415


def test_the_same_key_is_the_same_answer_and_other_content_is_refused(api, reading):
    key, document = str(uuid4()), {"label": "glioma", "confidence": 2}
    headers = {"Idempotency-Key": key}
    first = post(api, f"{reading}/first-read", document, **headers)
    again = post(api, f"{reading}/first-read", document, **headers)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    problem(
        post(api, f"{reading}/first-read", document | {"confidence": 1}, **headers),
        422,
        "idempotency_key_reused",
    )
    body = problem(
        post(api, f"{reading}/first-read", document, **{"Idempotency-Key": "again"}), 400, "invalid"
    )
    assert "Idempotency-Key" in body["errors"]


@pytest.mark.django_db(transaction=True)
def test_the_same_key_twenty_times_at_once_is_one_row_and_one_answer(api, alice, reading):
    key, document = str(uuid4()), {"label": "glioma", "confidence": 2}

    def _send(_):
        client = APIClient()
        client.force_authenticate(alice)
        try:
            response = post(client, f"{reading}/first-read", document, **{"Idempotency-Key": key})
            return response.status_code, response.content
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(_send, range(20)))
    assert [status for status, _ in answers] == [201]
    assert ReviewEvent.objects.count() == 1


def test_a_draft_needs_the_etag_that_it_is_based_on(api, reading):
    draft, address = {"label": "glioma", "confidence": 2, "note": "so far"}, f"{reading}/draft"
    etag = api.get(reading)["ETag"]
    problem(api.put(address, draft, format="json"), 428, "if_match_missing")
    kept = api.put(address, draft, format="json", headers={"If-Match": etag})
    assert (kept.status_code, kept.json()["draft"]) == (200, draft)
    problem(api.put(address, {}, format="json", headers={"If-Match": etag}), 412, "changed_meanwhile")
    assert kept["ETag"] == api.get(reading)["ETag"] != etag
    assert not ReviewEvent.objects.exists()


@pytest.mark.parametrize("seen", ['W/"{}"', '"{}-gzip"', 'W/"{}-zstd"'])
def test_a_proxy_that_compresses_and_marks_the_etag_so_stands_in_no_drafts_way(api, reading, seen):
    etag = seen.format(api.get(reading)["ETag"].strip('"'))
    kept = api.put(f"{reading}/draft", {"note": "so far"}, format="json", headers={"If-Match": etag})
    assert kept.status_code == 200


# --- Findings and times ---------------------------------------------------------------------------------------


def test_what_was_found_and_how_long_it_took_are_said_and_told(api, reading):
    document = {"label": "glioma", "confidence": 2, "active_ms": 10**9, **FOUND}
    said = post(api, f"{reading}/first-read", document)
    assert said.status_code == 201, said.content
    assert {name: said.json()[name] for name in FOUND} == FOUND
    assert 0 <= said.json()["active_ms"] < 10**9
    told = api.get(reading).json()["first_read"]
    assert {name: told[name] for name in FOUND} == FOUND
    shown = post(api, f"{reading}/reveal", {"active_ms": 0}).json()
    assert (shown["reveal"]["active_ms"], shown["reveal"]["region"]) == (0, None)
    verdict = post(
        api, f"{reading}/verdict", {"verdict": "confirm", "region": {"shape": "point", "x": 0, "y": 1}}
    )
    assert verdict.json()["region"] == {"shape": "point", "x": 0.0, "y": 1.0, "width": 0.0, "height": 0.0}
    assert verdict.json()["active_ms"] is None


def test_a_region_that_sticks_out_is_refused_with_a_sentence(api, reading):
    document = {"label": "glioma", "confidence": 2, "region": BOX | {"x": 0.95}}
    body = problem(post(api, f"{reading}/first-read", document), 400, "malformed_region")
    assert "sticks out" in body["detail"]


def test_a_draft_holds_what_was_found(api, reading):
    draft = {"label": "glioma", "active_ms": 1500, **FOUND}
    headers = {"If-Match": api.get(reading)["ETag"]}
    kept = api.put(f"{reading}/draft", draft, format="json", headers=headers)
    assert (kept.status_code, kept.json()["draft"]) == (200, draft)


# --- Later ----------------------------------------------------------------------------------------------------


@pytest.fixture
def finished(api, alice, image, read):
    """The address of a finished reading, and the ETag that it has."""
    address = f"{READINGS}/{read.finished(alice, image).pk}"
    return address, api.get(address)["ETag"]


@pytest.mark.parametrize(
    ("step", "said"), [("amend", {"verdict": "not_assessable"}), ("withdraw", {"reason": "slip"})]
)
def test_what_is_said_later_is_said_of_the_reading_as_it_was_seen(api, finished, step, said):
    address, etag = finished
    problem(post(api, f"{address}/{step}", said), 428, "if_match_missing")
    problem(post(api, f"{address}/{step}", said, **{"If-Match": '"another"'}), 412, "changed_meanwhile")
    key = {"Idempotency-Key": str(uuid4())}
    first = post(api, f"{address}/{step}", said, **{"If-Match": etag}, **key)
    assert first.status_code == 201, first.content
    assert first.json()["supersedes"]
    # The same request once more, whose answer was lost on its way: not refused for what it did itself.
    again = post(api, f"{address}/{step}", said, **{"If-Match": etag}, **key)
    assert (again.status_code, again.json()) == (201, first.json())
    problem(post(api, f"{address}/{step}", said, **{"If-Match": etag}), 412, "changed_meanwhile")
    assert ReviewEvent.objects.count() == 4


def test_a_withdrawn_verdict_opens_the_reading_again(api, finished):
    address, etag = finished
    said = post(api, f"{address}/withdraw", {"reason": "other", "note": "Wrong study."}, **{"If-Match": etag})
    assert (said.status_code, said.json()["kind"], said.json()["reason"]) == (201, "withdrawal", "other")
    now = api.get(address).json()
    assert (now["step"], now["verdict"], now["finished_at"]) == ("verdict", None, None)
    assert post(api, f"{address}/verdict", {"verdict": "not_assessable"}).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_of_a_hundred_amendments_with_one_etag_at_once_one_is_recorded(alice, finished):
    """Each has a connection of its own and starts when all are there; every one says something else."""
    address, etag = finished
    start = Barrier(100)

    def _amend(number):
        client = APIClient()
        client.force_authenticate(alice)
        said = {"verdict": "not_assessable", "note": f"{number}"}
        start.wait(timeout=300)
        try:
            return post(client, f"{address}/amend", said, **{"If-Match": etag})
        finally:
            connection.close()

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(_amend, range(100)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 412: 99}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 412} == {"changed_meanwhile"}
    (won,) = (answer.json() for answer in answers if answer.status_code == 201)
    amendments = ReviewEvent.objects.filter(kind="amendment")
    assert [(str(event.pk), event.note) for event in amendments] == [(won["id"], won["note"])]
    assert Reading.objects.get().events.count() == 4


# --- Whose ----------------------------------------------------------------------------------------------------

STEPS = ["", "/events", "/first-read", "/reveal", "/verdict", "/amend", "/withdraw", "/undo", "/draft"]
DOCUMENTS = {
    "/first-read": {"label": "glioma", "confidence": 1},
    "/verdict": {"verdict": "confirm"},
    "/amend": {"verdict": "confirm"},
    "/withdraw": {"reason": "slip"},
}


def missing(response):
    """A 404's body without what is new with each request."""
    body = problem(response, 404, "not_found")
    return {name: value for name, value in body.items() if name != "request_id"}


@pytest.mark.parametrize("step", STEPS)
def test_anothers_reading_is_as_missing_as_one_that_is_not_there(bob, charlie, engineer, reading, step):
    nowhere = f"{READINGS}/{uuid4()}"
    for somebody in (bob, charlie, engineer):
        client = client_of(somebody)
        if step in ("", "/events"):
            answers = [client.get(f"{address}{step}") for address in (reading, nowhere)]
        elif step == "/draft":
            answers = [client.put(f"{address}{step}", {}, format="json") for address in (reading, nowhere)]
        else:
            said = DOCUMENTS.get(step)
            answers = [post(client, f"{address}{step}", said) for address in (reading, nowhere)]
        assert missing(answers[0]) == missing(answers[1])


def test_anothers_readings_are_not_listed_and_their_collection_is_not_there(
    bob, charlie, collection, reading
):
    assert client_of(bob).get(READINGS).json()["results"] == []
    theirs = client_of(charlie)
    assert theirs.get(READINGS).json()["results"] == []
    asked = [theirs.get(f"{READINGS}?collection={pk}") for pk in (collection.pk, uuid4())]
    assert missing(asked[0]) == missing(asked[1])
    claimed = [post(theirs, READINGS, {"collection": str(pk)}) for pk in (collection.pk, uuid4())]
    assert missing(claimed[0]) == missing(claimed[1])


@pytest.mark.parametrize("role", ["uploader", "adjudicator", "ml_engineer", "approver", "auditor", "admin"])
def test_only_radiologists_claim(member, collection, image, role):
    client = client_of(member("nora", role))
    problem(post(client, READINGS, {"collection": str(collection.pk)}), 403, "not_allowed")
    assert not Reading.objects.exists()


def test_who_is_no_longer_a_reader_has_no_readings_there(api, alice, reading):
    alice.memberships.all().delete()
    assert api.get(reading).status_code == 404
    assert api.get(READINGS).json()["results"] == []


def test_nobody_is_asked_to_sign_in(db, collection):
    for response in (
        APIClient().get(READINGS),
        post(APIClient(), READINGS, {"collection": str(collection.pk)}),
    ):
        problem(response, 401, "not_authenticated")
        assert response["WWW-Authenticate"]


def test_a_session_needs_its_csrf_token(alice, collection, image):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(alice)
    assert post(client, READINGS, {"collection": str(collection.pk)}).status_code == 403
    assert not Reading.objects.exists()


def test_an_unaided_reading_is_never_revealed(api, collection, image):
    set_protocol(actor=None, collection=collection, mode="unaided")
    address = f"{READINGS}/{post(api, READINGS, {'collection': str(collection.pk)}).json()['id']}"
    post(api, f"{address}/first-read", {"label": "glioma", "confidence": 1})
    problem(post(api, f"{address}/reveal"), 409, "never_revealed")
    assert post(api, f"{address}/verdict", {"verdict": "confirm"}).status_code == 201
    assert api.get(address).json()["machine_answer"] is None
