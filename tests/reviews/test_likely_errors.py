"""Wrong labels are found in a label set, by a worker, and shown beside what readers said unaware of the machine."""

import numpy as np
import pytest

from classifier.models import Prediction
from ml.labels import CLASSES
from reviews.models import ImportedLabel, LabelErrorSearch
from reviews.selectors.likely_errors import blinded_labels, labelled, newest_found, ranked_errors
from reviews.services import label_errors
from reviews.services.label_errors import ask_for_label_errors, find_due_label_errors
from reviews.services.label_sets import freeze_label_set
from tests.factories import analysed_image, make_image, make_prediction, make_study, make_version

EACH = 12


@pytest.fixture
def planted(collection, engineer):
    """48 imported images whose embeddings tell their class, three of them with another label; and which three."""
    random = np.random.default_rng(0)
    images, wrong = [], {}
    for number in range(EACH * len(CLASSES)):
        true = CLASSES[number % len(CLASSES)]
        image = make_study(collection).images.get()
        embedding = 4 * np.eye(len(CLASSES), 16)[number % len(CLASSES)] + random.normal(0, 0.5, 16)
        make_prediction(image, label=true, embedding=embedding.astype("<f4").tobytes())
        label = true
        if number in (5, 17, 30):
            label = wrong[image.pk] = CLASSES[(number + 1) % len(CLASSES)]
        ImportedLabel.objects.create(image=image, label=label, dataset="planted", imported_by=engineer)
        images.append(image)
    return freeze_label_set(actor=engineer, collection=collection), wrong


def test_planted_labels_lead_the_ranking(planted, engineer, alice):
    frozen, wrong = planted
    search = ask_for_label_errors(actor=engineer, label_set=frozen)
    assert ask_for_label_errors(actor=engineer, label_set=frozen) == search
    assert find_due_label_errors() == 1
    assert find_due_label_errors() == 0
    found = newest_found(frozen)
    assert (found.pk, found.result["used"], found.result["without"]) == (search.pk, 48, 0)
    rows = ranked_errors(found, size=3)
    assert {row.image.pk for row in rows} == set(wrong)
    assert all(row.likely and row.label == wrong[row.image.pk] and row.probability < 0.5 for row in rows)
    assert all(row.suggested_probability > 0.5 and row.blinded == () for row in rows)
    assert [row.rank for row in ranked_errors(found, start=3, size=2)] == [4, 5]


def test_what_blinded_readers_said_stands_beside(alice, bob, collection, image, read):
    """What a reader changed after the machine's answer is not blinded; what they said before it stays so."""
    from reviews.services.protocols import set_protocol

    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    read.finished(alice, image, "glioma")
    read.first(bob, image, "pituitary")
    assert {key: sorted(said) for key, said in blinded_labels([image.pk]).items()} == {
        image.pk: ["glioma", "pituitary"]
    }


def test_only_one_versions_embeddings_are_compared(collection, engineer, planted):
    frozen, _ = planted
    other = make_version(promoted=False)
    some = frozen.entries.first().image
    make_prediction(some, version=other, for_comparison=True)
    missing = frozen.entries.last().image
    Prediction.objects.filter(image=missing).update(embedding=None)
    found = labelled(frozen)
    assert (found.version.number, len(found.images), found.without) == (1, 47, 1)
    assert len(set(found.groups)) == 47


def test_without_embeddings_the_search_says_so(collection, engineer):
    image = make_image(make_study(collection, images=0))
    ImportedLabel.objects.create(image=image, label="glioma", dataset="x", imported_by=engineer)
    frozen = freeze_label_set(actor=engineer, collection=collection)
    search = ask_for_label_errors(actor=engineer, label_set=frozen)
    find_due_label_errors()
    search.refresh_from_db()
    assert (search.status, search.failure_reason.split(" yet")[0]) == (
        "failed", "No image of this label set has an embedding",
    )  # fmt: skip
    assert newest_found(frozen) is None


def test_what_kills_the_worker_each_time_is_given_up(planted, engineer, monkeypatch):
    frozen, _ = planted
    search = ask_for_label_errors(actor=engineer, label_set=frozen)
    LabelErrorSearch.objects.filter(pk=search.pk).update(attempt=label_errors.MAX_ATTEMPTS)
    find_due_label_errors()
    search.refresh_from_db()
    assert (search.status, search.failure_reason[:18]) == ("failed", "The worker stopped")


def test_too_few_of_a_class_is_said(alice, collection, read, engineer):
    read.finished(alice, analysed_image(collection))
    frozen = freeze_label_set(actor=engineer, collection=collection)
    search = ask_for_label_errors(actor=engineer, label_set=frozen)
    find_due_label_errors()
    search.refresh_from_db()
    assert (search.status, "two classes" in search.failure_reason) == ("failed", True)
