"""The quarantine by its doors: pages and API, who gets what there, and that nothing else shows what waits."""

import json

import cv2
import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from classifier.models import Image, QuarantinedImage
from mriplatform.accounts.roles import Role
from tests.classifier.doors import House, build_house, upload_file
from tests.factories import make_user
from tests.pictures import png
from tests.quarantined import BOX, make_quarantined, written

OTHERS = ("charlie", "loner", "alice", "bob", "both", "erin", "paul", "otto")
WHY = "A slice's number."
MASK = ", ".join(map(str, BOX))
RECTANGLE = dict(zip(("left", "top", "width", "height"), BOX, strict=True))


@pytest.fixture
def house(db) -> House:
    built = build_house()
    built.people["ines"] = make_user("ines", collection=built.collection, role=Role.INTAKE_REVIEWER)
    return built


@pytest.fixture
def row(house) -> QuarantinedImage:
    return make_quarantined(house.collection, house.people["alice"], seed=31)


def post(client: Client, path: str, body: object):
    return client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json")


# --- Pages ---------------------------------------------------------------------------------------------------------


def test_the_list_shows_what_waits_and_what_was_decided(house, row) -> None:
    client, address = house.client("ines"), reverse("quarantine", args=[house.collection.pk])
    assert row.short_id in client.get(address).content.decode()
    assert "Nothing decided yet" in client.get(f"{address}?decided").content.decode()
    client.post(reverse("quarantined-release", args=[row.pk]), {"reason": WHY})
    assert "Nothing waits" in client.get(address).content.decode()
    assert row.short_id in client.get(f"{address}?decided").content.decode()
    assert client.get(f"{address}?after=x").status_code == 400
    assert client.get(f"{address}?other=1").status_code == 400


def test_one_image_comes_with_the_marked_places_filled_in(house, row) -> None:
    page = house.client("ines").get(reverse("quarantined", args=[row.pk])).content.decode()
    # With a margin, and within the image: an edge of what was found may run through a letter.
    assert 'value="0, 0, 136, 26"' in page
    assert "Text found in the pixels" in page
    assert "no-store" in house.client("ines").get(reverse("quarantined", args=[row.pk]))["Cache-Control"]


@pytest.mark.parametrize("name", ["quarantined-pixels", "api-quarantined-pixels"])
def test_pixels_are_those_that_wait_and_are_never_kept(house, row, name) -> None:
    answer = house.client("ines").get(reverse(name, args=[row.pk]))
    assert np.array_equal(cv2.imdecode(np.frombuffer(answer.content, np.uint8), -1), written(31))
    assert answer["Cache-Control"] == "private, no-store"
    house.client("ines").post(reverse("quarantined-reject", args=[row.pk]), {"reason": WHY})
    assert house.client("ines").get(reverse(name, args=[row.pk])).status_code == 404


def test_masked_by_page_the_next_one_is_shown_and_then_the_list(house, row) -> None:
    other = make_quarantined(house.collection, house.people["alice"])
    client = house.client("ines")
    answer = client.post(reverse("quarantined-mask", args=[row.pk]), {"mask": [MASK, "", " "], "reason": ""})
    assert answer["Location"] == reverse("quarantined", args=[other.pk])
    row.refresh_from_db()
    assert (row.status, row.masks) == ("masked", [list(BOX)])
    answer = client.post(reverse("quarantined-reject", args=[other.pk]), {"reason": WHY}, follow=True)
    assert "No other one waits" in answer.content.decode()
    page = client.get(reverse("quarantined", args=[row.pk])).content.decode()
    assert str(row.image.study_id) in page
    assert "<mask-editor" not in page


@pytest.mark.parametrize(
    "mask", ["x", "1, 2, 3", "1, 2, 3, -4", "1, 2, 3, 4, 5", "1, 2, 3, 999999", "0, 0, 225, 1"]
)
def test_a_rectangle_that_is_none_is_said_and_what_was_typed_stays(house, row, mask) -> None:
    answer = house.client("ines").post(
        reverse("quarantined-mask", args=[row.pk]), {"mask": mask, "reason": "why <b>"}
    )
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "Rectangle 1" in page
    assert f'value="{mask}"' in page
    assert "why &lt;b&gt;" in page
    row.refresh_from_db()
    assert row.status == "waiting"


def test_who_comes_second_is_told_what_was_decided(house, row) -> None:
    client = house.client("ines")
    client.post(reverse("quarantined-reject", args=[row.pk]), {"reason": WHY})
    answer = client.post(reverse("quarantined-release", args=[row.pk]), {"reason": WHY})
    assert answer.status_code == 409
    assert "it was rejected" in answer.content.decode()


def test_home_and_collection_count_what_waits_for_reviewers_and_uploaders_learn_of_theirs(house, row) -> None:
    home, page = reverse("home"), reverse("collection", args=[house.collection.pk])
    assert "1 image in quarantine" in house.client("ines").get(home).content.decode()
    assert (
        reverse("quarantine", args=[house.collection.pk]) in house.client("ines").get(page).content.decode()
    )
    mine = house.client("alice").get(page).content.decode()
    assert "1 of your images waits in quarantine" in mine
    for name in ("alice", "bob", "erin"):
        assert "/quarantine" not in house.client(name).get(page).content.decode()
        assert "in quarantine</a>" not in house.client(name).get(home).content.decode()
    assert "wait in quarantine" not in house.client("bob").get(page).content.decode()


