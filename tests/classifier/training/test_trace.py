"""A line of the manifest that gets lost anywhere makes the run fail, and the reason names the image."""

import json
from uuid import UUID

import numpy as np
import pytest
from django.db.models.functions import Now

from classifier.jobs import training as training_job
from classifier.jobs.training import gathering, head
from classifier.jobs.training.trace import Handed, TraceIncomplete, check_trace
from classifier.models import Image, ModelVersion, TraceLine, TrainingRun
from classifier.services.training import start_run
from tests.factories import make_version

pytestmark = pytest.mark.django_db


def lines():
    """Three lines, one of each part, and an excluded one."""
    parts = ("train", "validation", "test", "excluded")
    made = [
        {"image": f"image-{part}", "pixel_sha256": part, "label": "glioma", "split": part, "reason": ""}
        for part in parts
    ]
    made[3]["reason"] = "not assessable"
    return made


def traced():
    return [
        {
            **{name: line[name] for name in ("image", "pixel_sha256", "label", "reason")},
            "used_as": line["split"],
        }
        for line in lines()
    ]


@pytest.fixture
def run():
    text = "".join(json.dumps(line) + "\n" for line in lines())
    return start_run(actor=None, manifest=text.encode(), base=make_version())


ALL = Handed(["train"], ["validation"], ["test"])


def test_a_whole_trace_passes(run):
    check_trace(run, traced(), ALL)


@pytest.mark.parametrize("place", range(4))
def test_a_line_that_the_trace_lacks_fails_and_is_named(run, place):
    kept = [line for number, line in enumerate(traced()) if number != place]
    with pytest.raises(
        TraceIncomplete, match=f"{lines()[place]['image']} is in the manifest and not in the run"
    ):
        check_trace(run, kept, ALL)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_an_image_that_never_reached_the_arrays_fails_and_is_named(run, part):
    handed = Handed(**{name: [] if name == part else [name] for name in ("train", "validation", "test")})
    with pytest.raises(TraceIncomplete, match=f"image-{part} is traced as {part} and was not used"):
        check_trace(run, traced(), handed)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_an_image_in_the_arrays_that_the_trace_has_elsewhere_fails(run, part):
    handed = Handed(**{n: [n, "excluded"] if n == part else [n] for n in ("train", "validation", "test")})
    with pytest.raises(TraceIncomplete, match=f"image-excluded was used as {part}"):
        check_trace(run, traced(), handed)


def test_an_image_that_was_used_twice_fails(run):
    with pytest.raises(TraceIncomplete, match="image-train was used as train"):
        check_trace(run, traced(), Handed(["train", "train"], ["validation"], ["test"]))


def test_a_locked_image_that_was_learned_from_fails(run):
    moved = traced()
    moved[2]["used_as"] = "train"
    with pytest.raises(TraceIncomplete, match="image-test is for test and was used as train"):
        check_trace(run, moved, Handed(["train", "test"], ["validation"], []))


def test_an_image_left_out_without_a_reason_fails(run):
    moved = traced()
    moved[0] |= {"used_as": "excluded", "reason": ""}
    with pytest.raises(TraceIncomplete, match="image-train was left out without a reason"):
        check_trace(run, moved, Handed([], ["validation"], ["test"]))


def test_an_image_with_another_label_fails(run):
    moved = traced()
    moved[0]["label"] = "pituitary"
    with pytest.raises(TraceIncomplete, match="image-train was used with another label"):
        check_trace(run, moved, ALL)


def test_a_line_that_no_manifest_has_fails(run):
    more = [
        *traced(),
        {"image": "other", "pixel_sha256": "other", "label": "", "used_as": "excluded", "reason": "x"},
    ]
    with pytest.raises(TraceIncomplete, match="has the image other"):
        check_trace(run, more, ALL)


def test_train_validation_test_and_excluded_are_traced_as_what_they_were(small, images, manifest, uploader):
    shown = images(6)
    Image.objects.filter(pk=shown[1].pk).update(hidden_at=Now())
    text = manifest(shown, ("train", "train", "validation", "test", "excluded", "train"))
    text = text.replace(
        b'"reason": "", "split": "excluded"', b'"reason": "not assessable", "split": "excluded"'
    )
    start_run(actor=uploader, manifest=text)
    training_job.drain()
    run = TrainingRun.objects.get()
    assert (run.status, run.failure_reason) == ("succeeded", "")
    found = [(row.image_id, row.used_as, row.reason) for row in TraceLine.objects.order_by("number")]
    assert found == [
        (shown[0].pk, "train", ""),
        (shown[1].pk, "excluded", "The pixels of this image were hidden or removed."),
        (shown[2].pk, "validation", ""),
        (shown[3].pk, "test", ""),
        (shown[4].pk, "excluded", "not assessable"),
        (shown[5].pk, "train", ""),
    ]
    assert run.report["counts"] == {"train": 2, "excluded": 2, "validation": 1, "test": 1}


def lose_in_gathering(monkeypatch):
    """The gatherer drops an image and does not say so."""
    really = gathering._place

    def lossy(examples, line, image, value):
        return line.trace(line.split) if line.number == 1 else really(examples, line, image, value)

    monkeypatch.setattr(gathering, "_place", lossy)


def lose_in_trace(monkeypatch):
    """The gatherer drops an image and its trace."""
    really = gathering.read_lines
    monkeypatch.setattr(gathering, "read_lines", lambda run: really(run)[1:])


def lose_in_fit(monkeypatch):
    """The fit gives an image no weight."""
    monkeypatch.setattr(
        gathering.Part, "weights", property(lambda part: np.array([0.0] + [1.0] * (len(part) - 1)))
    )


def lose_in_measuring(monkeypatch):
    """An image of the locked part is not measured."""
    really = head.locked_part

    def lossy(part, candidate, incumbent, **named):
        part.lines.pop(), part.images.pop(), part.values.pop()
        return really(part, candidate[:-1], incumbent, **named)

    monkeypatch.setattr(head, "locked_part", lossy)


@pytest.mark.parametrize("lose", [lose_in_gathering, lose_in_trace, lose_in_fit, lose_in_measuring])
def test_a_correction_left_out_on_purpose_makes_the_run_fail(
    lose, small, images, manifest, uploader, monkeypatch
):
    shown = images(5)
    start_run(actor=uploader, manifest=manifest(shown))
    lose(monkeypatch)
    training_job.drain()
    run = TrainingRun.objects.get()
    assert run.status == "failed"
    lost = shown[-1] if lose is lose_in_measuring else shown[0]
    assert str(lost.pk) in run.failure_reason
    assert ModelVersion.objects.get() == small
    assert not TraceLine.objects.exists()


def test_an_imported_manifest_finds_its_images_by_their_pixels(small, images, manifest, uploader, collection):
    shown = images(5)
    text = manifest(shown)
    for number, image in enumerate(shown):
        text = text.replace(str(image.pk).encode(), str(UUID(int=number)).encode())
    start_run(actor=uploader, manifest=text, collection=collection)
    training_job.drain()
    run = TrainingRun.objects.get()
    assert (run.status, run.failure_reason) == ("succeeded", "")
    assert list(run.trace_lines.order_by("number").values_list("image", flat=True)) == [i.pk for i in shown]
