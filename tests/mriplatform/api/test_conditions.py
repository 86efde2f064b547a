"""What several people may change is changed by whoever saw it as it is: without that 428, of an older state 412."""

import pytest
from django.urls import reverse

from reviews.services.reading import claim_image
from tests.classifier.doors import build_house


@pytest.fixture
def house(db):
    return build_house()


def of_collection(name: str, who: str, *changes: dict):
    return lambda house: (who, reverse(name, args=[house.collection.pk]), changes)


def of_reading(house):
    reading = claim_image(reader=house.people["bob"], image=house.image)
    at = reverse("api-draft", args=[reading.pk])
    return "bob", at, ({"label": "glioma"}, {"label": "notumor"})


RULES = ({"mode": "assisted"}, {"mode": "unaided"})
POLICIES = ({"rule": "single"}, {"rule": "adjudicated"})
PLANS = ({"every_labels": 5}, {"every_labels": 6})
CHOICES = ({"model_version": None, "reason": "r"}, {"model_version": "in force", "reason": "r"})
CHANGED = {
    "api-protocol": of_collection("api-protocol", "ann", *RULES),
    "api-eligibility": of_collection("api-eligibility", "erin", *POLICIES),
    "api-retraining-plan": of_collection("api-retraining-plan", "erin", *PLANS),
    "api-collection-version": of_collection("api-collection-version", "paul", *CHOICES),
    "api-draft": of_reading,
}


def test_everything_that_is_put_is_here():
    """Parts of an archive are not: each has its number, and nobody else writes it."""
    from django.urls import get_resolver

    from tests.reviews.walk import routes

    names = {name for _, name in routes() if name.startswith("api-")}
    put = set()

    def look(patterns):
        for entry in patterns:
            if hasattr(entry, "url_patterns"):
                look(entry.url_patterns)
            elif any(hasattr(getattr(entry.callback, "cls", None), method) for method in ("put", "patch")):
                put.add(entry.name)

    look(get_resolver().url_patterns)
    assert (put & names) - {"api-archive-part"} == set(CHANGED)


@pytest.mark.parametrize("name", CHANGED)
def test_a_change_names_the_state_that_it_rests_on(house, name):
    who, at, (one, other) = CHANGED[name](house)
    if other.get("model_version"):
        other["model_version"] = str(house.prediction.model_version_id)
    client = house.client(who)

    def put(body, **headers):
        return client.put(at, body, content_type="application/json", headers=headers)

    seen = client.get(at if name != "api-draft" else at.removesuffix("/draft"))["ETag"]
    for given, status, code in (
        (None, 428, "if_match_missing"),
        ("*", 428, "if_match_missing"),
        ('"1", "2"', 400, "several_etags"),
        ('"9999"', 412, None),
        ("W/nonsense", 412, None),
        ("\u00e9", 412, None),
    ):
        refused = put(one, **({} if given is None else {"If-Match": given}))
        assert (refused.status_code, refused.json()["code"]) == (status, code or refused.json()["code"])
    # As a proxy that compresses gives it back.
    changed = put(one, **{"If-Match": f'W/{seen[:-1]}-gzip"'})
    assert changed.status_code == 200
    assert changed["ETag"] != seen
    assert put(other, **{"If-Match": seen}).status_code == 412
    assert put(other, **{"If-Match": changed["ETag"]}).status_code == 200
