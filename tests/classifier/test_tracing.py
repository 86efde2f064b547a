"""The trace of a run: one row for each line of its manifest, never changed afterwards."""

from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from classifier.models import TraceLine, TrainingRun
from classifier.services.tracing import record_trace
from tests.factories import make_collection, make_study, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def run():
    return TrainingRun.objects.create(
        number=1,
        recipe={"kind": "head"},
        manifest="manifests/none.jsonl",
        manifest_sha256="0" * 64,
        base_version=make_version(),
    )


def _line(image, used_as="train", **more):
    return {"image": str(image), "pixel_sha256": "a" * 64, "label": "glioma", "used_as": used_as} | more


def test_every_line_is_kept_in_the_order_of_the_manifest(run, monkeypatch):
    monkeypatch.setattr("classifier.services.tracing._BATCH", 2)
    images = list(make_study(make_collection(), images=3).images.all())
    lines = [_line(image.pk) for image in images]
    lines += [_line(uuid4()), _line("", "excluded", label="", reason="r" * 400)]
    assert record_trace(run=run, lines=lines) == 5
    rows = list(run.trace_lines.all())
    assert [row.number for row in rows] == [1, 2, 3, 4, 5]
    # An image that the platform does not have is traced by its pixels alone.
    assert [row.image_id for row in rows] == [*(image.pk for image in images), None, None]
    assert (rows[4].used_as, len(rows[4].reason)) == ("excluded", 300)


def test_a_use_that_there_is_not_is_refused_whole(run):
    image = make_study(make_collection()).images.get()
    with pytest.raises(ValueError, match="teach"):
        record_trace(run=run, lines=[_line(image.pk), _line(image.pk, "teach")])
    assert not run.trace_lines.exists()


def test_a_trace_is_a_ledger(run):
    record_trace(run=run, lines=[_line("")])
    with pytest.raises(TypeError, match="ledger"):
        TraceLine.objects.get().save()
    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("UPDATE classifier_traceline SET used_as = 'test'")
