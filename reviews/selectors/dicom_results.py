"""What goes out of a study as DICOM: its images, where the model looked, and the report of what was said.

The modules that make the files take a second to import, so they are imported when a file is asked for.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from math import isclose
from typing import Any, Final
from uuid import UUID

import cv2
import numpy as np
from django.db.models import Max, Prefetch

from classifier.exceptions import PixelsGone, StateConflict
from classifier.models import DicomFacts, Image, JobStatus, Prediction, ReceiptLine, Study
from classifier.selectors import answering_prediction, answering_rows, stored_png
from classifier.services.result_uids import result_uid
from ml.labels import CLASSES
from reviews.dicom.described import (
    FORMAT,
    Geometry,
    Instance,
    Looked,
    MachineSaid,
    Picture,
    ReadersSaid,
    Result,
    Said,
    Whose,
)
from reviews.models import ReviewEvent
from reviews.selectors.agreement import FinalLabel, standings
from reviews.selectors.as_of import answered_since, settled_since

_NO_MAP: Final = "There is no map of this image: the model gave no class, or the map was removed."
_NOTHING_SAID: Final = (
    "Nothing was said of this yet: neither has the model answered nor is there a final label."
)


class StudyOut:
    """A study as it goes out. Who may have which file is settled before.

    Args:
        study: with its collection.
    """

    def __init__(self, study: Study) -> None:
        answers = answering_rows().select_related("model_version").defer("embedding")
        self._study = study
        self.images: list[Image] = list(
            Image.objects.filter(study=study)
            .select_related("study", "dicom")
            .prefetch_related(Prefetch("predictions", answers))
            .order_by("position", "id")
        )
        self._frames = _frames_known(study)
        self._whose = _whose(study)

    def picture(self, image: Image) -> bytes:
        """The image as a DICOM file.

        Raises:
            PixelsGone: nobody may see its pixels any more.
        """
        from reviews.dicom.pictures import picture_file

        return picture_file(self._whose, self._described(image), _pixels(image))

    def map(self, image: Image) -> bytes:
        """Where the model looked, over the image.

        Raises:
            PixelsGone: nobody may see its pixels any more.
            StateConflict: there is no map.
        """
        from reviews.dicom.maps import map_file

        image = self._own(image)
        looked = _looked(
            self._study, answering_prediction(image), self._answered_since([image]).get(image.pk)
        )
        return map_file(self._whose, self._described(image), _pixels(image), looked)

    def report(self, image: Image | None = None) -> bytes:
        """What was said of one image, or of all.

        Raises:
            StateConflict: nothing was said yet.
        """
        from reviews.dicom.reports import report_file

        finals = _finals(self._study, self.images)
        wanted = self.images if image is None else [self._own(image)]
        changed = self._changed_at(wanted)
        results = tuple(
            Result(
                self._described(one),
                _machine(answering_prediction(one)),
                finals.get(one.pk),
                changed.get(one.pk),
            )
            for one in wanted
        )
        if not any(result.machine or result.readers for result in results):
            raise StateConflict(_NOTHING_SAID, code="nothing_said")
        said = hashlib.sha256(repr((FORMAT, self._whose, results)).encode()).hexdigest()
        return report_file(
            Said(
                whose=self._whose,
                results=results,
                series_uid=result_uid("reports", self._study.pk),
                instance_uid=result_uid("report", said),
                device_uid=result_uid("platform"),
            )
        )

    def members(self) -> Iterator[tuple[str, bytes]]:
        """The files of the whole study by name, the report first; what nobody may see any more is left out.

        Raises:
            StateConflict: nothing was said yet.
        """
        yield "report.dcm", self.report()
        for image in self.images:
            number = f"{image.position + 1:04}"
            try:
                yield f"images/{number}.dcm", self.picture(image)
                yield f"maps/{number}.dcm", self.map(image)
            except (PixelsGone, StateConflict):
                continue

    def _changed_at(self, images: Sequence[Image]) -> dict[UUID, datetime]:
        """By image, when what counts last became another, or none; both as told, and by no word that is not."""
        settled, answered = settled_since(image.pk for image in images), self._answered_since(images)
        both = {
            pk: [known[pk] for known in (settled, answered) if pk in known] for pk in {*settled, *answered}
        }
        return {pk: max(moments) for pk, moments in both.items()}

    def _answered_since(self, images: Sequence[Image]) -> dict[UUID, datetime]:
        answers = {image.pk: answer for image in images if (answer := answering_prediction(image))}
        return answered_since(answers, collection_id=self._study.collection_id)

    def _own(self, image: Image) -> Image:
        """The image with what was fetched beside it."""
        return next(one for one in self.images if one.pk == image.pk)

    def _described(self, image: Image) -> Picture:
        image = self._own(image)
        facts: DicomFacts | None = getattr(image, "dicom", None)
        window = None
        if image.window_centre is not None and image.window_width is not None:
            window = (image.window_centre, image.window_width)
        return Picture(
            number=image.position + 1,
            width=image.width,
            height=image.height,
            bits=image.bits,
            window=window,
            made_series_uid=result_uid("images", self._study.pk),
            made_instance_uid=result_uid("image", image.pk, FORMAT),
            space_uid=result_uid("space", facts.series_uid if facts else self._study.pk),
            came=image.created_at,
            instance=_instance(facts, self._frames) if facts else None,
            geometry=_geometry(facts) if facts else None,
        )


def _whose(study: Study) -> Whose:
    """A subject's key begins the same for all their studies; a study of nobody told is of a subject of its own."""
    alone = f"{int(result_uid('subject', study.pk).rpartition('.')[2]):032x}"
    profile = ReceiptLine.objects.filter(study=study).values_list("profile", flat=True).first()
    return Whose(
        patient_id=f"P-{study.subject_key[:16]}" if study.subject_key else f"S-{alone[:16]}",
        study_uid=study.study_uid or result_uid("study", study.pk),
        study_id=study.short_id,
        coded_profile=tuple(profile or ()),
    )


