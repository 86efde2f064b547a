"""Dry runs and parts: what is planned is what is frozen, and who was in the test part is never learned from."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from classifier.exceptions import PlatformError
from classifier.models import Image
from classifier.services.removal import hide_image
from mriplatform.identifiers import uuid7
from reviews.models import (
    Adjudication,
    EligibilityPolicy,
    ImportedLabel,
    LabelSet,
    LabelSetEntry,
    Reading,
    ReviewEvent,
    SentBack,
    SplitAssignment,
)
from reviews.selectors import standings
from reviews.selectors.eligibility import policy_of
from reviews.selectors.planned import planned_label_set
from reviews.selectors.set_differences import difference_counts, differences
from reviews.services.eligibility import set_policy
from reviews.services.finality import refresh_standings
from reviews.services.label_sets import freeze_label_set
from reviews.services.protocols import set_protocol
from reviews.services.reading import amend
from reviews.services.splits import assign_splits
from tests.factories import analysed_image, make_collection, make_prediction, make_study, make_user

IN_THE_DATABASE = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
MORNING = datetime(2026, 3, 3, 8, tzinfo=UTC)
numbers = count(1)


def bare_image(study, *, cluster=None):
    """An image whose pixels are said to be stored; its hashes are its own."""
    number = next(numbers)
    return Image.objects.create(
        study=study, collection=study.collection, pixels=f"images/{number}.png", width=64, height=64,
        pixel_sha256=hashlib.sha256(str(number).encode()).hexdigest(), phash=number, phash_mirrored=number,
        cluster=cluster or uuid7(),
    )  # fmt: skip


def lines_of(label_set):
    return [json.loads(line) for line in label_set.manifest.open("rb").read().splitlines()]


# --- What is planned is what is frozen ------------------------------------------------------------------------

LABELS = st.sampled_from(["glioma", "meningioma", ""])
READS = st.lists(st.tuples(st.none() | LABELS, LABELS, st.booleans()), max_size=3)
ROOMS = st.lists(
    st.tuples(
        READS,
        st.none() | LABELS,  # an adjudicator's decision
        st.none()
        | st.tuples(st.sampled_from(["glioma", "pituitary"]), st.sampled_from(["", "test", "train"])),
        st.booleans(),  # hidden
    ),
    min_size=1,
    max_size=6,
)
POLICIES = st.fixed_dictionaries(
    {
        "rule": st.sampled_from(EligibilityPolicy.Rule.values),
        "agreeing_reads": st.integers(2, 3),
        "seen": st.sampled_from(EligibilityPolicy.Seen.values),
        "seen_weight": st.sampled_from([0.25, 1.0]),
    }
)


@pytest.fixture
def readers(member):
    return [member(f"reader{number}", "radiologist") for number in range(3)]


@pytest.fixture
def protocol(collection):
    return set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)


def said(reading, *, before, verdict, saw):
    """Writes a finished reading down, as the ledger has it."""
    events = [{"kind": "first_read", "label": before, "verdict": "" if before else "not_assessable"}]
    last = {"kind": "verdict", "label": verdict, "verdict": "correct" if verdict else "not_assessable"}
    for place, event in enumerate([*(events if before is not None else []), last | {"saw_prediction": saw}]):
        at = MORNING + timedelta(minutes=next(numbers))
        ReviewEvent.objects.create(reading=reading, sequence=place + 1, at=at, **event)


def furnish(collection, protocol, readers, room):
    study = make_study(collection, images=0, uploader=readers[0])
    images = []
    for reads, decided, imported, hidden in room:
        image = bare_image(study)
        make_prediction(image)
        for reader, (before, verdict, saw) in zip(readers, reads, strict=False):
            reading = Reading.objects.create(
                image=image, reader=reader, protocol=protocol, lease_expires_at=MORNING, finished_at=MORNING
            )
            said(reading, before=before, verdict=verdict, saw=saw)
        if decided is not None and reads:
            Adjudication.objects.create(image=image, adjudicator=readers[0], label=decided, rationale="r")
        if imported:
            ImportedLabel.objects.create(image=image, label=imported[0], split=imported[1], dataset="a set")
        if hidden:
            Image.objects.filter(pk=image.pk).update(hidden_at=MORNING)
        images.append(image)
    refresh_standings(Image.objects.filter(study=study))
    return images


@IN_THE_DATABASE
@given(room=ROOMS, policy=POLICIES)
def test_a_freeze_does_what_the_dry_run_said(collection, protocol, readers, room, policy):
    with transaction.atomic():
        images = furnish(collection, protocol, readers, room)
        set_policy(actor=None, collection=collection, **policy)
        before = SplitAssignment.objects.count()
        planned = planned_label_set(collection, policy_of(collection))
        assert SplitAssignment.objects.count() == before
        assert not LabelSet.objects.exists()
        assert planned.unlabelled == sum(not reads and not imported for reads, _, imported, _ in room)
        if planned.used:
            label_set = freeze_label_set(actor=None, collection=collection, if_sha256=planned.sha256)
            assert (label_set.manifest_sha256, label_set.counts) == (planned.sha256, planned.counts)
            assert label_set.policy == policy_of(collection)
            holds(label_set, images, policy)
            assert freeze_label_set(actor=None, collection=collection) == label_set
        else:
            with pytest.raises(PlatformError):
                freeze_label_set(actor=None, collection=collection)
        transaction.set_rollback(True)


def holds(label_set, images, policy):
    """The manifest is canonical, its entries say the same, and the protocol's rule takes what is final."""
    lines = lines_of(label_set)
    canonical = (json.dumps(line, sort_keys=True, separators=(",", ":")) for line in lines)
    assert "".join(f"{line}\n" for line in canonical).encode() == label_set.manifest.open("rb").read()
    columns = ("label", "split", "reason", "weight", "provenance")
    entries = {str(entry.image_id): entry for entry in LabelSetEntry.objects.filter(label_set=label_set)}
    assert [{name: getattr(entries[line["image"]], name) for name in columns} for line in lines] == [
        {name: line[name] for name in columns} for line in lines
    ]
    if policy["rule"] == "protocol" and policy["seen"] == "include":
        standing = standings(images)
        final = {
            str(image.pk): standing[image.pk].final.label
            for image in Image.objects.filter(pk__in=[image.pk for image in images], hidden_at=None)
            if standing[image.pk].final and standing[image.pk].final.assessable
        }
        read = [line for line in lines if line["provenance"].get("source") != "imported"]
        assert {line["image"]: line["label"] for line in read if not line["reason"]} == final


