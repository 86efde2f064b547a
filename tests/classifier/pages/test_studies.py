"""A study's page in each of its states, and the parts of it that change by themselves."""

import re

import pytest
from django.urls import reverse

from classifier.models import JobStatus, Origin, Prediction, Promotion, Study
from classifier.services.removal import hide_image, purge_study
from tests.classifier.doors import House
from tests.factories import make_prediction, make_study


def waiting_study(house: House, images: int = 1, **more) -> Study:
    study = make_study(house.collection, uploader=house.people["alice"], images=images)
    for image in study.images.all():
        make_prediction(
            image,
            **({"status": JobStatus.QUEUED, "probabilities": None, "maps": None, "finished_at": None} | more),
        )
    return study


def page(house: House, study: Study, name: str = "erin", view: str = "study", query: str = "") -> str:
    response = house.client(name).get(reverse(view, args=[study.pk]) + query)
    assert response.status_code == 200
    assert "no-cache" in response["Cache-Control"]
    return response.content.decode()


def test_an_answered_study_has_words_numbers_maps_and_the_version(house):
    body = page(house, house.study)
    assert "Probably meningioma" in body
    assert "85&nbsp;%" in body
    assert "data-maps-of" in body
    assert "version 1" in body
    assert "hx-trigger" not in body.split("study-progress")[1].split("</div>")[0]


def test_what_the_figures_mean_is_said_where_there_are_figures(house):
    from classifier.services.registry import record_evaluation

    figures = {"n": 100, "accuracy": 0.9, "per_class": {"meningioma": {"precision": 0.93, "recall": 0.81}}}
    record_evaluation(
        version=house.prediction.model_version, part="reference part", part_sha256="0" * 64, figures=figures
    )
    body = page(house, house.study)
    assert "Of 100 held-out images that this version called meningioma, 93 were." in body
    assert "It misses 19 of 100 images with meningioma." in body


def test_a_waiting_study_asks_for_news_ever_more_rarely_until_it_has_them(house):
    waiting_study(house)
    study = waiting_study(house)
    pauses, query = [], ""
    for _ in range(20):
        body = page(house, study, view="study-status", query=query)
        asks = re.search(r'hx-get="([^"]+)" hx-trigger="load delay:(\d+)ms"', body)
        pauses.append(int(asks[2]))
        query = "?" + asks[1].replace("&amp;", "&").split("?")[1]
    assert pauses == sorted(pauses)
    assert pauses[0] <= 250
    assert pauses[-1] == 2000
    assert "In line, 1 ahead" in body
    Prediction.objects.filter(image__study=study).update(
        status=JobStatus.SUCCEEDED, probabilities=[0.1, 0.2, 0.6, 0.1]
    )
    body = page(house, study, view="study-status", query=query)
    assert "hx-trigger" not in body
    assert f'data-announce="Study {study.short_id} is analysed."' in body
    assert "Rather no tumour" in body


@pytest.mark.parametrize("name", ["alice", "bob", "both", "otto"])
def test_the_news_carry_no_answer_to_those_who_may_not_see_it(house, name):
    body = page(house, house.study, name, view="study-status")
    assert "Analysed" in body
    assert "meningioma" not in body.lower()
    assert "data-maps-of" not in body


def test_an_answer_that_was_delivered_is_not_delivered_again(house):
    study = waiting_study(house, images=2)
    first = study.images.first()
    first.predictions.update(status=JobStatus.SUCCEEDED, probabilities=[0.1, 0.7, 0.1, 0.1])
    body = page(house, study, view="study-status")
    assert 'id="answer"' in body
    assert "answered=1" in body
    assert 'id="answer"' not in page(house, study, view="study-status", query="?answered=1")


def test_a_word_for_lists(house):
    assert "Analysed" in page(house, house.study, view="study-word")
    assert "hx-get" not in page(house, house.study, view="study-word")
    body = page(house, waiting_study(house), view="study-word")
    assert "In line" in body
    assert "hx-get" in body


def test_a_failed_image_says_what_happened_and_who_may_try_again(house):
    study = waiting_study(
        house, status=JobStatus.FAILED, failure_code="x", failure_reason="The decoder <b>fell</b>."
    )
    for name, button in (("erin", True), ("ann", True), ("alice", False), ("bob", False)):
        body = page(house, study, name)
        assert "The decoder &lt;b&gt;fell&lt;/b&gt;." in body
        assert (reverse("prediction-retry", args=[study.images.get().predictions.get().pk]) in body) == button


def test_a_retry_of_what_has_not_failed_is_a_conflict(house):
    response = house.client("erin").post(reverse("prediction-retry", args=[house.prediction.pk]))
    assert response.status_code == 409
    assert "Only a failed prediction can be tried again" in response.content.decode()


