"""Pages, downloads and the API: who sees which figures, in one query, and what a blinded reader never learns."""

import csv
import io
import json
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from classifier.models import Shadow
from reviews.models import FigureRequest
from reviews.selectors.figure_words import FIGURES
from reviews.services.figures import compute_figures
from reviews.services.protocols import set_protocol
from reviews.services.reading import claim_image, commit_first_read, give_verdict
from tests.factories import analysed_image, make_prediction, make_study, make_version


@pytest.fixture
def browse():
    def _browse(user):
        client = Client()
        client.force_login(user, backend="mriplatform.accounts.backends.RoleBackend")
        return client

    return _browse


@pytest.fixture
def people(alice, charlie, engineer, member):
    return {
        "alice": alice, "charlie": charlie, "erin": engineer, "ada": member("ada", "adjudicator"),
        "uma": member("uma", "uploader"), "andy": member("andy", "approver"), "otto": member("otto", "auditor"),
    }  # fmt: skip


def test_who_sees_which_figures(browse, people, collection):
    read = {"alice": 200, "charlie": 404, "erin": 403, "ada": 403, "uma": 403, "andy": 403, "otto": 403}
    pooled = {"alice": 200, "charlie": 404, "erin": 200, "ada": 200, "uma": 403, "andy": 200, "otto": 200}
    for name, expected in (
        ("figures", pooled),
        ("api-figures", pooled),
        ("own-figures", read),
        ("api-own-figures", read),
    ):
        address = reverse(name, args=[collection.pk])
        assert {who: browse(person).get(address).status_code for who, person in people.items()} == expected, (
            name
        )
    for base, expected in (("figures", pooled), ("own-figures", read)):
        address = reverse(f"{base}-download", kwargs={"collection_id": collection.pk, "form": "json"})
        assert {who: browse(person).get(address).status_code for who, person in people.items()} == expected, (
            base
        )
    assert Client().get(reverse("figures", args=[collection.pk])).status_code == 302
    assert Client().get(reverse("api-figures", args=[collection.pk])).status_code == 401


def test_who_has_figures_made(browse, people, collection):
    allowed = {"erin", "andy"}
    form = "application/x-www-form-urlencoded"
    for name, done, kind in (("figures-compute", 302, form), ("api-figures", 202, "application/json")):
        address = reverse(name, args=[collection.pk])
        for who, person in people.items():
            expected = done if who in allowed else 404 if who == "charlie" else 403
            assert (
                browse(person).post(address, b"" if kind == form else {}, content_type=kind).status_code
                == expected
            ), (name, who)
    assert FigureRequest.objects.count() == 1
    assert browse(people["erin"]).get(reverse("figures-compute", args=[collection.pk])).status_code == 405
    page = browse(people["erin"]).get(reverse("figures", args=[collection.pk]))
    assert "Being made" in page.content.decode()


def test_the_page_says_every_figure_with_its_numbers_and_downloads(browse, engineer, room, collection):
    unseen = make_version(promoted=False)
    Shadow.objects.create(collection=collection, model_version=unseen, reason="Its figures are shown, too.")
    compute_figures(collection=collection)
    page = browse(engineer).get(reverse("figures", args=[collection.pk])).content.decode()
    for words in FIGURES.values():
        assert words.title in page
    assert "Fleiss&#x27; kappa" in page
    assert "rosa" not in page
    assert 'style="' not in page
    assert "<svg" in page
    for name, words in FIGURES.items():
        for form in ("csv", "json"):
            address = reverse("figures-download", kwargs={"collection_id": collection.pk, "form": form})
            assert browse(engineer).get(address, {"figure": name}).status_code == 200, words.title


def test_the_table_the_csv_and_the_api_say_the_same(browse, engineer, room, collection):
    snapshot = compute_figures(collection=collection)
    client = browse(engineer)
    rows = snapshot.content["everything"]["with_machine"]
    address = reverse("figures-download", kwargs={"collection_id": collection.pk, "form": "csv"})
    response = client.get(address, {"figure": "with_machine"})
    found = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert response["Content-Disposition"].startswith("attachment")
    assert [float(row["value"]) for row in found] == pytest.approx([row["value"] for row in rows])
    api = reverse("api-figures", args=[collection.pk])
    assert client.get(api, {"figure": "with_machine", "format": "csv"}).content == response.content
    (figure,) = client.get(api, {"figure": "with_machine"}).json()["figures"]
    assert [row["value"] for row in figure["rows"]] == [row["value"] for row in rows]
    assert {row["unit"] for row in figure["rows"]} == {"share", "number"}
    assert client.get(api).json()["events"] == 54
    assert client.get(api, {"format": "csv"}).status_code == 400
    assert client.get(api, {"figure": "salary"}).status_code == 400
    assert client.get(address).status_code == client.get(address, {"figure": "salary"}).status_code == 404