@pytest.mark.parametrize("name", OTHERS)
def test_to_everybody_else_it_is_not_there(house, row, name) -> None:
    client = house.client(name)
    before = QuarantinedImage.objects.values().get(pk=row.pk)
    for page in ("quarantined", "quarantined-pixels", "api-quarantined", "api-quarantined-pixels"):
        assert client.get(reverse(page, args=[row.pk])).status_code == 404
    for page in ("mask", "release", "reject"):
        sent = {"reason": WHY, "mask": MASK}
        assert client.post(reverse(f"quarantined-{page}", args=[row.pk]), sent).status_code == 404
        body = {"reason": WHY} | ({"masks": [RECTANGLE]} if page == "mask" else {})
        assert post(client, f"quarantine/{row.pk}/{page}", body).status_code == 404
    stranger = name in ("charlie", "loner")
    assert client.get(reverse("quarantine", args=[house.collection.pk])).status_code == (
        404 if stranger else 403
    )
    assert client.get("/api/v1/quarantine").json()["results"] == []
    assert QuarantinedImage.objects.values().get(pk=row.pk) == before


def test_nobody_is_sent_to_sign_in(house, row) -> None:
    client = Client()
    assert client.get(reverse("quarantined", args=[row.pk])).status_code == 302
    assert client.get(reverse("api-quarantined", args=[row.pk])).status_code == 401


# --- API -----------------------------------------------------------------------------------------------------------


def test_by_api_it_is_listed_shown_and_masked(house, row) -> None:
    client = house.client("ines")
    (listed,) = client.get(f"/api/v1/quarantine?collection={house.collection.pk}&status=waiting").json()[
        "results"
    ]
    assert (listed["id"], listed["boxes"], listed["cause"]) == (str(row.pk), [RECTANGLE], "text")
    assert client.get(listed["pixels"])["Content-Type"] == "image/png"
    answer = post(client, f"quarantine/{row.pk}/mask", {"masks": [RECTANGLE]})
    assert answer.status_code == 200
    masked = answer.json()
    assert (masked["status"], masked["masks"], masked["pixels"]) == ("masked", [RECTANGLE], None)
    assert client.get(f"/api/v1/images/{masked['image']}").status_code == 200
    again = post(client, f"quarantine/{row.pk}/release", {"reason": WHY})
    assert (again.status_code, again.json()["code"]) == (409, "already_decided")


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("release", {}), ("release", {"reason": ""}), ("reject", {"reason": "x" * 501}), ("mask", {"masks": []}),
        ("mask", {"masks": [RECTANGLE | {"left": -1}]}), ("mask", {"masks": [RECTANGLE | {"width": 500}]}),
        ("mask", {"masks": [RECTANGLE | {"top": "NaN"}]}), ("mask", {"masks": [RECTANGLE], "status": "released"}),
        ("mask", {"masks": [RECTANGLE | {"label": "x"}]}), ("mask", {"masks": [{"left": 1}]}),
        ("mask", {"masks": [{"left": 0, "top": 150, "width": 9, "height": 9}]}),
    ],
)  # fmt: skip
def test_by_api_what_is_malformed_is_refused(house, row, what, body) -> None:
    answer = post(house.client("ines"), f"quarantine/{row.pk}/{what}", body)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    row.refresh_from_db()
    assert row.status == "waiting"


def test_by_api_uploaders_learn_how_many_of_theirs_wait(house, row) -> None:
    path = f"/api/v1/collections/{house.collection.pk}/quarantine"
    assert house.client("alice").get(path).json() == {"waiting": None, "own_waiting": 1}
    assert house.client("ines").get(path).json() == {"waiting": 1, "own_waiting": 0}
    assert house.client("charlie").get(path).status_code == 404


# --- The whole way -------------------------------------------------------------------------------------------------


def test_sent_by_page_an_image_with_a_name_is_nowhere_until_it_is_masked(house) -> None:
    alice = house.client("alice")
    answer = alice.post(
        reverse("upload", args=[house.collection.pk]),
        {"files": [upload_file(png(written(77)))]},
        headers={"Accept": "application/json"},
    )
    assert answer.status_code in (200, 202)
    row = QuarantinedImage.objects.get()
    before = Image.objects.count()
    for name in ("alice", "ines", "erin", "ann"):
        client = house.client(name)
        assert len(client.get("/api/v1/studies").json()["results"]) == 1
        assert len(client.get("/api/v1/predictions").json()["results"]) <= 1
        assert client.get(reverse("image-pixels", args=[row.pk])).status_code == 404
    house.client("ines").post(reverse("quarantined-mask", args=[row.pk]), {"mask": MASK, "reason": WHY})
    assert Image.objects.count() == before + 1
    assert len(alice.get("/api/v1/studies").json()["results"]) == 2
