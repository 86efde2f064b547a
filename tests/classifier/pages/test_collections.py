"""Collections: counts on their cards, the table of studies, its filters and pages."""

from html import unescape

import pytest
from django.urls import reverse

from classifier.models import JobStatus, Prediction, Study
from classifier.selectors import of_status, studies_of, study_counts, study_status, with_status
from mriplatform.accounts.models import Collection
from tests.classifier.doors import House
from tests.factories import make_prediction, make_study, make_user

NASTY = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "=cmd|'/C calc'!A0"]


def add(house: House, *states: str) -> Study:
    """A study with an image in each of the states; an empty word is an image without a prediction."""
    study = make_study(house.collection, uploader=house.people["alice"], images=len(states))
    for image, state in zip(study.images.all(), states, strict=True):
        if state == JobStatus.SUCCEEDED:
            make_prediction(image, label="pituitary")
        elif state:
            make_prediction(image, status=state, probabilities=None, maps=None)
    return study


def table(house: House, name: str = "erin", query: str = "") -> str:
    response = house.client(name).get(reverse("collection", args=[house.collection.pk]) + query)
    assert response.status_code == 200
    return response.content.decode()


def test_the_database_and_the_page_agree_on_the_state_of_a_study(house):
    combinations = [
        ("queued",),
        ("running",),
        ("succeeded",),
        ("failed",),
        ("succeeded", "queued"),
        ("running", "queued"),
        ("failed", "running", "succeeded"),
        ("succeeded", ""),
    ]
    for states in combinations:
        add(house, *states)
    # What another version was asked since does not count, whatever it came to.
    image = add(house, "failed").images.get()
    make_prediction(image, version=second_version(), label="glioma", for_comparison=True)
    found = list(with_status(studies_of(house.people["erin"])))
    assert len(found) == len(combinations) + 2
    assert [study.status_now for study in found] == [study_status(study) for study in found]
    counts = study_counts(house.people["erin"])[house.collection.pk]
    assert sum(counts.values()) == len(found)
    assert counts == {
        state: sum(study_status(study) == state for study in found) for state in JobStatus.values
    }
    for state in JobStatus.values:
        listed = of_status(studies_of(house.people["erin"]), state)
        assert {study.pk for study in listed} == {study.pk for study in found if study.status_now == state}


def second_version():
    from tests.factories import make_version

    return make_version()


def test_a_card_counts_what_waits_is_analysed_and_failed(house):
    for states in (("queued",), ("running",), ("failed",), ("succeeded",)):
        add(house, *states)
    body = " ".join(house.client("bob").get(reverse("home")).content.decode().split())
    for word, count in (("To read", 2), ("Being analysed", 2), ("Analysed", 2)):
        assert f"<dt>{word}</dt><dd>{count}</dd>" in body
    assert "?status=failed" in body
    assert "To read" not in house.client("alice").get(reverse("home")).content.decode()


def test_who_is_a_member_of_nothing_learns_what_to_do(house):
    assert (
        "You are not a member of any collection"
        in house.client("loner").get(reverse("home")).content.decode()
    )
    root = make_user("root", is_superuser=True, is_staff=True)
    house.people["root"] = root
    body = house.client("root").get(reverse("home")).content.decode()
    assert house.collection.name in body
    assert house.elsewhere.name in body


def test_an_empty_collection_says_how_to_fill_it(house):
    house.people["alice"].memberships.create(collection=house.elsewhere, role="uploader")
    body = house.client("alice").get(reverse("collection", args=[house.elsewhere.pk])).content.decode()
    assert "No studies yet" in body
    assert reverse("upload", args=[house.elsewhere.pk]) in body


@pytest.mark.parametrize("state", JobStatus.values)
def test_the_filter_by_state(house, state):
    studies = {name: add(house, name) for name in JobStatus.values}
    body = table(house, query=f"?status={state}")
    for name, study in studies.items():
        assert (study.short_id in body) == (name == state)


def test_pages_follow_each_other_without_gap_or_repetition(house, monkeypatch):
    monkeypatch.setattr("classifier.views.collections.PAGE_SIZE", 3)
    all_ids = [house.study.short_id] + [add(house, "queued").short_id for _ in range(7)]
    client, address = house.client("erin"), reverse("collection", args=[house.collection.pk])
    seen, query = [], ""
    while True:
        body = client.get(address + query).content.decode()
        seen.append([short for short in all_ids if short in body])
        older = body.split('rel="next" href="')[1:]
        if not older:
            break
        query = unescape(older[0].split('"')[0])
    assert [len(ids) for ids in seen] == [3, 3, 2]
    assert sorted(short for ids in seen for short in ids) == sorted(all_ids)
    newer = unescape(body.split('rel="prev" href="')[1].split('"')[0])
    back = client.get(address + newer).content.decode()
    assert [short for short in all_ids if short in back] == seen[1]


def test_the_answer_column_is_there_only_for_who_may_see_answers(house):
    add(house, "succeeded", "succeeded")
    assert "2 Pituitary tumour" in table(house)
    assert "The model says" in table(house)
    for name in ("alice", "bob", "both", "otto"):
        body = table(house, name)
        assert "The model says" not in body
        assert "ituitary" not in body
        assert "eningioma" not in body


def test_for_an_uploader_the_column_comes_with_the_first_final_study(house):
    from classifier.services.studies import set_finality

    add(house, "succeeded")
    set_finality(study=house.study, final=True)
    body = table(house, "alice")
    assert "Meningioma" in body
    assert "shown when final" in body
    assert "Pituitary" not in body
    assert "Meningioma" not in table(house, "both")


def test_the_order_says_nothing_about_the_answers(house):
    studies = [add(house, "succeeded") for _ in range(5)]
    order = [short for short in _short_ids(table(house, "bob")) if short]
    Prediction.objects.all().delete()
    for study, label in zip(studies, ("glioma", "notumor", "meningioma", "pituitary", "glioma"), strict=True):
        make_prediction(study.images.get(), label=label)
    assert _short_ids(table(house, "bob")) == order


def _short_ids(body: str) -> list[str]:
    return [
        part.split("<")[0]
        for part in body.split('<a class="mono" href="')[1:]
        for part in [part.split(">")[1]]
    ]


@pytest.mark.parametrize("text", NASTY)
def test_whatever_people_enter_is_shown_as_text(house, text):
    Collection.objects.filter(pk=house.collection.pk).update(name=text, description=text)
    person = house.people["alice"]
    person.first_name = text[:30]
    person.save()
    addresses = [reverse("home"), reverse("account")]
    addresses += [reverse(name, args=[house.collection.pk]) for name in ("collection", "upload")]
    addresses += [reverse("study", args=[house.study.pk])]
    for address in addresses:
        body = house.client("alice").get(address).content.decode()
        assert text in unescape(body), address
        if "<" in text:
            assert text not in body, address
