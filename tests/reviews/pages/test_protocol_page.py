"""The pages on which a collection's protocol and its known cases are set."""

import pytest
from django.urls import reverse

RULES = {
    "mode": "assisted", "readers_per_image": "2", "adjudication_rule": "majority", "order": "entropy",
    "random_share": "0.25", "repeat_rate": "0.1", "known_rate": "0.05", "if_version": "0",
}  # fmt: skip


@pytest.fixture
def admin(member):
    return member("ada", "admin", is_staff=True)


@pytest.fixture
def client(browse, admin):
    return browse(admin)


def test_a_protocol_is_put_in_force_and_its_versions_stand_below(client, admin, collection):
    from reviews.selectors import protocol_of

    address = reverse("protocol", args=[collection.pk])
    assert "Nobody set a protocol yet" in client.get(address).content.decode()
    page = client.post(address, RULES, follow=True).content.decode()
    protocol = protocol_of(collection)
    assert (protocol.mode, protocol.order, protocol.known_rate, protocol.set_by) == (
        "assisted", "entropy", 0.05, admin,
    )  # fmt: skip
    assert "Version 1 is in force" in page
    assert page.count('data-label="Since"') == 1
    again = client.post(address, RULES | {"if_version": "1"}, follow=True).content.decode()
    assert "nothing was changed" in again


@pytest.mark.parametrize(
    ("wrong", "status", "sentence"),
    [
        ({"mode": "unaided"}, 422, "An order by the machine’s answer would tell it"),
        ({"readers_per_image": "7"}, 400, "less than or equal to 5"),
        ({"random_share": "nan"}, 400, "Enter a number"),
        ({"if_version": "3"}, 412, "The protocol was changed meanwhile"),
    ],
)
def test_what_may_not_be_set_is_said_and_what_was_entered_stays(client, collection, wrong, status, sentence):
    from reviews.models import ReadingProtocol

    answer = client.post(reverse("protocol", args=[collection.pk]), RULES | wrong)
    page = answer.content.decode().replace("&#x27;", "’").replace("'", "’")
    assert (answer.status_code, ReadingProtocol.objects.count()) == (status, 0)
    assert sentence in page
    assert 'value="0.1"' in page


def test_known_cases_are_set_and_taken_back(client, collection, image):
    from reviews.models import WorklistEntry

    address = reverse("known-cases", args=[collection.pk])
    assert "No known cases yet" in client.get(address).content.decode()
    said = {"image": str(image.pk), "label": "glioma", "source": "Histology 4711"}
    page = client.post(address, said, follow=True).content.decode()
    assert "Histology 4711" in page
    assert not WorklistEntry.objects.get(image=image).open
    take_back = reverse("known-case-take-back", args=[collection.pk, image.pk])
    assert client.post(take_back, {"reason": ""}).status_code == 400
    page = client.post(take_back, {"reason": "Another patient’s"}, follow=True).content.decode()
    assert "No known cases yet" in page
    assert WorklistEntry.objects.get(image=image).open
    assert client.post(take_back, {"reason": "Again"}).status_code == 409


def test_only_who_sets_protocols_gets_there_and_no_reader_sees_known_cases(
    browse, alice, engineer, charlie, admin, collection
):
    protocol, known = (reverse(name, args=[collection.pk]) for name in ("protocol", "known-cases"))
    for user, status in ((alice, 403), (engineer, 403), (charlie, 404)):
        for address in (protocol, known):
            assert browse(user).get(address).status_code == status
            assert browse(user).post(address, RULES).status_code == status
    alice.memberships.create(collection=collection, role="admin")
    both = browse(alice)
    assert both.get(protocol).status_code == 200
    assert known not in both.get(protocol).content.decode()
    assert both.get(known).status_code == 403


def test_an_image_of_another_collection_is_not_there(client, admin, image):
    from tests.factories import make_collection

    elsewhere = make_collection("Elsewhere")
    admin.memberships.create(collection=elsewhere, role="admin")
    said = {"image": str(image.pk), "label": "glioma", "source": "Histology"}
    assert client.post(reverse("known-cases", args=[elsewhere.pk]), said).status_code == 404
