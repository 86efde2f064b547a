"""An answer that names no class: what is recorded of it, who sees it where, and maps and embeddings of any size."""

import re
from dataclasses import replace

import numpy as np
import pytest
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.urls import reverse

from classifier.models import NOT_ASSESSABLE, JobStatus, Prediction
from classifier.selectors import spoken, viewer_maps
from classifier.services.predictions import Answer, claim_batch, queue_predictions, record_answers
from tests.classifier.doors import House, build_house
from tests.factories import answer, make_image, make_prediction, make_study, make_version

pytestmark = pytest.mark.django_db

SENTENCE = "This does not look like a brain MRI to the model; it gives no class."


def answered(cells: int = 7, features: int = 1280) -> Answer:
    maps = np.random.default_rng(cells).normal(0, 1, (cells, cells, 4)).astype(np.float16).astype(np.float32)
    return Answer(
        probabilities=np.array([0.1, 0.7, 0.1, 0.1], np.float32),
        maps=maps,
        frame=(-4, 0, 232),
        embedding=np.arange(features, dtype=np.float32),
        runtime="onnxruntime",
        device="cpu",
        novelty=0.25,
    )


@pytest.fixture
def house() -> House:
    return build_house()


@pytest.fixture
def strange(house: House) -> Prediction:
    """A second image of the house's study, to which the version gave no class."""
    return make_prediction(make_image(house.study, position=1), label=NOT_ASSESSABLE)


def record(house: House, one: Answer) -> Prediction:
    (row,) = queue_predictions([make_image(make_study(house.collection, images=0))])
    assert record_answers([(claim_batch(worker="w", limit=1)[0], one)]) == 1
    return Prediction.objects.get(pk=row.pk)


def test_no_class_is_recorded_with_its_novelty_and_its_embedding_alone(house):
    row = record(house, replace(answered(), novelty=3.5, not_assessable=True))
    assert (row.status, row.label, row.novelty) == (JobStatus.SUCCEEDED, NOT_ASSESSABLE, 3.5)
    assert (row.probabilities, row.map_array(), row.map_box, viewer_maps(row)) == (None, None, None, None)
    assert np.array_equal(row.embedding_array(), answered().embedding)


@pytest.mark.parametrize(("cells", "features"), [(7, 1280), (14, 384)])
def test_maps_and_embeddings_keep_the_size_that_the_network_gives(house, cells, features):
    one = answered(cells, features)
    row = record(house, one)
    assert (row.label, row.novelty, row.not_assessable) == ("meningioma", 0.25, False)
    assert np.array_equal(row.map_array(), one.maps)
    assert np.array_equal(row.embedding_array(), one.embedding)
    shown = np.array(viewer_maps(row)["maps"])
    assert shown.shape == (cells, cells, 4)
    assert np.abs(shown - one.maps).max() < 1e-4
    got = house.client("erin").get(reverse("api-prediction", args=[row.pk])).json()["maps"]
    assert np.array(got["values"]).shape == (cells, cells, 4)


@pytest.mark.parametrize(
    "more",
    [{"probabilities": [0.25] * 4}, {"maps": b"some"}, {"novelty": None}],
    ids=["class", "map", "bare"],
)
def test_the_database_takes_no_such_row_that_names_a_class_after_all(house, more):
    image = make_image(house.study, position=1)
    with pytest.raises(IntegrityError, match="names_no_class"), transaction.atomic():
        make_prediction(image, label=NOT_ASSESSABLE, **more)


def test_a_succeeded_row_that_says_nothing_is_refused_as_before(house):
    with pytest.raises(IntegrityError, match="succeeded_is_complete"), transaction.atomic():
        make_prediction(make_image(house.study, position=1), probabilities=None)


def test_it_is_said_in_words_with_where_the_limit_stands(strange):
    said = spoken(strange)
    assert (said.words, said.percent, said.meaning, said.rows) == ("Not assessable", None, SENTENCE, [])
    assert said.announced == "Not assessable"
    bar = said.unlikeness
    assert (bar.score, bar.threshold) == (2.5, 1.0)
    assert 0 < bar.threshold_percent < bar.score_percent < 100


def test_below_the_limit_nothing_of_it_is_said(house):
    assert spoken(house.prediction).unlikeness is None
    assert spoken(house.prediction).announced == "Probably meningioma, 85 percent"


