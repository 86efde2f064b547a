"""The admin: ledgers to look at, protocols to set, label sets to freeze and to train from."""

import pytest
from django.test import Client

from classifier.models import JobStatus, ModelVersion, TrainingRun
from mriplatform.audit.models import AuditEvent
from mriplatform.audit.recording import record
from reviews.models import LabelSet, Reading, ReadingProtocol, ReviewEvent
from reviews.selectors import protocol_of
from reviews.services.label_sets import freeze_label_set
from tests.factories import analysed_image, make_collection, make_study, make_user, make_version

FREEZE = "/admin/reviews/labelset/freeze/"


@pytest.fixture
def sign_in():
    def _sign_in(user):
        client = Client()
        client.force_login(user)
        return client

    return _sign_in


@pytest.fixture
def labelled(alice, image, read):
    return read.finished(alice, image, "pituitary")


@pytest.fixture
def admin(member):
    return member("ada", "admin", is_staff=True, is_superuser=True)


def said(response):
    return [str(message) for message in response.context["messages"]]


def test_an_engineer_freezes_a_collection_and_retrains_from_it(sign_in, engineer, collection, labelled):
    client = sign_in(engineer)
    listing = client.get("/admin/reviews/labelset/").content.decode()
    assert FREEZE in listing
    page = client.get(FREEZE).content.decode()
    assert "Neuro" in page
    assert "style=" not in page.partition("<main")[2]

    frozen = client.post(FREEZE, {"collection": str(collection.pk)}, follow=True)
    label_set = LabelSet.objects.get()
    assert said(frozen) == ["Label set 1 of Neuro is frozen."]
    assert frozen.redirect_chain[-1][0] == f"/admin/reviews/labelset/{label_set.pk}/change/"
    assert label_set.manifest_sha256 in frozen.content.decode()
    assert "1 pituitary" in frozen.content.decode()

    retrain = f"/admin/reviews/labelset/{label_set.pk}/retrain/"
    assert retrain in frozen.content.decode()
    other = make_version()
    assert (
        f"{other.number} · {other.name} (reads for this collection)" in client.get(retrain).content.decode()
    )
    base = ModelVersion.objects.get(number=1)
    assert client.post(retrain, {"base": str(collection.pk)}).status_code == 404
    started = client.post(retrain, {"seed": "3", "base": str(base.pk)}, follow=True)
    run = TrainingRun.objects.get()
    assert run.base_version == base
    assert (run.seed, run.started_by, run.manifest_sha256) == (3, engineer, label_set.manifest_sha256)
    assert started.redirect_chain[-1][0] == f"/admin/classifier/trainingrun/{run.pk}/change/"
    assert "Training run 1" in said(started)[0]

    again = client.post(retrain, {"seed": "3"}, follow=True)
    assert said(again) == ["Training run 1 is active; wait until it has finished."]
    assert TrainingRun.objects.count() == 1


def test_freezing_what_did_not_change_says_so(sign_in, engineer, collection, labelled):
    client = sign_in(engineer)
    for _ in range(2):
        answer = client.post(FREEZE, {"collection": str(collection.pk)}, follow=True)
    assert said(answer) == ["Nothing changed since Label set 1 of Neuro."]
    assert LabelSet.objects.count() == 1


def test_freezing_nothing_says_why(sign_in, engineer, collection):
    answer = sign_in(engineer).post(FREEZE, {"collection": str(collection.pk)}, follow=True)
    assert said(answer) == ["No image of this collection has been read, so there is nothing to freeze."]


@pytest.mark.parametrize("role", ["approver", "auditor"])
def test_who_may_neither_freeze_nor_train(sign_in, member, collection, labelled, role):
    label_set = freeze_label_set(actor=None, collection=collection)
    client = sign_in(member("nora", role, is_staff=True))
    assert FREEZE not in client.get("/admin/reviews/labelset/").content.decode()
    assert client.get(f"/admin/reviews/labelset/{label_set.pk}/change/").status_code == 200
    retrain = f"/admin/reviews/labelset/{label_set.pk}/retrain/"
    answers = [client.get(FREEZE), client.post(FREEZE, {"collection": str(collection.pk)})]
    answers += [client.get(retrain), client.post(retrain)]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert (LabelSet.objects.count(), TrainingRun.objects.count()) == (1, 0)


def test_an_engineer_of_another_collection_finds_nothing(sign_in, collection, labelled):
    label_set = freeze_label_set(actor=None, collection=collection)
    stranger = make_user(collection=make_collection("Elsewhere"), role="ml_engineer", is_staff=True)
    client = sign_in(stranger)
    assert "Neuro" not in client.get(FREEZE).content.decode()
    for listing in ("labelset", "labelsetentry"):
        assert "Neuro" not in client.get(f"/admin/reviews/{listing}/").content.decode()
    assert client.post(FREEZE, {"collection": str(collection.pk)}).status_code == 404
    assert client.post(FREEZE, {"collection": "neuro"}).status_code == 404
    for address in (f"/admin/reviews/labelset/{label_set.pk}/retrain/",):
        assert [client.get(address).status_code, client.post(address).status_code] == [404, 404]