def _frames_known(study: Study) -> dict[str, int]:
    """By instance, the greatest frame that was taken in of it, those that were set apart too."""
    if not study.study_uid:
        return {}
    lines = ReceiptLine.objects.filter(study_uid=study.study_uid).order_by().values_list("instance_uid")
    facts = DicomFacts.objects.filter(image__study=study).order_by().values_list("instance_uid")
    known: dict[str, int] = defaultdict(lambda: 1)
    for rows in (lines.annotate(most=Max("frame")), facts.annotate(most=Max("frame"))):
        for instance, most in rows:
            known[instance] = max(known[instance], most)
    return known


def _instance(facts: DicomFacts, frames: dict[str, int]) -> Instance:
    return Instance(
        facts.series_uid, facts.instance_uid, facts.frame, max(facts.frame, frames.get(facts.instance_uid, 1))
    )


def _geometry(facts: DicomFacts) -> Geometry | None:
    cosines, position = facts.orientation, facts.slice_position
    if cosines is None or position is None or not facts.row_spacing or not facts.column_spacing:
        return None
    row, column = np.array(cosines[:3]), np.array(cosines[3:])
    square = isclose(row @ row, 1, abs_tol=1e-3) and isclose(column @ column, 1, abs_tol=1e-3)
    if not square or not isclose(row @ column, 0, abs_tol=1e-3):
        return None
    one, two, three, four, five, six = cosines
    return Geometry((one, two, three, four, five, six), facts.row_spacing, facts.column_spacing, position)


def _pixels(image: Image) -> Any:
    return cv2.imdecode(np.frombuffer(stored_png(image), np.uint8), cv2.IMREAD_UNCHANGED)


def _machine(prediction: Prediction | None) -> MachineSaid | None:
    if prediction is None or prediction.status != JobStatus.SUCCEEDED or prediction.model_version is None:
        return None
    version = prediction.model_version
    return MachineSaid(
        label=prediction.label,
        probabilities=tuple(prediction.probabilities) if prediction.probabilities else None,
        novelty=prediction.novelty,
        novelty_threshold=version.novelty_threshold,
        version=version.number,
        version_name=version.name,
        checkpoint_sha256=version.checkpoint_sha256,
        runtime=f"{prediction.runtime} on {prediction.device}",
        at=prediction.finished_at or prediction.queued_at,
        tracking_uid=result_uid("answer", prediction.pk),
    )


def _looked(study: Study, prediction: Prediction | None, since: datetime | None) -> Looked:
    """
    Args:
        since: when the answer took the place of another's; None where it never did.
    """
    from ml.explanation.gradcam import class_map, normalise, saliency

    said = _machine(prediction)
    maps = prediction.map_array() if prediction else None
    if prediction is None or said is None or maps is None or not prediction.map_frame:
        raise StateConflict(_NO_MAP, code="no_map")
    left, top, side = prediction.map_frame
    return Looked(
        label=said.label,
        version=said.version,
        cam=normalise(saliency(class_map(maps, CLASSES.index(said.label)))),
        frame=(left, top, side),
        at=max(said.at, since) if since else said.at,
        series_uid=result_uid("maps", study.pk),
        instance_uid=result_uid(
            "map", prediction.pk, said.label, FORMAT, *([since.isoformat()] if since else [])
        ),
    )


def _finals(study: Study, images: Sequence[Image]) -> dict[UUID, ReadersSaid]:
    """The final labels of a study's images, with who stands behind each: by number, the same throughout the study."""
    found = {pk: standing.final for pk, standing in standings(images).items() if standing.final}
    behind = {pk: _behind(final) for pk, final in found.items()}
    names = _names(study, {one for several in behind.values() for one in several})
    return {
        pk: ReadersSaid(
            label=final.label or ReviewEvent.Verdict.NOT_ASSESSABLE.value,
            path=final.path,
            at=final.at,
            observers=tuple(sorted(names[one] for one in behind[pk])),
            tracking_uid=result_uid("label", pk, final.label, final.path, final.at.isoformat()),
        )
        for pk, final in found.items()
    }


def _behind(final: FinalLabel) -> set[tuple[str, Any]]:
    """Who said what became final: the adjudicator, or the readers whose verdict it is."""
    if final.adjudication:
        return {("Adjudicator", final.adjudication.adjudicator_id)}
    return {("Reader", event.reading.reader_id) for event in final.behind}


def _names(study: Study, people: set[tuple[str, Any]]) -> dict[tuple[str, Any], str]:
    """`Reader^1`, `Reader^2`, …, in an order that says nothing of who they are."""
    shuffled = sorted(people, key=lambda one: hashlib.sha256(f"{study.pk}:{one[1]}".encode()).digest())
    counts: dict[str, int] = defaultdict(int)
    names: dict[tuple[str, Any], str] = {}
    for role, pk in shuffled:
        counts[role] += 1
        names[role, pk] = f"{role}^{counts[role]}"
    return names