def test_no_answer_is_said_to_be_certain(house):
    house.prediction.probabilities = [0.0019, 0.9971, 0.0009, 0.0001]
    said = spoken(house.prediction)
    assert said.announced == "Very probably meningioma, more than 99 percent"
    shares = render_to_string("partials/probabilities.html", {"rows": said.rows})
    words = [" ".join(word.split()) for word in re.findall(r'<span class="num">(.*?)</span>', shares)]
    assert words == ["&gt;&nbsp;99&nbsp;%", *["&lt;&nbsp;1&nbsp;%"] * 3]


def test_the_api_gives_the_label_and_no_class(house, strange):
    erin = house.client("erin")
    got = erin.get(reverse("api-prediction", args=[strange.pk])).json()
    assert (got["label"], got["probabilities"], got["maps"]) == (NOT_ASSESSABLE, None, None)
    assert (got["novelty"], got["novelty_threshold"]) == (2.5, 1.0)
    ordinary = erin.get(reverse("api-prediction", args=[house.prediction.pk])).json()
    assert (ordinary["novelty"], ordinary["novelty_threshold"]) == (0.4, 1.0)
    for asked, found in (("true", strange), ("false", house.prediction)):
        rows = erin.get(reverse("api-predictions"), {"not_assessable": asked}).json()["results"]
        assert [row["id"] for row in rows] == [str(found.pk)]
    assert len(erin.get(reverse("api-predictions")).json()["results"]) == 2
    assert erin.get(reverse("api-predictions"), {"not_assessable": "maybe"}).status_code == 400


def test_a_version_without_statistics_knows_no_novelty(house):
    version = make_version(novelty=None)
    row = make_prediction(make_image(house.study, position=1), version=version, novelty=None)
    got = house.client("erin").get(reverse("api-prediction", args=[row.pk])).json()
    assert (got["label"], got["novelty"], got["novelty_threshold"]) == ("glioma", None, None)
    page = house.client("erin").get(reverse("version", args=[version.pk])).content.decode()
    assert "none: it gives every image a class" in page


def test_the_study_page_shows_the_sentence_the_limit_and_no_map(house, strange):
    address = reverse("study", args=[house.study.pk]) + f"?image={strange.image_id}"
    page = house.client("erin").get(address).content.decode()
    assert SENTENCE in page
    assert "There is no map: the model gave no class." in page
    assert "map-controls" not in page
    assert "data-maps-of" not in page
    assert "unlikeness" in page
    assert SENTENCE not in house.client("bob").get(address).content.decode()


def test_who_may_see_answers_has_them_in_a_list(house, strange):
    listed = reverse("not-assessable", args=[house.collection.pk])
    collection = reverse("collection", args=[house.collection.pk])
    for name in ("erin", "paul", "ann"):
        page = house.client(name).get(listed).content.decode()
        assert strange.image.short_id in page
        assert house.image.short_id not in page
        shown = house.client(name).get(collection).content.decode()
        assert listed in shown
        assert "1 Meningioma, 1 Not assessable" in shown


def test_readers_and_strangers_have_no_such_list(house, strange):
    listed = reverse("not-assessable", args=[house.collection.pk])
    for name, status in (("bob", 403), ("both", 403), ("charlie", 404), ("loner", 404), ("nobody", 302)):
        answer_ = house.client(name).get(listed)
        assert answer_.status_code == status, name
        assert strange.image.short_id not in answer_.content.decode()
        page = house.client(name).get(reverse("collection", args=[house.collection.pk])).content.decode()
        assert listed not in page


def test_an_uploader_has_them_there_once_the_study_is_final(house, strange):
    listed = reverse("not-assessable", args=[house.collection.pk])
    alice = house.client("alice")
    assert strange.image.short_id not in alice.get(listed).content.decode()
    type(house.study).objects.update(finalised_at="2026-03-01T12:00Z")
    assert strange.image.short_id in alice.get(listed).content.decode()


def test_a_version_page_counts_them_as_far_as_one_may_see(house, strange):
    address = reverse("version", args=[strange.model_version_id])
    page = house.client("erin").get(address).content.decode()
    assert "2 that you may see, 1 of them not assessable" in page
    house.people["erin"].memberships.create(collection=house.collection, role="radiologist")
    assert "0 that you may see" in house.client("erin").get(address).content.decode()


def test_the_stand_in_answer_has_what_a_real_one_has():
    assert set(answer(NOT_ASSESSABLE)) < set(answer("glioma")) | {"not_assessable"}
