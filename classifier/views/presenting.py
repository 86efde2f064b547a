"""What a study looks like to one person. The machine's answer enters only where the server lets them see it."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from classifier.models import Image, JobStatus, Origin, Prediction, Study
from classifier.selectors import (
    ANSWER_NAMES,
    Spoken,
    answering_prediction,
    queue_ahead_of_studies,
    sees_answers,
    spoken,
    study_status,
    version_reading_for,
    viewer_maps,
)
from classifier.selectors.dicom_facts import facts_in_words
from classifier.selectors.final_labels import FinalSaid, final_labels
from classifier.selectors.receipts import waiting_in_quarantine
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor, is_reader_in, permissions_in

WAITING = (JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True)
class ImageShown:
    """One image of a study, with how far it is, and nothing of what the machine says.

    Attributes:
        status: `queued`, `running`, `succeeded`, `failed`, or `withheld` where the pixels are hidden or removed.
        retry: the prediction to try again, where it failed and the person may.
        final: the label that its readers gave it, where there is one that the person may see.
    """

    image: Image
    number: int
    status: str
    ahead: int = 0
    failure: str = ""
    retry: UUID | None = None
    final: FinalSaid | None = None


@dataclass(frozen=True)
class Answered:
    """What the machine says about one image: only ever made for those who may see it."""

    spoken: Spoken
    version: int
    runtime: str
    maps: dict[str, Any] | None

    @property
    def maps_json(self) -> str:
        return json.dumps(self.maps, separators=(",", ":"))


@dataclass(frozen=True)
class StudyShown:
    """A study with its images; `answer` is of the selected one, and None wherever it may not be seen; `facts` are what
    the selected one's DICOM said, and `in_quarantine` counts the images that wait for a reviewer of the intake."""

    study: Study
    status: str
    images: Sequence[ImageShown]
    selected: ImageShown | None
    may: frozenset[Permission]
    is_reader: bool
    sees_answers: bool
    model_missing: bool
    answer: Answered | None = None
    facts: Sequence[tuple[str, str]] = ()
    in_quarantine: int = 0

    @property
    def settled(self) -> bool:
        return not any(shown.status in WAITING for shown in self.images)

    @property
    def selected_settled(self) -> bool:
        return self.selected is None or self.selected.status not in WAITING

    @property
    def synthetic(self) -> bool:
        return self.study.origin == Origin.SYNTHETIC

    @property
    def summary(self) -> str:
        """One sentence for screen readers, once there is nothing left to wait for."""
        failed = sum(shown.status == JobStatus.FAILED for shown in self.images)
        if failed:
            return (
                f"Study {self.study.short_id}: {failed} of {len(self.images)} images could not be analysed."
            )
        return f"Study {self.study.short_id} is analysed."


def present_study(user: Visitor, study: Study, selected: UUID | None = None) -> StudyShown:
    """A study as `user` may see it, with the image `selected`, or else its first, in the foreground."""
    may = permissions_in(user, study.collection_id)
    answers = sees_answers(user, study)
    predictions = {image.pk: answering_prediction(image) for image in study.images.all()}
    unbound = any(row is not None and row.model_version_id is None for row in predictions.values())
    ahead = queue_ahead_of_studies([study])[study.pk]
    images = [
        _shown(
            image, number, predictions[image.pk], ahead, retry=answers and Permission.RETRY_PREDICTIONS in may
        )
        for number, image in enumerate(study.images.all(), start=1)
    ]
    finals = final_labels(user, [study])
    images = [replace(shown, final=finals.get(shown.image.pk)) for shown in images]
    chosen = next((shown for shown in images if shown.image.pk == selected), images[0] if images else None)
    return StudyShown(
        study=study,
        status="removed" if study.purged_at else study_status(study),
        images=images,
        selected=chosen,
        may=may,
        is_reader=is_reader_in(user, study.collection_id),
        sees_answers=answers,
        model_missing=unbound and version_reading_for(study.collection_id) is None,
        answer=_answered(predictions[chosen.image.pk]) if answers and chosen else None,
        facts=facts_in_words(chosen.image, list(study.images.all())) if chosen else (),
        in_quarantine=waiting_in_quarantine(study) if study.study_uid else 0,
    )


def named_answers(study: Study) -> str:
    """What the machine answers in a study, such as "Glioma" or "2 Glioma, 1 Not assessable"; for those who may."""
    found = [answer.label for image in study.images.all() if (answer := answering_prediction(image))]
    counted = Counter(name for name in found if name)
    if len(found) == 1:
        return "".join(ANSWER_NAMES[name] for name in counted)
    return ", ".join(f"{count} {ANSWER_NAMES[name]}" for name, count in counted.most_common())


def _shown(
    image: Image, number: int, prediction: Prediction | None, ahead: int, *, retry: bool
) -> ImageShown:
    if not image.pixels_available:
        return ImageShown(image, number, "withheld")
    if prediction is None:
        return ImageShown(image, number, JobStatus.QUEUED)
    if prediction.status == JobStatus.FAILED:
        reason = prediction.failure_reason or "No reason was recorded."
        return ImageShown(image, number, prediction.status, 0, reason, prediction.pk if retry else None)
    return ImageShown(image, number, prediction.status, ahead if prediction.status == JobStatus.QUEUED else 0)


def _answered(prediction: Prediction | None) -> Answered | None:
    if prediction is None or prediction.status != JobStatus.SUCCEEDED or prediction.model_version is None:
        return None
    return Answered(
        spoken=spoken(prediction),
        version=prediction.model_version.number,
        runtime=f"{prediction.runtime} on {prediction.device}",
        maps=viewer_maps(prediction),
    )
