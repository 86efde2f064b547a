"""Versions change while workers predict: every prediction is made by the version that it names, the next one by the
new version within ten seconds, and exactly one version is in force at every moment."""

import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.db import connection

from classifier.engine import Engine
from classifier.exceptions import PlatformError
from classifier.models import Image, JobStatus, ModelVersion, Prediction, Promotion
from classifier.selectors import version_in_force
from classifier.selectors.proposals import open_proposals
from classifier.selectors.timeline import span_at, spans_in_force
from classifier.services.predictions import queue_predictions
from classifier.services.promotion import approve, propose, roll_back
from classifier.services.registry import promote, register_version
from ml.checkpoint import read_checkpoint, replace_head
from ml.duplicates import pixel_sha256
from mriplatform.identifiers import uuid7
from tests.checkpoints import TURNS_AWAY
from tests.factories import make_collection, make_decision, make_study, make_user, say_loaded
from tests.pictures import slice_png

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]

PROMOTIONS, PREDICTIONS, TOGETHER = 50, 1000, 10
DRAINING = """
import time
import django
django.setup()
from classifier.jobs.inference import drain
while True:
    drain()
    time.sleep(0.02)
"""


@pytest.fixture
def pair() -> tuple[ModelVersion, ModelVersion]:
    """Two versions of a tiny network under heads that say opposite things; the gate passed each beside the other."""
    checkpoint = read_checkpoint(TURNS_AWAY.read_bytes())
    kernel, bias = checkpoint.head()
    mirrored = replace_head(checkpoint, kernel[:, ::-1].copy(), bias[::-1].copy(), {"note": "mirrored head"})
    first, second = (
        register_version(actor=None, name=name, archive=archive, metadata=read_checkpoint(archive).metadata)
        for name, archive in (("tiny", TURNS_AWAY.read_bytes()), ("mirrored", mirrored))
    )
    promote(actor=None, version=first, reason="The first.")
    make_decision(first, second)
    make_decision(second, first)
    return first, second