def test_no_model_in_force_is_said(house):
    study = waiting_study(house)
    assert "No model is in force" not in page(house, study)
    Prediction.objects.filter(image__study=study).update(model_version=None)
    assert "No model is in force" not in page(house, study)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("classifier.views.presenting.version_reading_for", lambda collection: None)
        assert "No model is in force" in page(house, study)
        assert "hx-trigger" in page(house, study)
    assert Promotion.objects.count() == 1


def test_a_synthetic_sample_is_marked_wherever_it_is_shown(house):
    Study.objects.update(origin=Origin.SYNTHETIC)
    assert "Synthetic sample" in page(house, house.study)
    collection = house.client("alice").get(reverse("collection", args=[house.collection.pk])).content.decode()
    assert "Synthetic sample" in collection
    assert house.client("alice").get(f"/api/v1/studies/{house.study.pk}").json()["synthetic"] is True


def test_one_image_of_several_is_in_the_foreground(house):
    study = make_study(house.collection, images=3)
    second = study.images.all()[1]
    body = page(house, study, query=f"?image={second.pk}")
    assert f'src="{reverse("image-pixels", args=[second.pk])}" index="2" count="3"' in body
    assert body.count('loading="lazy"') == 3


def test_a_hidden_image_is_shown_to_nobody(house):
    hide_image(actor=house.people["alice"], image=house.image)
    for name in ("alice", "bob", "erin", "ann"):
        body = page(house, house.study, name)
        assert reverse("image-pixels", args=[house.image.pk]) not in body
        assert "someone saw identity in it" in body
        response = house.client(name).get(reverse("image-pixels", args=[house.image.pk]))
        assert response.status_code == 404
        assert "hidden because they contain identity" in response.content.decode()


def test_a_removed_study_keeps_its_place_and_nothing_else(house):
    purge_study(actor=house.people["ann"], study=house.study, reason="asked for")
    body = page(house, house.study, "ann")
    assert "Removed" in body
    assert "data-maps-of" not in body
    assert reverse("study-purge", args=[house.study.pk]) not in body
    assert house.client("ann").get(reverse("image-pixels", args=[house.image.pk])).status_code == 404


def test_a_purge_needs_a_reason(house):
    response = house.client("ann").post(reverse("study-purge", args=[house.study.pk]), {"reason": " "})
    assert response.status_code == 400
    assert "Say why" in response.content.decode()
    house.study.refresh_from_db()
    assert house.study.purged_at is None


class TestPixels:
    def get(self, house, name="alice", **headers):
        return house.client(name).get(reverse("image-pixels", args=[house.image.pk]), headers=headers)

    def test_headers(self, house):
        response = self.get(house)
        assert response.content.startswith(b"\x89PNG")
        assert response["Content-Type"] == "image/png"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["ETag"] == f'"{house.image.pixel_sha256}"'
        assert response["Content-Disposition"] == f'inline; filename="{house.image.pk}.png"'
        assert response["Cache-Control"] == "private, no-cache"
        assert "Cookie" in response["Vary"]

    def test_what_the_browser_has_is_not_sent_again(self, house):
        known = self.get(house)["ETag"]
        for tag in (known, f"W/{known}", f'"x", {known}', "*"):
            response = self.get(house, **{"If-None-Match": tag})
            assert (response.status_code, response.content) == (304, b"")
        assert self.get(house, **{"If-None-Match": '"x"'}).status_code == 200

    def test_not_even_not_modified_for_who_may_not_see_it(self, house):
        assert self.get(house, "charlie", **{"If-None-Match": "*"}).status_code == 404
        hide_image(actor=house.people["alice"], image=house.image)
        assert self.get(house, **{"If-None-Match": "*"}).status_code == 404

    def test_the_same_bytes_and_headers_whatever_the_machine_says(self, house):
        def without_chance(response):
            return {k: v for k, v in response.items() if k not in ("X-Request-ID", "Content-Security-Policy")}

        before = self.get(house, "bob")
        Prediction.objects.all().delete()
        after = self.get(house, "bob")
        assert before.content == after.content
        assert without_chance(before) == without_chance(after)

    def test_the_api_serves_the_same(self, house):
        path = f"/api/v1/images/{house.image.pk}/pixels"
        for accept in ("*/*", "image/png", "application/json"):
            response = house.client("alice").get(path, headers={"Accept": accept})
            assert response.content == self.get(house).content
            assert response["ETag"] == self.get(house)["ETag"]

    def test_pixels_that_the_storage_lost_are_not_there(self, house):
        from classifier.models import StoredFile

        StoredFile.objects.filter(name=house.image.pixels.name).delete()
        assert self.get(house).status_code == 404
