"""The admin: ledgers to look at, protocols to set, label sets to freeze and to train from."""

import pytest
from django.test import Client

from classifier.models import GateRequest, JobStatus, ModelVersion, RunStatus, TrainingRun
from mriplatform.audit.models import AuditEvent
from mriplatform.audit.recording import record
from reviews.models import EligibilityPolicy, LabelSet, Reading, ReadingProtocol, ReviewEvent
from reviews.selectors import protocol_of
from reviews.selectors.eligibility import policy_of
from reviews.services.label_sets import freeze_label_set
from tests.factories import analysed_image, make_collection, make_study, make_user, make_version
from tests.reviews.runs import make_run

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


def freeze(client, collection):
    """Looks at what would be frozen, and confirms it."""
    chosen = {"collection": str(collection.pk)}
    page = client.get(FREEZE, chosen).content.decode()
    sha256 = page.partition('name="if_sha256" value="')[2][:64]
    return client.post(FREEZE, chosen | {"if_sha256": sha256}, follow=True)


def said(response):
    return [str(message) for message in response.context["messages"]]


def test_an_engineer_freezes_a_collection_and_retrains_from_it(sign_in, engineer, collection, labelled):
    client = sign_in(engineer)
    listing = client.get("/admin/reviews/labelset/").content.decode()
    assert FREEZE in listing
    page = client.get(FREEZE).content.decode()
    assert "Neuro" in page
    assert "style=" not in page.partition("<main")[2]

    confirm = client.get(FREEZE, {"collection": str(collection.pk)}).content.decode()
    assert "No policy was set: Labels that are final by the reading protocol." in confirm
    assert "style=" not in confirm.partition("<main")[2]
    assert not LabelSet.objects.exists()
    frozen = freeze(client, collection)
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
    unknown = client.post(retrain, {"recipe": "fine_tune", "network": "vgg"}, follow=True)
    assert "vgg" in said(unknown)[0] or "network" in said(unknown)[0]
    assert not TrainingRun.objects.exists()
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
        answer = freeze(client, collection)
    assert said(answer) == ["Nothing changed since Label set 1 of Neuro."]
    assert LabelSet.objects.count() == 1


def test_freezing_nothing_says_why(sign_in, engineer, collection):
    client = sign_in(engineer)
    page = client.get(FREEZE, {"collection": str(collection.pk)}).content.decode()
    assert "No image of this collection has been read, so there is nothing to freeze." in page
    assert "if_sha256" not in page
    answer = client.post(FREEZE, {"collection": str(collection.pk), "if_sha256": "0" * 64}, follow=True)
    assert said(answer) == ["No image of this collection has been read, so there is nothing to freeze."]


def test_nothing_is_frozen_that_was_not_shown(sign_in, engineer, collection, labelled):
    client = sign_in(engineer)
    shown = client.post(FREEZE, {"collection": str(collection.pk)})
    assert (shown.status_code, LabelSet.objects.count()) == (200, 0)
    answer = client.post(FREEZE, {"collection": str(collection.pk), "if_sha256": "0" * 64}, follow=True)
    assert "changed since you looked" in said(answer)[0]
    assert not LabelSet.objects.exists()


def test_a_policy_is_set_in_the_admin_as_a_new_version(sign_in, engineer, alice, collection, labelled):
    client = sign_in(engineer)
    said_there = {"collection": str(collection.pk), "rule": "adjudicated", "agreeing_reads": "2", "seen": "weigh",
                  "seen_weight": "0.5"}  # fmt: skip
    client.post("/admin/reviews/eligibilitypolicy/add/", said_there)
    policy = policy_of(collection)
    assert (policy.version, policy.rule, policy.set_by) == (1, "adjudicated", engineer)
    listing = client.get("/admin/reviews/eligibilitypolicy/").content.decode()
    assert f"/collections/{collection.pk}/eligibility?rule=adjudicated" in listing
    assert (
        "no adjudicator has decided"
        in client.get(FREEZE, {"collection": str(collection.pk)}).content.decode()
    )
    elsewhere = said_there | {"collection": str(make_collection().pk)}
    assert client.post("/admin/reviews/eligibilitypolicy/add/", elsewhere).status_code == 200
    assert EligibilityPolicy.objects.count() == 1


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


def test_what_people_make_for_themselves_is_shown_to_who_audits_a_collection_of_theirs(
    sign_in, member, engineer
):
    elsewhere = make_user("otis", collection=make_collection("Elsewhere"), role="auditor", is_staff=True)
    for action in ("webhook.made", "token.made", "tokens.revoked", "version.proposed"):
        record(action=action, actor=engineer)
    shown = {}
    for auditor in (member("otto", "auditor", is_staff=True), elsewhere):
        rows = sign_in(auditor).get("/admin/audit/auditevent/").context["cl"].queryset
        shown[auditor.username] = set(rows.values_list("action", flat=True))
    assert {"webhook.made", "token.made", "tokens.revoked", "version.proposed"} <= shown["otto"]
    assert shown["otis"] & {"webhook.made", "token.made", "tokens.revoked", "version.proposed"} == {
        "version.proposed"
    }