def wait_until(condition, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def put_in_force(version: ModelVersion) -> Promotion:
    erin, paul = make_user(), make_user()
    proposal = propose(actor=erin, version=version, reason="Better.")
    return approve(actor=paul, proposal=proposal, reason="Compared.")


def seconds_to_the_next(upload, promotion: Promotion, seed: int) -> float:
    """From a promotion to the answer of the next image, by the database's clock; the answer is of that version."""
    image = upload(1, first_seed=seed)[0].images.get()
    prediction = image.predictions.get()
    wait_until(lambda: Prediction.objects.get(pk=prediction.pk).status == JobStatus.SUCCEEDED)
    prediction.refresh_from_db()
    assert prediction.model_version_id == promotion.model_version_id
    return (prediction.finished_at - promotion.at).total_seconds()


def test_workers_switch_within_ten_seconds(upload, pair, worker, beat, settings):
    """One that has the old model in memory, one that comes back to what it had, and one that never loaded any.

    Nobody rings but beat, at its usual pace: the bell of each upload goes to another broker.
    """
    settings.LOAD_CHECK_SECONDS = 60
    _, second = pair
    usual = {"BELL_SECONDS": "5", "INFERENCE_LEASE_SECONDS": "60"}
    beat(**usual)
    warm = worker(**usual)
    assert seconds_to_the_next(upload, Promotion.objects.get(), seed=1) > 0
    took = [seconds_to_the_next(upload, put_in_force(second), seed=2)]
    took.append(seconds_to_the_next(upload, roll_back(actor=None, reason="Worse."), seed=3))
    fresh = worker(**usual)
    warm.send_signal(signal.SIGSTOP)
    # It has started once it has answered something; of the version that comes it knows nothing.
    seconds_to_the_next(upload, Promotion.objects.first(), seed=4)
    took.append(seconds_to_the_next(upload, put_in_force(second), seed=5))
    assert fresh.poll() is None
    assert max(took) < 10


@dataclass
class Storm:
    """What goes on at once, and what is seen of it."""

    pair: tuple[ModelVersion, ModelVersion]
    batches: list[list[Image]]
    ended: threading.Event = field(default_factory=threading.Event)
    refused: Counter = field(default_factory=Counter)
    seen: list[list[tuple[object, int]]] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)

    def run(self) -> None:
        """Images come in, three people decide, two look; until all images are in line and all promotions made."""
        acts = [self._upload, self._decide, self._decide, self._go_back, self._look, self._look]
        threads = [threading.Thread(target=self._kept, args=(act,)) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not self.faults

    def _kept(self, act) -> None:
        try:
            act()
        except Exception as fault:
            self.faults.append(fault)
            self.ended.set()
        finally:
            connection.close()

    def _upload(self) -> None:
        for number, batch in enumerate(self.batches):
            # Evenly through the storm, so that predictions are made all the while that versions change.
            while (
                Promotion.objects.count() < number * (PROMOTIONS + 1) // len(self.batches)
                and not self.ended.is_set()
            ):
                time.sleep(0.005)
            queue_predictions(batch)
        wait_until(lambda: Promotion.objects.count() > PROMOTIONS or self.ended.is_set())
        self.ended.set()

    def _decide(self) -> None:
        erin, paul = make_user(), make_user()
        while not self.ended.is_set():
            current = version_in_force()
            other = next(version for version in self.pair if version != current)
            self._try(propose, actor=erin, version=other, reason="Better.")
            for proposal in open_proposals():
                self._try(approve, actor=paul, proposal=proposal, reason="Compared.")

    def _go_back(self) -> None:
        while not self.ended.is_set():
            self._try(roll_back, actor=None, reason="Worse.")
            time.sleep(0.1)

    def _try(self, act, **said) -> None:
        try:
            act(**said)
        except PlatformError as refusal:
            self.refused[refusal.code] += 1

    def _look(self) -> None:
        seen: list[tuple[object, int]] = []
        self.seen.append(seen)
        with connection.cursor() as cursor:
            while not self.ended.is_set():
                cursor.execute(
                    "SELECT statement_timestamp(), (SELECT max(sequence) FROM classifier_promotion), "
                    "(SELECT count(*) FROM classifier_promotion)"
                )
                at, newest, rows = cursor.fetchone()
                assert newest == rows, "a gap"
                seen.append((at, newest))
                time.sleep(0.01)


def thousand_images() -> list[list[Image]]:
    """As many images as there are predictions to be made: the same ten slices in each of a hundred collections."""
    template = slices_of(make_study(make_collection(), images=0))
    own = {"id", "study", "collection", "created_at"}
    shared = [one.attname for one in Image._meta.concrete_fields if one.name not in own]
    batches = [template]
    for _ in range(PREDICTIONS // TOGETHER - 1):
        study = make_study(make_collection(), images=0)
        copies = [
            Image(study=study, collection=study.collection, **{name: getattr(image, name) for name in shared})
            for image in template
        ]
        batches.append(Image.objects.bulk_create(copies))
    return batches


def slices_of(study) -> list[Image]:
    images = []
    for seed in range(1, TOGETHER + 1):
        encoded = slice_png(seed)
        pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
        image = Image(
            study=study, collection=study.collection, position=seed, width=256, height=256, phash=seed,
            phash_mirrored=-seed, cluster=uuid7(), pixel_sha256=pixel_sha256(pixels),
        )  # fmt: skip
        image.pixels.save(f"images/{image.pk}.png", ContentFile(encoded), save=True)
        images.append(image)
    return images


def test_fifty_promotions_during_a_thousand_predictions(pair, start, tmp_path):
    """Two worker processes predict while three people decide; afterwards every answer is computed again."""
    batches = thousand_images()
    workers = [start("-c", DRAINING, INFERENCE_LEASE_SECONDS="60") for _ in range(2)]
    say_loaded(pair[0])
    say_loaded(pair[1])
    storm = Storm(pair, batches)
    storm.run()
    wait_until(lambda: Prediction.objects.filter(status=JobStatus.SUCCEEDED).count() == PREDICTIONS)
    assert [process.poll() for process in workers] == [None, None]
    assert len(set(Prediction.objects.values_list("worker", flat=True))) == 2
    made = Counter(Prediction.objects.values_list("model_version__number", flat=True))
    assert Promotion.objects.count() > PROMOTIONS
    assert min(made[version.number] for version in pair) > PREDICTIONS / 10
    assert_each_is_by_the_version_it_names(pair, tmp_path)
    assert_exactly_one_was_in_force(storm)


def assert_each_is_by_the_version_it_names(pair, folder) -> None:
    """The pixels through the engine of the named version, and the stored embedding through its head, give what is
    stored; the other version gives something else."""
    engine = Engine(folder / "again", "onnx")
    again = {}
    for version in pair:
        model = engine.load(version)
        images = Image.objects.filter(
            pk__in=Image.objects.order_by("pixel_sha256", "pk").distinct("pixel_sha256")
        )
        ready = {image.pixel_sha256: model.prepare(image) for image in images}
        answers = model.predict(list(ready.values()))
        again |= {
            (version.pk, name): answer.probabilities for name, answer in zip(ready, answers, strict=True)
        }
        kernel, bias = model.checkpoint.head()
        again[version.pk] = (kernel, bias, model.checkpoint.metadata["calibration"]["temperature"])
    other = {pair[0].pk: pair[1].pk, pair[1].pk: pair[0].pk}
    for row in Prediction.objects.select_related("image"):
        stored = np.array(row.probabilities)
        np.testing.assert_allclose(stored, again[row.model_version_id, row.image.pixel_sha256], atol=1e-5)
        kernel, bias, temperature = again[row.model_version_id]
        logits = (row.embedding_array() @ kernel + bias) / temperature
        powers = np.exp(logits - logits.max())
        np.testing.assert_allclose(stored, powers / powers.sum(), atol=1e-5)
        unlike = again[other[row.model_version_id], row.image.pixel_sha256]
        assert np.abs(stored - unlike).max() > 1e-3


def assert_exactly_one_was_in_force(storm: Storm) -> None:
    """The promotions are numbered without a gap and follow each other in time; each put another version in force than
    the one before. So they divide time, and whoever looked meanwhile saw one of them and never an older one again."""
    rows = list(Promotion.objects.order_by("sequence"))
    assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
    assert all(before.at <= after.at for before, after in pairwise(rows))
    assert all(before.model_version_id != after.model_version_id for before, after in pairwise(rows))
    spans = spans_in_force()
    assert [span.until for span in spans] == [*(span.since for span in spans[1:]), None]
    chance = random.Random(5)
    for _ in range(200):
        at = rows[0].at + chance.random() * (rows[-1].at - rows[0].at)
        assert sum(span.holds(at) for span in spans) == 1
        assert span_at(spans, at).version == version_in_force(at)
    for seen in storm.seen:
        assert len(seen) > PROMOTIONS / 2
        assert [sequence for _, sequence in seen] == sorted(sequence for _, sequence in seen)
        # What was seen at a moment had been decided by then.
        assert all(rows[sequence - 1].at <= at for at, sequence in seen)