def test_pages_read_the_newest_snapshot_alone(browse, engineer, room, collection, three_readers):
    compute_figures(collection=collection)
    for person, name in (
        (engineer, "figures"),
        (three_readers[0], "figures"),
        (three_readers[0], "own-figures"),
    ):
        client, address = browse(person), reverse(name, args=[collection.pk])
        with CaptureQueriesContext(connection) as asked:
            assert client.get(address).status_code == 200
        assert len(asked) <= 7, [query["sql"] for query in asked]
        assert not any("reviewevent" in query["sql"] for query in asked)


def test_readers_get_their_own_figures_and_nobody_elses(browse, room, collection, three_readers):
    rosa, rudi, rita = three_readers
    compute_figures(collection=collection)
    found = {}
    for person in three_readers:
        answer = browse(person).get(reverse("api-own-figures", args=[collection.pk])).json()
        rows = {figure["name"]: figure["rows"] for figure in answer["figures"]}
        found[person] = next(row for row in rows["with_machine"] if row["measure"] == "agreement")
    # Rosa and Rudi departed from the machine once, Rita never.
    assert [found[person]["value"] for person in (rosa, rudi, rita)] == pytest.approx([5 / 6, 5 / 6, 1])
    pooled = browse(rosa).get(reverse("api-figures", args=[collection.pk])).json()
    names = {figure["name"] for figure in pooled["figures"]}
    assert not names & {
        "by_reader",
        "pairs_of_readers",
        "class_mix",
        "mix_drift",
        "input_drift",
        "embedding_drift",
    }
    assert not names & {"known_cases", "with_themselves"}


def test_who_reads_gets_the_readers_figures_whatever_else_they_hold(browse, room, collection, three_readers):
    rosa = three_readers[0]
    rosa.memberships.create(collection=collection, role="ml_engineer")
    compute_figures(collection=collection)
    answer = browse(rosa).get(reverse("api-figures", args=[collection.pk])).json()
    assert "class_mix" not in {figure["name"] for figure in answer["figures"]}
    asked = browse(rosa).post(
        reverse("api-figures", args=[collection.pk]), {}, content_type="application/json"
    )
    assert asked.status_code == 403


@pytest.mark.parametrize("mode", ["blinded_first", "unaided", "assisted"])
def test_nothing_that_a_reader_gets_depends_on_the_answer_for_an_unread_image(
    browse, room, collection, three_readers, member, version, mode
):
    """Two worlds that differ in the machine's answers on images that are still to be read."""
    newcomer = member("nina", "radiologist")
    set_protocol(actor=None, collection=collection, mode=mode, readers_per_image=3)
    unread = [make_study(collection).images.get() for _ in range(8)]
    worlds = []
    for label in ("glioma", "pituitary"):
        with transaction.atomic():
            for image in unread:
                make_prediction(image, label=label, version=version)
            compute_figures(collection=collection)
            worlds.append(
                [_everything(browse(person), collection) for person in (newcomer, three_readers[0])]
            )
            transaction.set_rollback(True)
    assert worlds[0] == worlds[1]
    assert all(len(answers) > 4000 for answers in worlds[0])


def _everything(client, collection):
    """All figures of a person, without when they were made and how long that took."""
    answers = []
    for name in ("figures", "own-figures"):
        for form in ("csv", "json"):
            address = reverse(f"{name}-download", kwargs={"collection_id": collection.pk, "form": form})
            for figure in FIGURES:
                response = client.get(address, {"figure": figure})
                if response.status_code == 200:
                    answers.append(response.content if form == "csv" else _figures(response))
    return b"".join(answers)


def _figures(response):
    return json.dumps(response.json()["figures"]).encode()


def test_an_unaided_reader_never_gets_the_machines_part(browse, room, collection, three_readers, read):
    set_protocol(actor=None, collection=collection, mode="unaided", readers_per_image=1)
    for _ in range(6):
        reading = claim_image(reader=three_readers[0], image=analysed_image(collection))
        said = {"reader": three_readers[0], "reading": reading}
        commit_first_read(**said, label="pituitary", confidence=1, idempotency_key=uuid4())
        give_verdict(**said, verdict="confirm", idempotency_key=uuid4())
    compute_figures(collection=collection)
    answer = browse(three_readers[0]).get(reverse("api-own-figures", args=[collection.pk])).json()
    rows = {figure["name"]: figure["rows"] for figure in answer["figures"]}
    assert {row["n"] for row in rows["with_machine"]} == {6}
    assert {row["when"] for row in rows["with_machine"]} == {"before", "after"}


def test_before_the_first_snapshot_the_page_says_so(browse, engineer, alice, collection):
    for person in (engineer, alice):
        assert b"No figures yet" in browse(person).get(reverse("figures", args=[collection.pk])).content
    answer = browse(engineer).get(reverse("api-figures", args=[collection.pk])).json()
    assert answer["computed_at"] is None
    assert all(figure["rows"] == [] for figure in answer["figures"])
    assert browse(engineer).get(reverse("figures", args=[collection.pk]) + "?order=x").status_code == 400
