"""The same pixels in two collections: who reads them in the one gets no labels of them in the other, whatever they are.

What else lies in the other is theirs as before, as far as it comes in rows; what is whole is refused.
"""

import json

import pytest
from django.urls import reverse

from classifier.models import Image, RunStatus, TrainingRun
from classifier.services.tracing import record_trace
from mriplatform.accounts.models import User
from mriplatform.audit.models import AuditEvent
from reviews.selectors import label_count, label_sets_of, labels, recent_labels
from reviews.selectors.figures import closed, everything
from reviews.selectors.known_cases import known_cases
from reviews.services.figures import compute_figures
from reviews.services.known_cases import set_known_case
from reviews.services.label_sets import freeze_label_set
from tests.factories import analysed_image, make_collection, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def other(version):
    return make_collection("Labels")


@pytest.fixture
def olga(other):
    """Reads in the other collection."""
    return make_user("olga", collection=other, role="radiologist")


@pytest.fixture
def twin(other, image):
    """The same pixels in the other collection."""
    twin = analysed_image(other, label="glioma")
    Image.objects.filter(pk=twin.pk).update(pixel_sha256=image.pixel_sha256)
    return Image.objects.get(pk=twin.pk)


@pytest.fixture
def lone(other):
    """An image of the other collection that lies nowhere else."""
    return analysed_image(other, label="notumor")


@pytest.fixture
def frozen(olga, other, twin, lone, read):
    """Both were read, and frozen."""
    read.finished(olga, twin, "glioma")
    read.finished(olga, lone, "notumor")
    return freeze_label_set(actor=None, collection=other)


@pytest.fixture
def mia(alice, other):
    """A radiologist here, and everything but a reader there."""
    for role in ("ml_engineer", "approver", "auditor", "admin"):
        alice.memberships.create(collection=other, role=role)
    return User.objects.get(pk=alice.pk)


@pytest.fixture
def erin(other):
    """The same there, and a reader nowhere."""
    erin = make_user("erin", collection=other, role="ml_engineer")
    for role in ("approver", "auditor", "admin"):
        erin.memberships.create(collection=other, role=role)
    return erin


@pytest.fixture
def run(frozen, other, version, twin, lone):
    made = TrainingRun.objects.create(
        number=1, status=RunStatus.SUCCEEDED, recipe={"kind": "head"}, manifest=frozen.manifest.name,
        manifest_sha256=frozen.manifest_sha256, base_version=version, collection=other,
        log=[{"at": "2026-01-01T00:00:00Z", "text": "Said."}],
        report={"counts": {"train": 2}}, progress=[{"step": 1, "steps": 2}],
    )  # fmt: skip
    lines = [{"image": str(image.pk), "label": "glioma", "used_as": "train"} for image in (twin, lone)]
    record_trace(run=made, lines=lines)
    return made


@pytest.fixture
def page(client):
    """Asks an address as somebody: `page(mia, "label-set", pk)`; the answer, and all that it says. What has a form of
    the file in its address is named by words: `page(mia, "labels-download", collection_id=pk, form="csv")`."""

    def _page(user, name, *arguments, method="get", data=None, **named):
        client.force_login(user, backend="mriplatform.accounts.backends.RoleBackend")
        answer = getattr(client, method)(reverse(name, args=arguments, kwargs=named), data)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        return answer, body.decode("latin-1")

    return _page


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_rows_of_what_she_reads_elsewhere_are_left_out_and_no_others(
    page, mia, erin, other, frozen, twin, lone, form
):
    for name, more in (
        ("api-labels", {"data": {"format": form}}),
        ("labels-download", {"form": form}),
    ):
        answer, said = page(mia, name, collection_id=other.pk, **more)
        assert answer.status_code == 200
        assert str(lone.pk) in said
        assert str(twin.pk) not in said
        assert twin.pixel_sha256 not in said
        assert AuditEvent.objects.filter(action="labels.downloaded").latest("pk").data["rows"] == 1
        assert str(twin.pk) in page(erin, name, collection_id=other.pk, **more)[1]


def test_the_page_leaves_them_out_of_its_counts_too_and_says_so(page, mia, erin, other, frozen, twin, lone):
    _, said = page(mia, "labels", other.pk)
    assert lone.short_id in said
    assert twin.short_id not in said
    assert "1 image has its final label" in said
    assert "read in another collection as well are left out" in said
    _, said = page(erin, "labels", other.pk)
    assert "2 images have their final labels" in said
    assert twin.short_id in said
    assert "are left out here" not in said


def test_the_number_of_questions_does_not_grow_with_the_rows(
    mia, olga, other, twin, read, django_assert_max_num_queries
):
    read.finished(olga, twin)
    for _ in range(5):
        read.finished(olga, analysed_image(other))
    for user, rows in ((mia, 5), (None, 6)):
        with django_assert_max_num_queries(11):
            assert len(list(labels(other, user))) == rows
        with django_assert_max_num_queries(12):
            assert len(recent_labels(other, user, before=None, size=50)) == rows
        with django_assert_max_num_queries(3):
            assert label_count(other, user) == rows