RETRAIN = "/admin/reviews/labelset/"
RUNS = "/admin/classifier/trainingrun/"


@pytest.fixture
def label_set(labelled, collection, alice, read):
    read.finished(alice, analysed_image(collection), "not_assessable")
    return freeze_label_set(actor=None, collection=collection)


def test_retraining_is_an_action_that_shows_what_it_would_use_and_starts_nothing(
    sign_in, engineer, label_set
):
    client = sign_in(engineer)
    sent = {"action": "retrain", "_selected_action": [str(label_set.pk)]}
    page = client.post(RETRAIN, sent, follow=True)
    assert page.redirect_chain[-1][0] == f"{RETRAIN}{label_set.pk}/retrain/"
    assert "1 correction, 1 excluded: 1 not assessable." in page.content.decode()
    assert not TrainingRun.objects.exists()
    none = client.post(RETRAIN, {"action": "retrain", "_selected_action": []}, follow=True)
    assert not TrainingRun.objects.exists()
    assert none.status_code == 200


@pytest.mark.parametrize("role", ["approver", "auditor"])
def test_who_may_not_train_has_no_such_action(sign_in, member, label_set, role):
    client = sign_in(member("paul", role, is_staff=True))
    assert "Retrain from" not in client.get(RETRAIN).content.decode()
    assert client.get(f"{RETRAIN}{label_set.pk}/retrain/").status_code == 403
    run = make_run(label_set)
    assert "Cancel the" not in client.get(RUNS).content.decode()
    assert "Cancel the run" not in client.get(f"{RUNS}{run.pk}/change/").content.decode()
    for method in (client.get, client.post):
        assert method(f"{RUNS}{run.pk}/cancel/").status_code == 404
    run.refresh_from_db()
    assert run.cancel_requested_at is None


def test_whose_labels_a_run_learnt_from_is_told_to_nobody_from_elsewhere(
    sign_in, engineer, label_set, collection
):
    run = make_run(label_set)
    other = make_collection("Elsewhere")
    eve = make_user("eve", collection=other, role="ml_engineer", is_staff=True)
    addresses = [RUNS, f"{RUNS}{run.pk}/change/", "/training-runs", f"/training-runs/{run.pk}"]
    for person, told in ((engineer, True), (eve, False)):
        client = sign_in(person)
        for address in addresses:
            page = client.get(address)
            assert page.status_code == 200, address
            text = page.content.decode()
            assert ("Neuro" in text) == told, address
            assert str(collection.pk) not in text or told


def test_a_run_is_cancelled_in_the_admin_after_a_confirmation(sign_in, engineer, label_set):
    client, run = sign_in(engineer), make_run(label_set)
    page = client.get(f"{RUNS}{run.pk}/change/")
    assert page["Refresh"] == "2"
    assert f"{RUNS}{run.pk}/cancel/" in page.content.decode()
    asked = client.post(RUNS, {"action": "cancel", "_selected_action": [str(run.pk)]}, follow=True)
    assert asked.redirect_chain[-1][0] == f"{RUNS}{run.pk}/cancel/"
    run.refresh_from_db()
    assert run.cancel_requested_at is None
    answer = client.post(f"{RUNS}{run.pk}/cancel/", follow=True)
    assert said(answer) == ["Training run 1 is being cancelled. Nothing of it is kept but its record."]
    run.refresh_from_db()
    assert (run.cancelled_by, run.cancel_requested_at is not None) == (engineer, True)


def test_a_learning_curve_is_asked_for_in_the_admin(sign_in, engineer, member, label_set):
    runs = [make_run(label_set, RunStatus.SUCCEEDED), make_run(label_set, RunStatus.FAILED)]
    approver = sign_in(member("paul", "approver", is_staff=True))
    assert "Draw the learning curve" not in approver.get(RUNS).content.decode()
    sent = {"action": "draw_curve", "_selected_action": [str(run.pk) for run in runs]}
    asked = said(sign_in(engineer).post(RUNS, sent, follow=True))
    assert "The learning curve of Training run 1 is in line to be drawn." in asked
    assert any(one.startswith("Training run 2: A learning curve is drawn of finished runs") for one in asked)
    assert GateRequest.objects.get().training_run == runs[0]


def test_the_admin_shows_no_labels_of_a_run_in_anothers_collection(sign_in, engineer, label_set):
    """Who sees models sees every run; what became of each label only where they may see labels."""
    stranger = make_user("eve", collection=make_collection(), role="ml_engineer", is_staff=True)
    run = make_run(label_set, RunStatus.SUCCEEDED)
    image = str(label_set.entries.first().image_id)
    trace = f"/training-runs/{run.pk}/trace"
    for user, sees in ((engineer, True), (stranger, False)):
        page = sign_in(user).get(f"{RUNS}{run.pk}/change/").content.decode()
        assert (trace in page) is sees
        assert image not in page
