"""Disagreements: shown to who decides, without names, times and the machine's answer; decided, and decided anew."""

import json
import re
from html import unescape

import pytest
from django.urls import reverse


@pytest.fixture
def ada(member):
    return member("ada", "adjudicator")


@pytest.fixture
def two_readers(collection):
    from reviews.services.protocols import set_protocol

    return set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)


@pytest.fixture
def dispute(read, alice, bob, collection, two_readers):
    """Makes a disputed image: alice says meningioma, bob pituitary."""

    def _dispute():
        from tests.factories import analysed_image

        image = analysed_image(collection, label="glioma")
        read.finished(alice, image, label="meningioma")
        read.finished(bob, image, label="pituitary")
        return image

    return _dispute


@pytest.fixture
def disputed(dispute):
    return dispute()


def address(image):
    return reverse("disagreement", args=[image.collection_id, image.pk])


def listed(image):
    return reverse("disagreements", args=[image.collection_id])


def text(response):
    return response.content.decode()


def supersedes(page):
    found = re.search(r'name="supersedes" value="([^"]+)"', page)
    return found[1] if found else ""


def test_who_decides_sees_what_was_said_and_no_more(browse, ada, alice, disputed):
    from reviews.services.reading import amend

    amend(
        reader=alice, reading=alice.readings.get(), verdict="correct", label="meningioma", reason="location",
        note="Dural tail.",
    )  # fmt: skip
    client = browse(ada)
    overview, shown = text(client.get(listed(disputed))), text(client.get(address(disputed)))
    for page in (overview, shown):
        assert "Meningioma" in page
        assert "Pituitary tumour" in page
        for hidden in ("alice", "bob", "Probably", "persuaded", "Correct", "Shape or texture"):
            assert hidden not in page
    assert "Reader 1" in shown
    assert "Dural tail." in shown
    # Nothing says when anybody read.
    assert "<time" not in shown + overview


def test_what_a_reader_found_is_shown_with_what_they_marked(browse, ada, bob, disputed):
    from tests.reviews.acts import found

    box = {"shape": "box", "x": 0.5, "y": 0.4, "width": 0.2, "height": 0.1}
    client = browse(ada)
    assert "Show what was marked" not in text(client.get(address(disputed)))
    found(bob.readings.get(), location="sellar", image_quality="limited", region=box)
    page = text(client.get(address(disputed)))
    for words in ("Sellar or suprasellar", "Limited image", "Box marked", "Show what was marked"):
        assert words in page
    (marked,) = re.findall(r'data-region="([^"]+)"', page)
    assert json.loads(unescape(marked)) == box


def test_a_decision_is_final_and_leads_to_what_waits_next(browse, ada, dispute):
    from reviews.selectors import final_label

    first, second = dispute(), dispute()
    client = browse(ada)
    decided = client.post(address(first), {"label": "pituitary", "rationale": "In the sella."})
    assert decided.url == address(second)
    assert final_label(first).label == "pituitary"
    assert client.post(address(second), {"label": "glioma", "rationale": "Ring."}).url == listed(second)
    after = text(client.get(listed(second)))
    assert "The final label of image" in after
    assert "Nothing to decide" in after


def test_the_same_form_sent_twice_is_one_decision(browse, ada, disputed):
    client = browse(ada)
    for _ in range(2):
        assert (
            client.post(address(disputed), {"label": "pituitary", "rationale": "Sella."}).status_code == 302
        )
    assert disputed.adjudications.count() == 1
    other = client.post(address(disputed), {"label": "glioma", "rationale": "No."})
    assert other.status_code == 409
    assert "was decided already" in text(other)
    assert "In the sella" not in text(other)
    assert ">No.</textarea>" in text(other)