def test_a_policy_that_is_only_tried_out_stores_nothing(alice, collection, image, read):
    read.finished(alice, image)
    planned = planned_label_set(collection, EligibilityPolicy(version=0, rule="adjudicated"))
    assert (planned.used, planned.counts["reasons"]) == (0, {"no adjudicator has decided": 1})
    assert not EligibilityPolicy.objects.exists()
    assert planned_label_set(collection, policy_of(collection)).used == 1
    assert not SplitAssignment.objects.exists()


def test_what_changed_since_the_dry_run_is_not_frozen(alice, collection, image, read):
    reading = read.finished(alice, image, "pituitary")
    planned = planned_label_set(collection, policy_of(collection))
    amend(reader=alice, reading=reading, verdict="confirm", reason="persuaded_by_model")
    with pytest.raises(PlatformError) as refusal:
        freeze_label_set(actor=None, collection=collection, if_sha256=planned.sha256)
    assert (refusal.value.code, refusal.value.status) == ("changed_meanwhile", 412)
    assert not LabelSet.objects.exists()
    assert not SplitAssignment.objects.exists()


def test_a_larger_collection_takes_no_more_statements(alice, collection, read):
    def statements():
        with CaptureQueriesContext(
            connection,
        ) as asked:
            planned_label_set(collection, policy_of(collection))
        return len([query for query in asked if "SAVEPOINT" not in query["sql"]])

    read.finished(alice, analysed_image(collection))
    few = statements()
    for _ in range(4):
        read.finished(alice, analysed_image(collection))
    assert statements() == few


def test_an_imported_label_counts_until_somebody_reads_the_image(alice, collection, image, read):
    ImportedLabel.objects.create(image=image, label="glioma", split="train", dataset="old")
    ImportedLabel.objects.create(image=image, label="notumor", split="test", dataset="new")
    (line,) = planned_label_set(collection, policy_of(collection)).lines
    assert (line.label, line.split, json.loads(line.provenance)["dataset"]) == ("notumor", "test", "new")
    read.finished(alice, image, "pituitary")
    (line,) = planned_label_set(collection, policy_of(collection)).lines
    assert (line.label, json.loads(line.provenance)["source"]) == ("pituitary", "reading")


def test_what_was_sent_back_waits_for_a_reader(alice, bob, collection, read):
    sent, other = analysed_image(collection), analysed_image(collection)
    for image in (sent, other):
        read.finished(alice, image)
    label_set = freeze_label_set(actor=None, collection=collection)
    SentBack.objects.create(image=sent, label_set=label_set, score=0.9, reason="r")
    planned = planned_label_set(collection, policy_of(collection))
    assert {line.image: line.reason for line in planned.lines} == {
        str(sent.pk): "sent back: waits for another reader", str(other.pk): "",
    }  # fmt: skip


# --- Parts, for ever ------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("image"), st.integers(0, 3), st.integers(0, 5), st.sampled_from(["", "test", "train"])
        ),
        st.tuples(st.just("join"), st.integers(0, 5), st.integers(0, 5)),
        st.tuples(st.just("freeze"), st.integers(0, 2)),
    ),
    min_size=4,
    max_size=16,
)


