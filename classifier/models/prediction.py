"""What the machine reader says about an image; while it is queued, the row is the job."""

import numpy as np
import numpy.typing as npt
import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from classifier.models.model_version import ModelVersion
from classifier.models.study import Image
from ml.labels import CLASSES, NOT_ASSESSABLE
from mriplatform.identifiers import uuid7


class JobStatus(models.TextChoices):
    QUEUED = "queued", "In line"
    RUNNING = "running", "Working"
    SUCCEEDED = "succeeded", "Analysed"
    FAILED = "failed", "Failed"


class Prediction(models.Model):
    """Class probabilities, saliency maps and embedding of one image by one model version.

    States: `queued → running → succeeded | failed`; an expired lease returns `running` to `queued`, and a person's
    retry returns `failed` to `queued`. `attempt` grows with every claim and fences what a worker that lost its
    lease tries to record. A prediction whose `model_version` is empty waits for a version to be put in force.

    `probabilities` follow `ml.labels.CLASSES`. `maps` are float16 of the shape `map_shape` (height, width, classes;
    7 × 7 or 14 × 14 by the version's network), little endian, C order: the class activation before the ReLU, so that
    Grad-CAM of a logit is their positive part and the contrast of two classes their difference. `map_frame` is the
    square of the image that the maps cover: left, top and side in image pixels; it may reach outside the image.
    `embedding` is float32, little endian, as wide as the version's network makes it.

    `novelty` is how unlike a brain MRI the image is to the version, higher is less like; empty where the version
    cannot say. `not_assessable` is whether that was above the version's own threshold when the answer was recorded.
    Such a row has its novelty and its embedding, but neither probabilities nor maps: it names no class.

    An image has one row that is not `for_comparison`: the answer, by the version that read when the image came, or,
    where the backlog was read again before anybody began to read the image, by that one. What other versions were
    asked to say, or said before, stands beside it and counts for nothing else.

    Once succeeded, a trigger keeps every value as it is; removal may empty `maps` and `embedding`, no more.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="predictions")
    model_version = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="predictions"
    )
    for_comparison = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=JobStatus.choices, default=JobStatus.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=120, blank=True)
    queued_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    probabilities = ArrayField(models.FloatField(), size=len(CLASSES), null=True, blank=True)
    maps = models.BinaryField(null=True, blank=True)
    map_shape = ArrayField(models.PositiveSmallIntegerField(), size=3, null=True, blank=True)
    map_frame = ArrayField(models.IntegerField(), size=3, null=True, blank=True)
    embedding = models.BinaryField(null=True, blank=True)
    novelty = models.FloatField(null=True, blank=True)
    not_assessable = models.BooleanField(default=False)
    runtime = models.CharField(max_length=40, blank=True)
    device = models.CharField(max_length=20, blank=True)
    failure_code = models.CharField(max_length=40, blank=True)
    failure_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-queued_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["image", "model_version"], name="prediction_once_per_version"),
            models.UniqueConstraint(
                fields=["image"], condition=models.Q(model_version=None), name="prediction_once_unbound"
            ),
            models.UniqueConstraint(
                fields=["image"], condition=models.Q(for_comparison=False), name="prediction_one_answer"
            ),
            models.CheckConstraint(
                condition=models.Q(for_comparison=False) | models.Q(model_version__isnull=False),
                name="prediction_comparison_names_version",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="succeeded")
                | (
                    models.Q(model_version__isnull=False)
                    & (models.Q(probabilities__isnull=False) | models.Q(not_assessable=True))
                ),
                name="prediction_succeeded_is_complete",
            ),
            models.CheckConstraint(
                condition=models.Q(not_assessable=False)
                | models.Q(probabilities=None, maps=None, novelty__isnull=False),
                name="prediction_not_assessable_names_no_class",
            ),
        ]
        indexes = [
            models.Index(
                fields=["for_comparison", "queued_at"],
                condition=models.Q(status="queued"),
                name="prediction_queue",
            ),
            models.Index(
                fields=["lease_expires_at"], condition=models.Q(status="running"), name="prediction_leases"
            ),
            models.Index(
                fields=["image", "status"],
                condition=models.Q(for_comparison=False) & ~models.Q(status="succeeded"),
                name="prediction_unanswered",
            ),
            models.Index(
                fields=["-id"],
                condition=models.Q(not_assessable=True, for_comparison=False),
                name="prediction_without_class",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="succeeded_is_final",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__status="succeeded")
                & (
                    pgtrigger.Q(old__status__df=pgtrigger.F("new__status"))
                    | pgtrigger.Q(old__probabilities__df=pgtrigger.F("new__probabilities"))
                    | pgtrigger.Q(old__model_version__df=pgtrigger.F("new__model_version"))
                    | pgtrigger.Q(old__image__df=pgtrigger.F("new__image"))
                    | pgtrigger.Q(old__runtime__df=pgtrigger.F("new__runtime"))
                    | pgtrigger.Q(old__novelty__df=pgtrigger.F("new__novelty"))
                    | pgtrigger.Q(old__not_assessable__df=pgtrigger.F("new__not_assessable"))
                    | (
                        pgtrigger.Q(old__maps__df=pgtrigger.F("new__maps"))
                        & pgtrigger.Q(new__maps__isnull=False)
                    )
                    | (
                        pgtrigger.Q(old__embedding__df=pgtrigger.F("new__embedding"))
                        & pgtrigger.Q(new__embedding__isnull=False)
                    )
                ),
            )
        ]

    def __str__(self) -> str:
        return f"Prediction {self.id.hex[-8:]} ({self.status})"

    @property
    def label(self) -> str:
        """What the machine answers: the most probable class, or `not_assessable`; empty before it has answered."""
        if self.not_assessable:
            return NOT_ASSESSABLE
        if self.probabilities is None:
            return ""
        return CLASSES[int(np.argmax(self.probabilities))]

    def map_array(self) -> npt.NDArray[np.float32] | None:
        """The raw class maps, float32, (height, width, classes), or None where there are none (any more)."""
        if self.maps is None or self.map_shape is None:
            return None
        return np.frombuffer(bytes(self.maps), dtype="<f2").reshape(self.map_shape).astype(np.float32)

    @property
    def map_box(self) -> list[int] | None:
        """Left, top, right and bottom, in image pixels, of the square that the maps cover."""
        if self.map_frame is None:
            return None
        left, top, side = self.map_frame
        return [left, top, left + side, top + side]

    def embedding_array(self) -> npt.NDArray[np.float32] | None:
        if self.embedding is None:
            return None
        return np.frombuffer(bytes(self.embedding), dtype="<f4")