def test_a_decision_can_be_made_anew_and_both_stay_on_record(browse, ada, member, disputed):
    from reviews.selectors import final_label

    client = browse(ada)
    client.post(address(disputed), {"label": "pituitary", "rationale": "In the sella."})
    page = text(client.get(address(disputed)))
    assert "In the sella." in page
    assert "Decide anew" in page
    assert 'name="rationale"' not in page
    stale = supersedes(text(client.get(address(disputed) + "?again")))
    said = {"label": "meningioma", "rationale": "Dural tail after all.", "supersedes": stale}
    assert client.post(address(disputed), said).status_code == 302
    assert final_label(disputed).label == "meningioma"
    page = text(client.get(address(disputed)))
    assert page.index("Dural tail after all.") < page.index("In the sella.")
    late = browse(member("emil", "adjudicator")).post(address(disputed), said | {"rationale": "Too late."})
    assert late.status_code == 409
    assert "Another decision was made meanwhile" in text(late)
    assert supersedes(text(late)) != stale


def test_a_reader_who_says_something_else_later_changes_nothing_and_the_pages_say_so(
    browse, ada, alice, disputed
):
    from reviews.selectors import final_label
    from reviews.services.reading import amend

    client = browse(ada)
    client.post(address(disputed), {"label": "pituitary", "rationale": "In the sella."})
    assert "has changed theirs since" not in text(client.get(listed(disputed) + "?decided"))
    amend(reader=alice, reading=alice.readings.get(), verdict="not_assessable")
    assert final_label(disputed).label == "pituitary"
    assert "A reader has changed theirs since; the decision stands." in text(
        client.get(listed(disputed) + "?decided")
    )
    page = text(client.get(address(disputed)))
    assert "A reader has said something else since." in page
    assert "Not assessable" in page


@pytest.mark.parametrize(
    ("said", "status", "sentence"),
    [
        ({"label": "glioma"}, 400, "Say why"),
        ({"rationale": "Because."}, 400, "Choose the final label."),
        ({"label": "glioma", "rationale": "x" * 2001}, 400, "at most 2000 characters"),
    ],
)
def test_a_decision_needs_a_label_and_a_reason_and_what_was_typed_stays(
    browse, ada, disputed, said, status, sentence
):
    refused = browse(ada).post(address(disputed), said)
    assert refused.status_code == status
    assert sentence in text(refused)
    assert f">{said.get('rationale', '')}</textarea>" in text(refused)
    assert ('value="glioma" data-key="1" checked' in text(refused)) == ("label" in said)
    assert not disputed.adjudications.exists()


def test_who_has_read_the_image_does_not_decide(browse, alice, collection, disputed):
    alice.memberships.create(collection=collection, role="adjudicator")
    client = browse(alice)
    for way in ("", "?decided"):
        assert "Nothing" in text(client.get(listed(disputed) + way))
    assert client.get(address(disputed)).status_code == 302
    assert client.post(address(disputed), {"label": "glioma", "rationale": "Mine."}).status_code == 422


def test_what_readers_came_to_agree_on_is_not_decided(browse, ada, bob, disputed):
    from reviews.services.reading import amend

    reading = bob.readings.get()
    amend(reader=bob, reading=reading, verdict="correct", label="meningioma", reason="location")
    client = browse(ada)
    assert client.get(address(disputed)).url == listed(disputed)
    assert client.post(address(disputed), {"label": "glioma", "rationale": "No."}).status_code == 409


def test_an_image_of_another_collection_is_not_there(browse, ada, charlie, version):
    from mriplatform.accounts.models import Collection
    from tests.factories import analysed_image

    foreign = analysed_image(Collection.objects.get(name="Elsewhere"))
    mine = ada.memberships.get().collection
    client = browse(ada)
    assert client.get(reverse("disagreement", args=[mine.pk, foreign.pk])).status_code == 404
    assert client.get(address(foreign)).status_code == 404


def test_pages_of_disagreements_take_the_same_queries_however_many_there_are(
    browse, ada, dispute, monkeypatch, django_assert_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    monkeypatch.setattr("reviews.views.adjudication.PAGE_SIZE", 2)
    images = [dispute() for _ in range(2)]
    client = browse(ada)
    client.get(listed(images[0]))
    with CaptureQueriesContext(connection) as few:
        client.get(listed(images[0]))
    images += [dispute() for _ in range(3)]
    with django_assert_num_queries(len(few)):
        page = text(client.get(listed(images[0])))
    assert ("1–2 of 5" in page, "?page=2" in page) == (True, True)
    last = text(client.get(listed(images[0]) + "?page=3"))
    assert [image.short_id in last for image in images] == [False] * 4 + [True]