@IN_THE_DATABASE
@given(steps=STEPS)
def test_once_test_always_test_whatever_comes_and_joins(collection, steps):
    """Subjects span studies, clusters are joined later, and each freeze sees another part of the images."""
    with transaction.atomic():
        uploader, wanted, clusters = make_user(), {}, {}
        tested, learned = set(), set()
        for what, *step in [*steps, ("freeze", 0)]:
            if what == "image":
                subject, cluster, wish = step
                # Subject 0 is none: such an image is held to nothing but its cluster.
                study = make_study(
                    collection, images=0, uploader=uploader, subject=str(subject) if subject else ""
                )
                image = bare_image(study, cluster=clusters.setdefault(cluster, uuid7()))
                wanted |= {image.pk: wish} if wish else {}
            elif what == "join":
                one, other = (clusters.setdefault(number, uuid7()) for number in step)
                Image.objects.filter(cluster=other).update(cluster=one)
                clusters[step[1]] = one
            else:
                places = part_of(collection, step[0], wanted)
                tested |= {image for image, place in places.items() if place.split == "test"}
                learned |= {
                    image for image, place in places.items() if place.split in ("train", "validation")
                }
                assert not tested & learned
                assert_whole(places)
        transaction.set_rollback(True)


def part_of(collection, every, wanted):
    """Places every image, or every second or third."""
    rows = Image.objects.filter(collection=collection).order_by("pk").values_list("pk", "cluster")
    return assign_splits(dict(rows[:: every + 1]), wanted)


def assert_whole(places: dict[UUID, object]) -> None:
    """No subject and no cluster is in two parts."""
    held: dict[object, set[str]] = {}
    for image in Image.objects.filter(pk__in=places).select_related("study"):
        for key in filter(None, (image.study.subject_key, image.cluster)):
            held.setdefault(key, set()).add(places[image.pk].split)
    assert all(len(splits) == 1 for splits in held.values())


def test_a_part_that_came_with_an_import_is_kept_unless_the_ledger_knows_better(collection):
    known, free, torn, other = (analysed_image(collection) for _ in range(4))
    Image.objects.filter(pk=other.pk).update(cluster=torn.cluster)
    SplitAssignment.objects.create(key=f"pixels:{known.pixel_sha256}", split="train")
    wanted = {known.pk: "test", free.pk: "test", torn.pk: "test", other.pk: "validation"}
    rows = Image.objects.values_list("pk", "cluster")
    places = assign_splits(dict(rows), wanted)
    assert [places[image.pk].split for image in (known, free, torn, other)] == [
        "train", "test", "validation", "validation",
    ]  # fmt: skip
    assert SplitAssignment.objects.get(key=f"pixels:{free.pixel_sha256}").split == "test"
    assert assign_splits(dict(rows), {}) == places


# --- Differences ----------------------------------------------------------------------------------------------


def test_two_sets_differ_image_by_image(alice, bob, collection, read):
    images = {name: analysed_image(collection) for name in ("same", "relabelled", "hidden", "late")}
    readings = {
        name: read.finished(alice, images[name], "pituitary") for name in ("same", "relabelled", "hidden")
    }
    first = freeze_label_set(actor=None, collection=collection)
    amend(reader=alice, reading=readings["relabelled"], verdict="confirm", reason="persuaded_by_model")
    hide_image(actor=alice, image=images["hidden"])
    read.finished(alice, images["late"], "notumor")
    set_policy(actor=None, collection=collection, seen="weigh", seen_weight=0.25)
    second = freeze_label_set(actor=None, collection=collection)

    found = {difference.image: difference for difference in differences(first, second)}
    names = {str(image.pk): name for name, image in images.items()}
    assert {names[image]: difference.changes for image, difference in found.items()} == {
        "relabelled": ("label", "weight"), "hidden": ("split", "reason"), "late": ("added",),
    }  # fmt: skip
    assert difference_counts(first, second) == {
        "added": 1, "removed": 0, "label": 1, "split": 1, "reason": 1, "weight": 1, "all": 3, "same": 1,
    }  # fmt: skip
    relabelled = found[str(images["relabelled"].pk)]
    assert (relabelled.before.label, relabelled.after.label) == ("pituitary", "glioma")
    assert (relabelled.before.weight, relabelled.after.weight) == (1.0, 0.25)
    back = {difference.image: difference.changes for difference in differences(second, first)}
    assert back[str(images["late"].pk)] == ("removed",)
    (only,) = differences(first, second, change="label")
    assert only == relabelled
    everything = list(differences(first, second))
    assert list(differences(first, second, size=2)) == everything[:2]
    assert list(differences(first, second, start=everything[1].pixel_sha256)) == everything[2:]


def test_sets_of_two_collections_are_compared_by_pixels(alice, collection, image, read):
    read.finished(alice, image, "pituitary")
    first = freeze_label_set(actor=None, collection=collection)
    elsewhere = make_collection()
    copy = make_study(elsewhere, images=0, uploader=alice)
    twin = bare_image(copy)
    Image.objects.filter(pk=twin.pk).update(pixel_sha256=image.pixel_sha256)
    ImportedLabel.objects.create(image=twin, label="glioma", dataset="d")
    second = freeze_label_set(actor=None, collection=elsewhere)
    (difference,) = differences(first, second)
    assert (difference.changes, difference.pixel_sha256) == (("label",), image.pixel_sha256)
