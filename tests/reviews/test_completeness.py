"""A label set that lost a label starts no training, and the refusal names the image."""

import json
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile

from reviews.exceptions import ReviewRefused
from reviews.models import LabelSet, LabelSetEntry
from reviews.selectors import manifest_of
from reviews.services import completeness
from reviews.services.completeness import check_complete
from reviews.services.label_sets import freeze_label_set
from tests.factories import analysed_image

pytestmark = pytest.mark.django_db


@pytest.fixture
def said(alice, collection, read):
    """Three images that Alice has read."""
    images = [analysed_image(collection) for _ in range(3)]
    for image in images:
        read.finished(alice, image)
    return images


@pytest.fixture
def label_set(said, collection, monkeypatch):
    frozen = freeze_label_set(actor=None, collection=collection)
    # In a test all of it happens in one transaction, at one moment of the database's clock.
    monkeypatch.setattr(completeness, "OPEN_AT_MOST", timedelta(seconds=-1))
    return frozen


def lines(label_set) -> list[dict]:
    return [json.loads(line) for line in manifest_of(label_set).decode().splitlines()]


def text(lines) -> bytes:
    return "".join(f"{json.dumps(line)}\n" for line in lines).encode()


def another(label_set: LabelSet, collection, manifest: bytes, *, without) -> LabelSet:
    """A set of this manifest with the rows of another one, without an image's."""
    made = LabelSet(number=99, collection=collection, manifest_sha256="", counts={})
    made.manifest.save("manifests/another.jsonl", ContentFile(manifest), save=False)
    made.save()
    for entry in LabelSetEntry.objects.filter(label_set=label_set).exclude(image=without):
        LabelSetEntry.objects.create(
            label_set=made, image=entry.image, label=entry.label, split=entry.split, reason=entry.reason
        )
    return made


def test_what_was_frozen_whole_passes(label_set):
    check_complete(label_set, manifest_of(label_set))


def test_a_line_that_is_missing_in_the_manifest_is_named(label_set):
    lost, *kept = lines(label_set)
    with pytest.raises(ReviewRefused, match=f"{lost['image']} is one of its rows") as refused:
        check_complete(label_set, text(kept))
    assert refused.value.code == "label_set_incomplete"


def test_a_row_that_is_missing_is_named(label_set, said, collection):
    short = another(label_set, collection, manifest_of(label_set), without=said[1])
    with pytest.raises(ReviewRefused, match=f"{said[1].pk} is in its manifest, and is none of its rows"):
        check_complete(short, manifest_of(label_set))


@pytest.mark.parametrize("changed", [{"label": "notumor"}, {"split": "excluded"}])
def test_a_line_that_says_something_else_is_named(label_set, changed):
    first, *others = lines(label_set)
    with pytest.raises(ReviewRefused, match=f"{first['image']} has another label or part"):
        check_complete(label_set, text([first | changed, *others]))


def test_a_correction_that_never_entered_the_set_is_named(label_set, said, collection):
    kept = [line for line in lines(label_set) if line["image"] != str(said[2].pk)]
    short = another(label_set, collection, text(kept), without=said[2])
    with pytest.raises(ReviewRefused, match=f"{said[2].pk} was read before it was frozen"):
        check_complete(short, text(kept))


def test_what_was_imported_is_held_against_its_rows_alone(label_set, said, collection):
    imported = LabelSet(number=98, collection=collection, manifest_sha256="", counts={}, dataset="elsewhere")
    imported.manifest.save("manifests/imported.jsonl", ContentFile(b""), save=False)
    imported.save()
    check_complete(imported, b"")
