"""Label sets: what may be learned from, in which part, and for ever."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.core.files.storage import storages
from django.db import connection, transaction

from classifier.exceptions import PlatformError
from classifier.models import Image, StoredFile, TrainingRun
from classifier.services.removal import hide_image, purge_study
from mriplatform.audit.models import AuditEvent
from reviews.models import LabelSet, LabelSetEntry, SplitAssignment
from reviews.services.label_sets import freeze_label_set, retrain
from reviews.services.protocols import set_protocol
from reviews.services.reading import amend
from reviews.services.splits import Place, assign_splits
from tests.factories import analysed_image, make_collection, make_study, make_user, make_version


def lines_of(label_set):
    return [json.loads(line) for line in label_set.manifest.open("rb").read().splitlines()]


def freeze(collection):
    return freeze_label_set(actor=None, collection=collection)


def refused(code, do, **more):
    with pytest.raises(PlatformError) as refusal:
        do(**more)
    assert refusal.value.code == code, refusal.value.sentence
    return refusal.value.sentence


def ledger(**splits):
    """Writes parts down as an earlier freeze would have: `ledger(test=[key, …])`."""
    for split, keys in splits.items():
        SplitAssignment.objects.bulk_create(SplitAssignment(key=key, split=split) for key in keys)


# --- The manifest ---------------------------------------------------------------------------------------------


def test_a_set_is_a_canonical_manifest_with_its_hash(alice, engineer, collection, image, read):
    reading = read.finished(alice, image, "pituitary")
    label_set = freeze_label_set(actor=engineer, collection=collection)
    content = label_set.manifest.open("rb").read()
    verdict = reading.events.get(kind="verdict")
    line = {
        "cluster": str(image.cluster),
        "image": str(image.pk),
        "label": "pituitary",
        "pixel_sha256": image.pixel_sha256,
        "plane": "",
        "provenance": {
            "adjudication": None,
            "after_answer": False,
            "changed_since": False,
            "at": verdict.at.isoformat(),
            "events": [str(verdict.pk)],
            "model_versions": [1],
            "path": "one reader",
            "protocols": ["blinded_first/1"],
            "saw_prediction": True,
            "source": "reading",
        },
        "reason": "",
        "source": "api",
        "split": "train",
        "weight": 1.0,
    }
    assert content == json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    assert label_set.manifest_sha256 == hashlib.sha256(content).hexdigest()
    assert label_set.counts == {
        "train": 1,
        "validation": 0,
        "test": 0,
        "excluded": 0,
        "labels": {"pituitary": 1},
        "reasons": {},
        **{
            counted: {value: {"train": 1, "validation": 0, "test": 0}}
            for counted, value in (
                ("classes", "pituitary"),
                ("sources", "api"),
                ("planes", ""),
                ("weights", "1"),
                ("origins", "reading"),
            )
        },
    }
    entry = LabelSetEntry.objects.get()
    assert (entry.image, entry.label, entry.split, entry.weight) == (image, "pituitary", "train", 1.0)
    assert entry.provenance == line["provenance"]
    assert AuditEvent.objects.get(action="label_set.frozen").actor == engineer


def test_the_same_labels_are_the_same_set_and_another_label_another(alice, collection, read):
    readings = [read.finished(alice, analysed_image(collection), "notumor") for _ in range(3)]
    first = freeze(collection)
    assert freeze(collection) == first
    amend(reader=alice, reading=readings[0], verdict="confirm", reason="persuaded_by_model")
    second = freeze(collection)
    assert (second.number, LabelSet.objects.count()) == (first.number + 1, 2)
    assert second.manifest_sha256 != first.manifest_sha256
    assert [line["image"] for line in lines_of(second)] == sorted(line["image"] for line in lines_of(first))
    assert lines_of(first)[0]["label"] == "notumor"


def test_what_may_not_be_learned_from_is_listed_with_the_reason(alice, bob, collection, read):
    images = {
        name: analysed_image(collection)
        for name in ("good", "unclear", "hidden", "removed", "disputed", "half")
    }
    for name in ("good", "hidden", "removed"):
        read.finished(alice, images[name], "glioma")
    read.finished(alice, images["unclear"], "not_assessable")
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    for name in ("disputed", "half"):
        read.finished(alice, images[name], "glioma")
    read.finished(bob, images["disputed"], "pituitary")
    hide_image(actor=alice, image=images["hidden"])
    purge_study(actor=alice, study=images["removed"].study, reason="asked for")
    analysed_image(collection)

    label_set = freeze(collection)
    names = {str(image.pk): name for name, image in images.items()}
    assert {names[line["image"]]: (line["split"], line["reason"]) for line in lines_of(label_set)} == {
        "good": ("train", ""),
        "unclear": ("excluded", "not assessable"),
        "hidden": ("excluded", "hidden: it contains identity"),
        "removed": ("excluded", "removed"),
        "disputed": ("excluded", "its readers disagree and nobody has decided"),
        "half": ("excluded", "waits for more readers"),
    }
    assert (label_set.counts["excluded"], label_set.counts["reasons"]["removed"]) == (5, 1)


def test_there_must_be_something_to_freeze(alice, collection, image, read):
    assert "has been read" in refused("nothing_to_freeze", freeze, collection=collection)
    read.finished(alice, image, "not_assessable")
    assert "1 × not assessable" in refused("nothing_to_freeze", freeze, collection=collection)
    assert not LabelSet.objects.exists()
    assert not SplitAssignment.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_who_freeze_at_once_get_one_set(alice, collection, read):
    for _ in range(3):
        read.finished(alice, analysed_image(collection))

    def _freeze(_):
        try:
            return freeze(collection).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(_freeze, range(4)))) == 1
    assert LabelSet.objects.count() == 1


# --- Parts ----------------------------------------------------------------------------------------------------


def placed(*images):
    """The parts that `assign_splits` gives, in the order of the images."""
    clusters = dict(Image.objects.values_list("pk", "cluster"))
    found = assign_splits({image.pk: clusters[image.pk] for image in images})
    return [found[image.pk] for image in images]


@pytest.fixture
def many(collection):
    """200 images without pixels, each a group of its own."""
    study = make_study(collection, uploader=make_user(), images=0)
    return Image.objects.bulk_create(
        Image(
            study=study,
            collection=collection,
            pixel_sha256=f"{number:064x}",
            width=64,
            height=64,
            phash=number,
            phash_mirrored=number,
            cluster=uuid4(),
        )
        for number in range(200)
    )


def test_of_many_images_each_part_gets_about_its_share_and_never_more(many):
    places = placed(*many)
    counts = {
        split: [place.split for place in places].count(split) for split in ("train", "validation", "test")
    }
    assert 10 <= counts["test"] <= 30
    assert 10 <= counts["validation"] <= 30
    assert sum(counts.values()) == 200


def test_the_parts_depend_on_the_keys_alone(many):
    with transaction.atomic():
        first = placed(*many)
        transaction.set_rollback(True)
    assert not SplitAssignment.objects.exists()
    assert placed(*reversed(many)) == list(reversed(first))


def test_a_handful_of_labels_is_never_all_test(many):
    for start in range(0, 200, 5):
        with transaction.atomic():
            assert {place.split for place in placed(*many[start : start + 5])} == {"train"}
            transaction.set_rollback(True)


def test_a_part_once_given_stays_when_more_comes(many):
    first = placed(*many[:100])
    assert placed(*many)[:100] == first
    assert placed(*many[:100]) == first


def test_a_new_image_of_a_subject_in_test_is_in_test_and_in_any_collection(collection):
    known = analysed_image(collection, subject="anna")
    ledger(test=[f"subject:{known.study.subject_key}"])
    elsewhere = analysed_image(make_collection(), subject="anna")
    stranger = analysed_image(collection, subject="bert")
    assert [place.split for place in placed(known, elsewhere, stranger)] == ["test", "test", "train"]
    assert SplitAssignment.objects.get(key=f"cluster:{elsewhere.cluster}").split == "test"


def test_near_duplicates_stay_together_over_images_that_nobody_labelled(collection):
    first = analysed_image(collection, subject="anna")
    between = analysed_image(collection, subject="anna")
    last = analysed_image(collection, subject="bert", cluster=between.cluster)
    ledger(test=[f"pixels:{first.pixel_sha256}"])
    assert placed(last)[0].split == "test"


def test_what_bridges_training_and_test_is_excluded(alice, collection, read):
    anna = analysed_image(collection, subject="anna")
    bert = analysed_image(collection, subject="bert", cluster=anna.cluster)
    other = analysed_image(collection)
    ledger(train=[f"subject:{anna.study.subject_key}"], test=[f"subject:{bert.study.subject_key}"])
    for image in (anna, bert, other):
        read.finished(alice, image)
    lines = {line["image"]: line for line in lines_of(freeze(collection))}
    for image in (anna, bert):
        assert lines[str(image.pk)]["split"] == "excluded"
        assert lines[str(image.pk)]["reason"] == "bridges training and test"
    assert lines[str(other.pk)]["split"] == "train"
    assert not SplitAssignment.objects.filter(key=f"cluster:{anna.cluster}").exists()


def test_clusters_that_are_joined_later_do_not_forget_where_their_images_were(collection):
    one, two = analysed_image(collection), analysed_image(collection)
    ledger(test=[f"cluster:{one.cluster}", f"pixels:{one.pixel_sha256}"])
    assert [place.split for place in placed(one, two)] == ["test", "train"]
    Image.objects.filter(pk=two.pk).update(cluster=one.cluster)
    assert placed(one, two) == [Place("excluded", "bridges training and test")] * 2


def test_training_and_validation_joined_are_training(collection):
    image = analysed_image(collection, subject="anna")
    ledger(validation=[f"subject:{image.study.subject_key}"], train=[f"cluster:{image.cluster}"])
    assert placed(image) == [Place("train")]


# --- Retraining -----------------------------------------------------------------------------------------------


@pytest.fixture
def label_set(alice, collection, image, read):
    read.finished(alice, image)
    return freeze(collection)


def test_the_manifest_is_handed_to_a_training(label_set, engineer, version):
    run = retrain(actor=engineer, label_set=label_set, seed=7)
    assert (run.status, run.seed, run.started_by, run.base_version) == ("queued", 7, engineer, version)
    assert (run.recipe["kind"], run.manifest_sha256) == ("head", label_set.manifest_sha256)
    assert run.manifest.open("rb").read() == label_set.manifest.open("rb").read()
    actions = set(AuditEvent.objects.filter(actor=engineer).values_list("action", flat=True))
    assert actions == {"training.started", "label_set.handed_to_training"}
    refused("run_active", retrain, actor=engineer, label_set=label_set)
    assert TrainingRun.objects.count() == 1


def test_a_set_without_a_training_part_trains_nothing(alice, collection, image, read):
    ledger(test=[f"cluster:{image.cluster}"])
    read.finished(alice, image)
    refused("nothing_to_train_on", retrain, actor=None, label_set=freeze(collection))


def test_an_altered_or_missing_manifest_trains_nothing(label_set):
    name = label_set.manifest.name
    StoredFile.objects.filter(name=name).update(content=b"{}")
    refused("manifest_altered", retrain, actor=None, label_set=label_set)
    storages["checkpoints"].delete(name)
    refused("manifest_missing", retrain, actor=None, label_set=LabelSet.objects.get())
    assert not TrainingRun.objects.exists()


def test_the_version_in_force_is_the_one_that_is_retrained(label_set):
    newer = make_version()
    assert retrain(actor=None, label_set=label_set).base_version == newer
