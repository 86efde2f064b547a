"""Lists: in pages by cursor, filtered and ordered by what is on a list of each, and by nothing else."""

import pytest
from django.urls import get_resolver

from mriplatform.api.pagination import CursorPagination
from mriplatform.api.views import ApiView
from tests.classifier.doors import build_house
from tests.factories import make_study
from tests.reviews.walk import addresses


@pytest.fixture
def house(db):
    return build_house()


def api_views(patterns=None):
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        if hasattr(entry, "url_patterns"):
            yield from api_views(entry.url_patterns)
        elif issubclass(getattr(entry.callback, "cls", object), ApiView):
            yield entry.name, entry.callback.cls


def test_every_list_is_paged_by_our_own_pages():
    for name, view in api_views():
        if view.paged:
            assert issubclass(view.pagination_class, CursorPagination), name


WRONG = (
    "ordering=user__password", "ordering=-id", "ordering=", "page_size=100000", "page_size=0", "page_size=x",
    "cursor=x", "cursor=cD0x%00", "unknown=1", "start=-1", "size=0", "size=100000", "limit=100000", "x" * 9000,
)  # fmt: skip


@pytest.mark.parametrize("query", WRONG)
def test_what_no_list_takes_is_refused_by_every_one(house, query):
    """By those that this person may look at; the others refuse for another reason, before or after."""
    client = house.client("erin")
    ids = {
        "collection_id": [house.collection.pk], "study_id": [house.study.pk], "image_id": [house.image.pk],
        "prediction_id": [house.prediction.pk], "version_id": [house.prediction.model_version_id],
    }  # fmt: skip
    views = dict(api_views())

    class Things(dict):
        def __missing__(self, key):
            return []

    asked = 0
    for address, name in addresses(Things(ids)):
        view = views.get(name)
        if view is None or not hasattr(view, "get") or client.get(address).status_code != 200:
            continue
        asked += 1
        answer = client.get(f"{address}?{query}")
        assert answer.status_code == 400, (address, query)
        assert answer["Content-Type"] == "application/problem+json"
    assert asked > 15


def test_a_list_turns_round(house):
    for _ in range(3):
        make_study(house.collection)
    client = house.client("erin")

    def ids(query):
        seen, address = [], f"/api/v1/studies?page_size=2&{query}"
        while address:
            page = client.get(address).json()
            seen += [row["id"] for row in page["results"]]
            address = page["next"]
        return seen

    assert len(ids("")) == 4
    assert ids("") == ids("ordering=newest") == ids("ordering=oldest")[::-1]
