"""Readers, an adjudicator and an engineer at once, doing anything in any order: what is written down stays true."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from classifier.exceptions import PlatformError
from classifier.models import Image
from classifier.services.removal import hide_image
from ml.labels import CLASSES
from reviews.models import ImageStanding, Outcome, Reading, ReviewEvent, WorklistEntry
from reviews.selectors import (
    open_disagreements,
    reading_state,
    readings_of,
    standings,
)
from reviews.services.adjudication import adjudicate
from reviews.services.known_cases import set_known_case, take_back_known_case
from reviews.services.label_sets import freeze_label_set
from reviews.services.protocols import set_protocol
from reviews.services.ranges import commit_first_reads
from reviews.services.reading import (
    amend,
    claim_image,
    claim_next,
    commit_first_read,
    give_verdict,
    reveal,
    save_draft,
    undo,
    withdraw,
)
from reviews.services.sending_back import send_back
from tests.factories import analysed_image, make_prediction, make_study

STEPS = 80
LABELS = ("glioma", "pituitary", "not_assessable")


class Actor:
    """Somebody who takes random steps, each of which may be refused with a sentence and nothing else."""

    def __init__(self, seed, user, collection):
        self.random, self.user, self.collection = random.Random(seed), user, collection
        self.taken = 0

    def __call__(self):
        try:
            for _ in range(STEPS):
                try:
                    self.step()
                    self.taken += 1
                except PlatformError:
                    pass
        finally:
            connection.close()
        return self.taken

    def image(self):
        return self.random.choice(list(Image.objects.filter(collection=self.collection)))


class Reader(Actor):
    """Mostly does what the reading asks for, and now and then anything else."""

    def step(self):
        own = list(readings_of(self.user)[:6])
        if not own or self.random.random() < 0.2:
            return claim_next(reader=self.user, collection=self.collection)
        reading = self.random.choice(own)
        self.said = {"reader": self.user, "reading": reading}
        self.label = self.random.choice(LABELS)
        asked = {"first_read": self.first, "reveal": self.shown, "verdict": self.last}
        following = asked.get(reading_state(reading).step)
        if following is not None and self.random.random() < 0.75:
            return following()
        anything = [
            self.first,
            self.shown,
            self.last,
            self.again,
            self.back,
            self.out,
            self.draft,
            self.other,
        ]
        self.random.choice(anything)()

    def first(self):
        commit_first_read(**self.said, label=self.label, confidence=2, idempotency_key=uuid4())

    def shown(self):
        reveal(**self.said)

    def last(self):
        give_verdict(**self.said, **self.words())

    def again(self):
        amend(**self.said, **self.words())

    def back(self):
        undo(**self.said)

    def out(self):
        withdraw(**self.said, reason="slip")

    def draft(self):
        save_draft(**self.said, draft={"note": "so far"})

    def other(self):
        claim_image(reader=self.user, image=self.image())

    def study(self):
        ends = list(self.said["reading"].image.study.images.order_by("position").values_list("pk", flat=True))
        words = {"label": self.label, "confidence": 1, "idempotency_key": uuid4()}
        commit_first_reads(**self.said, first=ends[0], last=ends[-1], **words)

    def words(self):
        if self.label == "not_assessable":
            return {"verdict": "not_assessable"}
        if self.random.random() < 0.5:
            return {"verdict": "confirm", "reason": "location"}
        return {"verdict": "correct", "label": self.label, "reason": "location"}


class Adjudicator(Actor):
    def step(self):
        disputed = [one.image for one in open_disagreements(self.collection, self.user)]
        image = self.random.choice(disputed or [self.image()])
        adjudicate(
            adjudicator=self.user, image=image, label=self.random.choice(CLASSES), rationale="As I see it."
        )


class Engineer(Actor):
    """Sets protocols and known cases, hides an image, freezes labels and sends one back; and lets claims run out."""

    def step(self):
        chance = self.random.random()
        if chance < 0.1:
            readers = self.random.choice([1, 2, 2, 3])
            rules = {"readers_per_image": readers, "repeat_rate": 0.2, "known_rate": 0.2}
            mode = self.random.choice(["blinded_first", "blinded_first", "assisted"])
            set_protocol(actor=self.user, collection=self.collection, mode=mode, **rules)
        elif chance < 0.15:
            set_known_case(actor=self.user, image=self.image(), label="glioma", source="Histology")
        elif chance < 0.45:
            take_back_known_case(actor=self.user, image=self.image(), reason="It was not.")
        elif chance < 0.46:
            hide_image(actor=self.user, image=self.image())
        elif chance < 0.8:
            claims = Reading.objects.filter(image=self.image(), finished_at=None)
            claims.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
        elif chance < 0.9:
            frozen = freeze_label_set(actor=self.user, collection=self.collection)
            labelled = list(frozen.entries.exclude(split="excluded").values_list("image", flat=True))
            send_back(actor=self.user, label_set=frozen, images=[self.random.choice(labelled)])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_written_down_is_what_was_said(collection, member, engineer, seed):
    set_protocol(
        actor=engineer, collection=collection, mode="blinded_first", readers_per_image=2, repeat_rate=0.2
    )
    for number in range(10):
        analysed_image(collection, label=CLASSES[number % 4])
    for number, image in enumerate(make_study(collection, images=4).images.order_by("-pk")):
        make_prediction(image, label=CLASSES[number])
        Image.objects.filter(pk=image.pk).update(position=number)
    readers = [member(name, "radiologist") for name in ("rosa", "rudi", "rita")]
    actors = [Reader(10 * seed + number, reader, collection) for number, reader in enumerate(readers)]
    # One person in two tabs.
    actors.append(Reader(10 * seed + 7, readers[0], collection))
    actors += [
        Adjudicator(seed, member("anna", "adjudicator"), collection),
        Engineer(seed, engineer, collection),
    ]
    with ThreadPoolExecutor(len(actors)) as pool:
        taken = [done.result(120) for done in [pool.submit(actor) for actor in actors]]
    assert sum(taken) > STEPS
    assert ReviewEvent.objects.count() > STEPS // 2
    nothing_is_said_twice()
    no_image_has_too_many_readers()
    what_stands_is_what_follows()


def nothing_is_said_twice():
    for reading in Reading.objects.prefetch_related("events"):
        events = sorted(reading.events.all(), key=lambda event: event.sequence)
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        superseded = {event.supersedes_id for event in events}
        in_force = [
            event.kind for event in events if event.pk not in superseded and event.kind != "withdrawal"
        ]
        assert len(in_force) == len(set(in_force)), in_force
        assert not {"verdict", "amendment"} <= set(in_force)
        assert (reading_state(reading).verdict is not None) == (reading.finished_at is not None)


def no_image_has_too_many_readers():
    finished = Reading.objects.filter(purpose="label", finished_at__isnull=False)
    counted = dict(finished.order_by().values_list("image").annotate(Count("pk")))
    needed = dict(WorklistEntry.objects.values_list("image", "readers"))
    known = set(Image.objects.filter(known_cases__isnull=False).values_list("pk", flat=True))
    for image, readers in counted.items():
        assert readers <= needed[image] or image in known


def what_stands_is_what_follows():
    images = list(Image.objects.all())
    followed = {
        key: (standing.outcome, standing.final.label if standing.final else "")
        for key, standing in standings(images).items()
        if standing.outcome is not Outcome.UNREAD
    }
    assert {row.pk: (row.outcome, row.label) for row in ImageStanding.objects.all()} == followed
    kept = {row["image_id"]: row | {"draw": 0} for row in WorklistEntry.objects.values()}
    WorklistEntry.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT reviews_keep_worklist_entry(id) FROM classifier_image")
    again = {row["image_id"]: row | {"draw": 0} for row in WorklistEntry.objects.values()}
    assert again == kept
