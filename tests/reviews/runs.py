"""Training runs to look at, in every state, without anything being trained."""

from typing import Any

from django.utils import timezone

from classifier.models import ModelVersion, RunStatus, TrainingRun
from classifier.services.tracing import record_trace
from reviews.models import LabelSet
from reviews.services.label_sets import freeze_label_set

PROGRESS: list[dict[str, Any]] = [
    {"stage": "embeddings"},
    {"stage": "embeddings", "step": 3, "steps": 3},
    {"stage": "head"},
    *(
        {
            "stage": "head",
            "step": step,
            "steps": 40,
            "remaining_s": 40.0 - step,
            "loss": 1 / step,
            "validation_loss": 1.2 / step,
            "validation_accuracy": 0.5 + step / 20,
        }
        for step in range(1, 9)
    ),
]
FIGURES = {
    "n": 120, "accuracy": 0.9, "balanced_accuracy": 0.89, "ece": 0.02,
    "per_class": {name: {"recall": 0.9} for name in ("glioma", "meningioma", "pituitary", "notumor")},
}  # fmt: skip


def make_run(label_set: LabelSet, status: str = RunStatus.RUNNING, **more: Any) -> TrainingRun:
    """A run on a label set, as far as its state says; a finished one has its trace."""
    base = ModelVersion.objects.get(number=1)
    number = TrainingRun.objects.count() + 1
    fields: dict[str, Any] = {
        "number": number,
        "status": status,
        "recipe": {"kind": "head"},
        "manifest": label_set.manifest.name,
        "manifest_sha256": label_set.manifest_sha256,
        "base_version": base,
        "collection": label_set.collection,
        "started_at": timezone.now(),
        "progress": PROGRESS,
        "log": [{"at": "2026-03-03T10:11:12+00:00", "text": "3 embeddings gathered."}],
    }
    if status not in (RunStatus.QUEUED, RunStatus.RUNNING):
        fields["finished_at"] = timezone.now()
    if status == RunStatus.SUCCEEDED:
        fields["report"] = {"counts": {"train": 2, "excluded": 1}, "embeddings": {"stored": 2, "computed": 0},
                            "incumbent": FIGURES, "candidate": FIGURES}  # fmt: skip
    run = TrainingRun.objects.create(**fields | more)
    if status == RunStatus.SUCCEEDED:
        record_trace(run=run, lines=lines_of(label_set))
    return run


def lines_of(label_set: LabelSet) -> list[dict[str, Any]]:
    """The lines of a label set as a run would trace them that used all of it."""
    return [
        {
            "image": str(entry.image_id),
            "pixel_sha256": entry.image.pixel_sha256,
            "label": entry.label,
            "used_as": entry.split,
            "reason": entry.reason,
        }
        for entry in label_set.entries.select_related("image").order_by("image_id")
    ]


def freeze(collection: Any) -> LabelSet:
    return freeze_label_set(actor=None, collection=collection)
