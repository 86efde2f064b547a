"""What a reader is told of where their own statements went, and what not."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from classifier.models import ModelVersion, Promotion, RunStatus
from reviews.models import Reading
from reviews.selectors.own_trace import NOT_COUNTED, OVERRULED, own_trace
from reviews.services.eligibility import set_policy
from reviews.services.known_cases import set_known_case
from reviews.services.protocols import set_protocol
from reviews.services.reading import withdraw
from tests.factories import analysed_image, make_version
from tests.reviews.runs import freeze, make_run

pytestmark = pytest.mark.django_db


def told(user, reading):
    reading = Reading.objects.get(pk=reading.pk)
    return [(line.run, line.used_as, line.reason) for line in own_trace(user, [reading]).get(reading.pk, [])]


def trained(collection, **more):
    return make_run(freeze(collection), RunStatus.SUCCEEDED, **more)


def in_force(run, days_ago):
    """A version of the run, put in force so many days ago."""
    base = ModelVersion.objects.get(number=1)
    made = ModelVersion.objects.create(
        number=ModelVersion.objects.count() + 1, name="head", checkpoint=base.checkpoint.name,
        checkpoint_sha256=f"{run.number:064d}", metadata=base.metadata, training_run=run,
    )  # fmt: skip
    Promotion.objects.create(
        sequence=Promotion.objects.count() + 1, model_version=made, kind=Promotion.Kind.PROMOTE, reason="better",
        at=timezone.now() - timedelta(days=days_ago),
    )  # fmt: skip
    return made


def test_a_correction_is_followed_to_the_version_in_force(alice, bob, image, read, collection):
    reading = read.finished(alice, image, "meningioma")
    assert told(alice, reading) == []
    run = trained(collection)
    used_as = run.trace_lines.get(image=image).used_as
    assert told(alice, reading) == [(1, used_as, "")]
    made = in_force(run, 3)
    (line,) = own_trace(alice, [Reading.objects.get(pk=reading.pk)])[reading.pk]
    assert (line.version, line.in_force_until) == (made.number, None)
    assert (timezone.now() - line.in_force_since).days == 3
    make_version()
    (line,) = own_trace(alice, [Reading.objects.get(pk=reading.pk)])[reading.pk]
    assert line.in_force_until is not None
    # Whatever is asked for whom: only who read it is told.
    assert own_trace(bob, [Reading.objects.get(pk=reading.pk)]) == {}


def test_what_was_said_after_the_set_was_frozen_is_in_no_run_of_it(alice, image, read, collection):
    read.finished(alice, analysed_image(collection), "glioma")
    label_set = freeze(collection)
    reading = read.finished(alice, image, "meningioma")
    make_run(label_set, RunStatus.SUCCEEDED)
    assert told(alice, reading) == []


def test_that_others_disagree_and_that_others_have_yet_to_read_are_one_sentence(
    alice, bob, image, read, collection
):
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    waiting, disputed = analysed_image(collection), analysed_image(collection)
    read.finished(alice, image, "glioma")
    read.finished(bob, image, "glioma")
    readings = [read.finished(alice, other, "glioma") for other in (waiting, disputed)]
    read.finished(bob, disputed, "pituitary")
    trained(collection)
    assert [told(alice, reading) for reading in readings] == [[(1, "excluded", NOT_COUNTED)]] * 2


@pytest.mark.parametrize("rule", ["single", "agreeing"])
def test_what_a_policy_took_of_an_image_that_waits_says_nothing_of_its_other_readers(
    alice, bob, collection, read, member, rule
):
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=3)
    set_policy(actor=None, collection=collection, rule=rule)
    agreed, contradicted = analysed_image(collection), analysed_image(collection)
    readings = [read.finished(alice, image, "glioma") for image in (agreed, contradicted)]
    read.finished(bob, agreed, "glioma")
    read.finished(bob, contradicted, "pituitary")
    run = trained(collection)
    assert {run.trace_lines.get(image=image).reason == "" for image in (agreed, contradicted)} == {
        True,
        False,
    }
    assert [told(alice, reading) for reading in readings] == [[], []]
    read.finished(member("carl", "radiologist"), agreed, "glioma")
    assert told(alice, readings[0]) == [(1, run.trace_lines.get(image=agreed).used_as, "")]


def test_a_known_case_reads_like_any_label_that_did_not_count(alice, bob, image, read, collection, member):
    reading = read.finished(alice, image, "meningioma")
    read.finished(alice, analysed_image(collection), "glioma")
    set_known_case(actor=member("ada", "admin"), image=image, label="glioma", source="Histology")
    trained(collection)
    assert told(alice, reading) == [(1, "excluded", NOT_COUNTED)]


def test_who_was_overruled_is_told_as_soon_as_the_final_label_may_be_seen(
    alice, bob, image, read, collection, member
):
    set_protocol(
        actor=None, collection=collection, mode="blinded_first", readers_per_image=3, adjudication_rule="majority"
    )  # fmt: skip
    carl = member("carl", "radiologist")
    reading = read.finished(alice, image, "pituitary")
    others = [read.finished(reader, image, "glioma") for reader in (bob, carl)]
    run = trained(collection)
    used_as = run.trace_lines.get(image=image).used_as
    assert told(alice, reading) == [(1, "excluded", OVERRULED)]
    assert told(bob, others[0]) == [(1, used_as, "")]
    # Somebody takes theirs back: there is no final label to be seen any more, and so nothing is said of it.
    taken = Reading.objects.get(pk=others[1].pk)
    withdraw(reader=carl, reading=taken, reason="slip")
    assert told(alice, reading) == []
    assert told(carl, others[1]) == []


def test_who_said_that_it_cannot_be_assessed_is_told_so(alice, image, read, collection):
    reading = read.finished(alice, image, "not_assessable")
    read.finished(alice, analysed_image(collection), "glioma")
    trained(collection)
    assert told(alice, reading) == [(1, "excluded", "you said that it cannot be assessed")]


def test_a_run_that_did_not_succeed_used_nothing(alice, image, read, collection):
    reading = read.finished(alice, image, "meningioma")
    make_run(freeze(collection), RunStatus.FAILED, failure_reason="It broke.")
    assert told(alice, reading) == []


def test_page_worklist_and_api_say_it_alike_and_in_few_questions(
    client, alice, image, read, collection, django_assert_max_num_queries
):
    reading = read.finished(alice, image, "meningioma")
    client.force_login(alice)
    addresses = {
        "page": reverse("reading", args=[reading.pk]),
        "worklist": reverse("worklist", args=[collection.pk]),
        "api": reverse("api-reading", args=[reading.pk]),
        "list": reverse("api-readings"),
    }
    assert "Not used in a training yet." in client.get(addresses["page"]).content.decode()
    assert client.get(addresses["api"]).json()["trace"] == []
    run = trained(collection)
    in_force(run, 2)
    used = run.trace_lines.get(image=image).get_used_as_display().lower()
    for page in ("page", "worklist"):
        body = client.get(addresses[page]).content.decode()
        assert f"Used in run 1 ({used}), in force since" in body, page
    row = client.get(addresses["api"]).json()["trace"][0]
    assert (row["run"], row["version"]) == (1, ModelVersion.objects.latest("number").number)
    assert client.get(addresses["list"]).json()["results"][0]["trace"] == [row]
    readings = list(
        Reading.objects.filter(reader=alice).prefetch_related("events").select_related("protocol")
    )
    with django_assert_max_num_queries(6):
        own_trace(alice, readings)