OF_A_SET = ["api-label-set", "api-label-set-entries", "api-label-set-differences", "api-manifest", "api-likely-errors",
            "api-label-set-export", "api-label-set-retrain", "label-set", "label-set-compare", "label-errors",
            "label-errors-live", "label-set-export"]  # fmt: skip
OF_A_COLLECTION = ["api-collection-label-sets", "api-eligibility", "api-dry-run", "api-retraining-plan", "api-shadows",
                   "label-sets", "label-set-freeze", "eligibility", "import-labels", "retraining-plan",
                   "shadows"]  # fmt: skip


def test_what_is_whole_is_refused_in_a_sentence(page, mia, erin, other, frozen):
    """Its counts and its hash would say what a row that is left out says."""
    doors = [(name, {"label_set_id": frozen.pk}) for name in OF_A_SET]
    doors += [(name, {"collection_id": other.pk}) for name in OF_A_COLLECTION]
    doors.append(("label-set-entries-download", {"label_set_id": frozen.pk, "form": "csv"}))
    for name, named in doors:
        answer, said = page(mia, name, **named)
        assert answer.status_code == 403, name
        assert "You read images in another collection that lie in this one as well" in said, name
        assert frozen.manifest_sha256 not in said
        expected = 422 if name == "api-label-set-differences" else 200
        assert page(erin, name, **named)[0].status_code == expected, name
    assert list(label_sets_of(mia)) == []
    assert list(label_sets_of(erin)) == [frozen]
    assert page(mia, "api-label-sets")[0].json()["results"] == []


def test_a_run_on_labels_of_the_same_pixels_shows_what_anybody_sees(page, mia, erin, run):
    shown = page(mia, "api-training-run", run.pk)[0].json()
    assert (shown["manifest_sha256"], shown["counts"], shown["log"], shown["progress"]) == ("", {}, [], [])
    for name, more in (
        ("api-training-run-trace", {}),
        ("training-run-trace", {}),
        ("training-run-trace-download", {"form": "csv"}),
    ):
        assert page(mia, name, run_id=run.pk, **more)[0].status_code == 403, name
        assert page(erin, name, run_id=run.pk, **more)[0].status_code == 200, name
    assert page(erin, "api-training-run", run.pk)[0].json()["counts"] == {"train": 2}


def test_runs_are_listed_with_as_many_questions_however_many_there_are(
    page, mia, run, django_assert_max_num_queries
):
    def questions():
        with django_assert_max_num_queries(40) as captured:
            assert page(mia, "api-training-runs")[0].status_code == 200
        return len(captured)

    questions()
    one = questions()
    TrainingRun.objects.create(
        number=2, status=RunStatus.FAILED, recipe={"kind": "head"}, manifest=run.manifest,
        manifest_sha256=run.manifest_sha256, base_version=run.base_version, collection=run.collection,
    )  # fmt: skip
    assert questions() == one


def test_where_the_labels_of_an_image_went_is_told_of_the_others(page, mia, frozen, twin, lone):
    for name in ("api-image-trace", "image-trace"):
        assert page(mia, name, twin.pk)[0].status_code == 403
        assert page(mia, name, lone.pk)[0].status_code == 200


def test_known_cases_of_the_same_pixels_are_left_out(page, mia, erin, other, twin, lone):
    for image in (twin, lone):
        set_known_case(actor=None, image=image, label="glioma", source="histology")
    for user, seen in ((mia, [lone]), (erin, [lone, twin])):
        shown = page(user, "api-known-cases", other.pk)[0].json()["results"]
        assert [row["image"] for row in shown] == [str(image.pk) for image in seen]
        said = page(user, "known-cases", other.pk)[1]
        assert [image for image in (lone, twin) if image.short_id in said] == seen
    assert known_cases(other, None).count() == 2


def test_figures_are_those_of_readers(page, mia, erin, other, frozen):
    compute_figures(collection=other)
    shown = {user: page(user, "api-figures", other.pk)[0].json()["figures"] for user in (mia, erin)}
    assert [figure["name"] for figure in shown[mia]] == list(closed(other).figures)
    assert [figure["name"] for figure in shown[erin]] == list(everything(other).figures)
    assert page(mia, "api-figures", other.pk, method="post")[0].status_code == 403


def test_where_nothing_overlaps_a_reader_elsewhere_has_everything(page, mia, olga, other, lone, read):
    read.finished(olga, lone, "notumor")
    frozen = freeze_label_set(actor=None, collection=other)
    answer, said = page(mia, "api-label-set-entries", frozen.pk)
    assert answer.status_code == 200
    assert str(lone.pk) in said
    assert page(mia, "api-manifest", frozen.pk)[0].status_code == 200


def test_the_platform_itself_freezes_them_all(frozen):
    lines = [json.loads(line) for line in frozen.manifest.open("rb").read().decode().splitlines()]
    assert len(lines) == 2