def test_a_role_in_one_collection_opens_nothing_of_another_that_one_only_uploads_to(
    sign_in, member, engineer, collection, image, labelled
):
    """Django's permissions know no collections: the rows must."""
    freeze_label_set(actor=None, collection=collection)
    record(action="study.uploaded", target=image.study, collection_id=collection.pk)
    elsewhere = make_collection("Elsewhere")
    for role, foreign in (
        ("ml_engineer", ["classifier/prediction", "reviews/labelset", "reviews/labelsetentry"]),
        ("auditor", ["reviews/reviewevent", "reviews/labelset"]),
    ):
        user = make_user(collection=elsewhere, role=role, is_staff=True)
        user.memberships.create(collection=collection, role="uploader")
        client = sign_in(user)
        for listing in foreign:
            answer = client.get(f"/admin/{listing}/")
            assert answer.context["cl"].result_count == 0, (role, listing)
    audit = client.get("/admin/audit/auditevent/").context["cl"].queryset
    assert audit.model.objects.filter(collection_id=collection.pk).exists()
    assert not audit.filter(collection_id=collection.pk).exists()
    auditor = member("olaf", "auditor", is_staff=True)
    own = sign_in(auditor).get("/admin/audit/auditevent/").context["cl"].queryset
    assert own.filter(collection_id=collection.pk).exists()


def test_failed_predictions_are_tried_again_only_where_one_may(sign_in, collection, engineer):
    failed = make_study(collection).images.get().predictions.create(status=JobStatus.FAILED, attempt=3)
    form = {"action": "try_again", "_selected_action": [str(failed.pk)]}
    other = make_user(collection=make_collection("Elsewhere"), role="ml_engineer", is_staff=True)
    other.memberships.create(collection=collection, role="approver")
    for user, status in ((other, JobStatus.FAILED), (engineer, JobStatus.QUEUED)):
        assert sign_in(user).post("/admin/classifier/prediction/", form).status_code == 302
        failed.refresh_from_db()
        assert failed.status == status


def test_readers_and_strangers_are_sent_to_the_sign_in(sign_in, alice):
    for client in (Client(), sign_in(alice)):
        for address in (FREEZE, "/admin/reviews/labelset/", "/admin/reviews/reviewevent/"):
            assert client.get(address)["Location"].startswith("/admin/login/")


def test_an_administrator_sets_the_protocol(sign_in, admin, collection):
    client = sign_in(admin)
    address = "/admin/reviews/readingprotocol/add/"
    assert "Neuro" in client.get(address).content.decode()
    form = {
        "collection": str(collection.pk), "mode": "assisted", "readers_per_image": "2",
        "adjudication_rule": "majority", "order": "entropy", "random_share": "0.3", "repeat_rate": "0.1",
        "known_rate": "0",
    }  # fmt: skip
    answer = client.post(address, form, follow=True)
    assert answer.status_code == 200
    protocol = protocol_of(collection)
    assert (protocol.mode, protocol.readers_per_image, protocol.set_by) == ("assisted", 2, admin)
    assert (protocol.adjudication_rule, protocol.order, protocol.random_share) == ("majority", "entropy", 0.3)
    client.post(address, form)
    assert ReadingProtocol.objects.count() == 1
    assert client.post(address, form | {"readers_per_image": "9"}).status_code == 200
    assert ReadingProtocol.objects.count() == 1


def test_an_engineer_does_not_set_the_protocol(sign_in, engineer, collection):
    assert sign_in(engineer).get("/admin/reviews/readingprotocol/add/").status_code == 403


@pytest.mark.parametrize(
    "model",
    [
        "reading",
        "reviewevent",
        "adjudication",
        "labelset",
        "labelsetentry",
        "readingprotocol",
        "splitassignment",
    ],
)
def test_everything_is_to_be_looked_at_and_nothing_to_be_changed(sign_in, admin, collection, labelled, model):
    freeze_label_set(actor=None, collection=collection)
    client = sign_in(admin)
    listing = client.get(f"/admin/reviews/{model}/")
    assert listing.status_code == 200
    for row in listing.context["cl"].result_list:
        change = f"/admin/reviews/{model}/{row.pk}/change/"
        assert client.get(change).status_code == 200
        assert client.post(change, {"label": "glioma"}).status_code == 403
        assert client.post(f"/admin/reviews/{model}/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    if model != "readingprotocol":
        assert client.get(f"/admin/reviews/{model}/add/").status_code == 403
    assert ReviewEvent.objects.count() == 3


def test_roles_given_and_taken_in_the_admin_leave_their_trace(sign_in, collection, alice):
    client, dora = sign_in(make_user(is_staff=True, is_superuser=True)), make_user("dora")
    alices = alice.memberships.get()
    form = {
        "name": "Neuro", "description": "", "memberships-TOTAL_FORMS": "2", "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": str(alices.pk), "memberships-0-collection": str(collection.pk),
        "memberships-0-user": str(alice.pk), "memberships-0-role": "radiologist", "memberships-0-seniority": "0",
        "memberships-0-DELETE": "on",
        "memberships-1-collection": str(collection.pk), "memberships-1-user": str(dora.pk),
        "memberships-1-role": "uploader", "memberships-1-seniority": "2",
    }  # fmt: skip
    assert client.post(f"/admin/accounts/collection/{collection.pk}/change/", form).status_code == 302
    traced = AuditEvent.objects.filter(action__startswith="membership.", collection_id=collection.pk)
    assert {(event.action, event.data["user"], event.data["role"]) for event in traced} == {
        ("membership.granted", str(dora.pk), "uploader"),
        ("membership.revoked", str(alice.pk), "radiologist"),
    }


def test_a_draft_is_not_shown_to_staff(sign_in, admin, alice, read):
    reading = read.claimed(alice, analysed_image(make_collection()))
    admin.memberships.create(collection=reading.image.collection, role="admin")
    Reading.objects.filter(pk=reading.pk).update(draft={"note": "between me and my screen"})
    page = sign_in(admin).get(f"/admin/reviews/reading/{reading.pk}/change/")
    assert page.status_code == 200
    assert "between me" not in page.content.decode()
