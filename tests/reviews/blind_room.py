"""A collection in which one reader has images in every situation, made in the same way in each of two worlds."""

import time
from datetime import timedelta

from django.utils import timezone

from classifier.models import Prediction, RunStatus, TrainingRun
from classifier.services.telling import tell_predictions
from classifier.services.tracing import record_trace
from mriplatform.identifiers import uuid7
from mriplatform.outbox.delivering import drain
from mriplatform.outbox.kinds import PREDICTIONS
from mriplatform.outbox.models import Delivery
from mriplatform.webhooks.services import make_endpoint
from reviews.models import Reading
from reviews.services.protocols import set_protocol
from reviews.services.reading import (
    amend,
    claim_image,
    claim_next,
    commit_first_read,
    give_verdict,
    reveal,
    withdraw,
)
from tests.factories import answer, make_prediction, make_study

FIXED = [uuid7() for _ in range(20)]
MOMENT, NANOSECONDS = timezone.now(), time.time_ns()
# What the machine answers in each world, and how sure it is: different for every image, and in another order.
ANSWERS = ("glioma", "not_assessable", "notumor", "pituitary", "meningioma")
SURE = (0.9, 0.5, 0.7, 0.6, 0.8)
READERS = 3


class Room:
    """A collection in which alice reads, with images in every situation; prepared anew in each world.

    Attributes:
        first, second: two images of one study, which alice reads.
        earlier: of an earlier study of the same subject, unread.
        disputed: read by three others, who disagree. Where `disputed` is asked for.
        finished: read to the end by alice and two others, so that there are figures. Where they are asked for.
        twins: images of another collection with the pixels of the first two. Where there is one.
        trains_on: the collection whose labels the run learned from.
        label_set: frozen in another collection. Where there is one.
    """

    def __init__(self, collection, alice, others, version):
        self.collection, self.alice, self.others, self.version = collection, alice, others, version
        self.earlier = make_study(collection, subject="anna").images.get()
        self.study = make_study(collection, subject="anna", images=2)
        self.first, self.second = self.study.images.all()
        self.disputed = make_study(collection).images.get()
        self.finished = [make_study(collection).images.get() for _ in range(6)]
        self.twins = []
        self.trains_on = collection
        self.reading = self.run = self.label_set = self.endpoint = self.delivery = None

    @property
    def unread(self):
        return [self.first, self.second, self.earlier, self.disputed]

    def answered(self, images, *, world=0, beginning=0):
        """The machine answers these images as it does in a world."""
        for place, image in enumerate(images, start=beginning):
            turn = (place + world) % len(ANSWERS)
            fixed = {"pk": FIXED[place], "queued_at": MOMENT, "started_at": MOMENT, "finished_at": MOMENT}
            said = answer(ANSWERS[turn], SURE[turn])
            make_prediction(image, label=ANSWERS[turn], version=self.version, **said | fixed)

    def trained(self, world):
        """A run on the collection's labels, of which everything that it made of them is different in each world.

        It traces the images that the machine answers; alice is told of none, since she said nothing that it used.
        """
        self.run = TrainingRun.objects.create(
            number=1, status=RunStatus.SUCCEEDED, recipe={"kind": "head"}, manifest=f"manifests/{world}.jsonl",
            manifest_sha256=f"{world:064d}", base_version=self.version, collection=self.trains_on,
            started_at=MOMENT, finished_at=MOMENT, progress=[{"step": 1, "steps": 2, "loss": 0.25 + world}],
            log=[{"at": MOMENT.isoformat(), "text": f"{world + 3} embeddings gathered."}],
            report={"counts": {"train": world + 3}}, failure_reason=f"World {world}.",
        )  # fmt: skip
        lines = [
            {"image": str(image.pk), "label": ANSWERS[(place + world) % len(ANSWERS)], "used_as": "train"}
            for place, image in enumerate([*self.unread, *self.twins])
        ]
        record_trace(run=self.run, lines=lines)

    def heard(self, world):
        """Alice has a webhook for whatever the machine does, and it does something else in each world: the images that
        nobody has read to the end succeed in one and fail in the next."""
        kinds = sorted(PREDICTIONS)
        self.endpoint, _ = make_endpoint(
            owner=self.alice, collection=self.collection, url="https://8.8.8.8/hook", kinds=kinds
        )
        told = Prediction.objects.filter(image__in=self.unread, image__study__finalised_at=None).order_by(
            "pk"
        )
        for place, prediction in enumerate(told, start=world):
            tell_predictions(kinds[place % 2], [prediction])
        assert drain() == 0, "nothing of it is sent to her"
        self.delivery = Delivery.objects.order_by("pk").first()

    def read_by_others(self, image, *labels):
        for reader, label in zip(self.others, labels, strict=True):
            self.say(claim_image(reader=reader, image=image), label)

    def finish(self):
        """Alice and two others read what there are figures of."""
        for image in self.finished:
            for reader in (self.alice, *self.others[:2]):
                self.say(claim_image(reader=reader, image=image), "glioma")

    def say(self, reading, label, *, until="verdict"):
        """A first read, a reveal, a verdict, as far as the protocol has them and no further than `until`."""
        said, mode = {"reader": reading.reader, "reading": reading}, reading.protocol.mode
        if mode != "assisted":
            commit_first_read(**said, label=label, confidence=1, idempotency_key=uuid7())
        if until == "first_read":
            return
        if mode == "blinded_first":
            reveal(**said)
        if until == "reveal":
            return
        answered = reading.image.predictions.get().label if mode != "unaided" else label
        verdict = {"verdict": "confirm"}
        if label != answered:
            verdict = {"verdict": "correct", "label": label, "reason": "morphology"}
        give_verdict(**said, **verdict, idempotency_key=uuid7())

    def begin(self, step):
        """Alice's reading of the first image, brought to a step."""
        if step == "unclaimed":
            return
        self.reading = claim_image(reader=self.alice, image=self.first)
        if step in ("first_read", "reveal", "verdict"):
            self.say(self.reading, "notumor", until=step)

    def take_back(self, step):
        """What may follow a verdict."""
        if step == "amended":
            said = {"verdict": "not_assessable", "note": "n"}
            amend(reader=self.alice, reading=self.reading, idempotency_key=uuid7(), **said)
        elif step == "withdrawn":
            withdraw(reader=self.alice, reading=self.reading, reason="slip", idempotency_key=uuid7())

    def claim_hidden(self, purpose):
        """Alice's next claim, where the draw says that it is a known case or a repeat."""
        for days, reading in enumerate(self.alice.readings.order_by("-pk"), start=1):
            Reading.objects.filter(pk=reading.pk).update(finished_at=timezone.now() - timedelta(days=days))
        reading = claim_next(reader=self.alice, collection=self.collection)
        assert reading is not None
        assert reading.purpose == purpose
        return reading

    def hold(self, *roles):
        """Give alice other roles beside the reader's; an uploader has sent the studies that she reads."""
        for role in roles:
            self.alice.memberships.create(collection=self.collection, role=role)
        if "uploader" in roles:
            type(self.study).objects.filter(collection=self.collection).update(uploaded_by=self.alice)

    def rules(self, **rules):
        set_protocol(actor=None, collection=self.collection, readers_per_image=READERS, **rules)
