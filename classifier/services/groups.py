"""The files of one study: each frame is stored, known already, or kept apart, all in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import inf

from django.db.models import Max

from classifier.exceptions import UploadRefused
from classifier.intake import Frame, TakenIn
from classifier.models import Image, QuarantinedImage, Study
from classifier.services.clusters import lock_clusters
from classifier.services.decoding import Decoded, Verdict
from classifier.services.fates import Fate, verdict_of
from classifier.services.quarantine import keep_label, put_in_quarantine
from classifier.services.receipts import write_receipt_line
from classifier.services.storing import Arrival, find_open_study, finish_study, open_study, store_image
from mriplatform.accounts.models import Collection, User
from mriplatform.identifiers import uuid7

MOST_IMAGES = 32_000
"""Of a study: their positions are kept as whole numbers of 16 bits."""
type Piece = tuple[int, TakenIn, Frame]


class Grouping(StrEnum):
    ONE_STUDY = "one_study"
    STUDY_EACH = "study_each"


@dataclass
class UploadResult:
    """The studies that an upload made or added to, and a verdict per file."""

    studies: list[Study] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def took_something(self) -> bool:
        """Whether anything is kept by it, if only in quarantine."""
        return bool(self.studies) or any(verdict.quarantined for verdict in self.verdicts)


def grouped(decoded: Iterable[Decoded], grouping: Grouping) -> list[list[Decoded]]:
    """Files by the study that they are of: DICOM says it, everything else is one study together or each alone.

    Two subjects are never one study, though a study's UID that both carry says so.
    """
    groups: dict[object, list[Decoded]] = {}
    for place, item in enumerate(decoded):
        key: object = place if grouping is Grouping.STUDY_EACH else ""
        if not isinstance(item, Verdict) and item[1].study is not None:
            key = (item[1].study.study_uid, item[1].study.subject_key)
        groups.setdefault(key, []).append(item)
    return list(groups.values())


def store_group(
    result: UploadResult, actor: User, collection: Collection, group: Sequence[Decoded], arrival: Arrival
) -> None:
    """Store what the collection does not have yet of the files of one study, and what has writing in it apart.

    DICOM joins the open study of its UID. To be called in a transaction, which keeps all others from storing until it
    ends; what became of each file is added to `result`.

    Raises:
        UploadRefused: the study would have more images than one may.
    """
    result.verdicts += [item for item in group if isinstance(item, Verdict)]
    files = [item for item in group if not isinstance(item, Verdict)]
    if not files:
        return
    lock_clusters()
    pieces = [(number, taken, frame) for number, taken in files for frame in taken.frames]
    filing = _Filing(actor, collection, _told(arrival, files), pieces)
    fates = filing.file(sorted(pieces, key=_place))
    for number, taken in files:
        result.verdicts.append(verdict_of(number, taken, fates[number]))
    stored = [
        fate.image
        for of_file in fates.values()
        for fate in of_file
        if fate.outcome == "stored" and fate.image
    ]
    if filing.study is not None and stored:
        finish_study(actor=actor, study=filing.study, images=stored, analyse=arrival.analyse)
        if filing.study not in result.studies:
            result.studies.append(filing.study)


class _Filing:
    """Puts the frames of one study where they belong, one after the other."""

    def __init__(
        self, actor: User, collection: Collection, arrival: Arrival, pieces: Sequence[Piece]
    ) -> None:
        self._actor, self._collection, self._arrival = actor, collection, arrival
        hashes = {frame.image.pixel_sha256 for _, _, frame in pieces}
        here = {"collection": collection, "pixel_sha256__in": hashes}
        images = Image.objects.filter(**here).select_related("study")
        apart = QuarantinedImage.objects.filter(**here).select_related("image__study", "study")
        self._images = {image.pixel_sha256: image for image in images}
        self._apart = {row.pixel_sha256: row for row in apart}
        self._group = uuid7()
        self.study = self._study_for(pieces)
        last = (
            Image.objects.filter(study=self.study).aggregate(last=Max("position"))["last"]
            if self.study
            else None
        )
        self._next = 0 if last is None else last + 1
        if self._next + len(pieces) > MOST_IMAGES:
            raise UploadRefused(
                f"A study may have at most {MOST_IMAGES:,} images. Send fewer of it.",
                code="study_too_large",
                status=422,
            )

    def _study_for(self, pieces: Sequence[Piece]) -> Study | None:
        """The study of the group: one is made only where an image will be in it."""
        if any(not self._is_known(frame) and not is_suspect(taken, frame) for _, taken, frame in pieces):
            return open_study(actor=self._actor, collection=self._collection, arrival=self._arrival)
        return find_open_study(self._collection, self._arrival)

    def _is_known(self, frame: Frame) -> bool:
        return frame.image.pixel_sha256 in self._images or frame.image.pixel_sha256 in self._apart

    def file(self, pieces: Iterable[Piece]) -> dict[int, list[Fate]]:
        """What became of each frame, by the number of its file."""
        fates: dict[int, list[Fate]] = {}
        for number, taken, frame in pieces:
            fate = self._fate(taken, frame)
            fates.setdefault(number, []).append(fate)
            write_receipt_line(
                study=self.study or self._study_of_same_uid(fate.image),
                subject_key=self._arrival.subject_key,
                taken=taken,
                frame=frame,
                outcome=fate.outcome,
                image=fate.image,
                quarantined=fate.row,
            )
        return fates

    def _study_of_same_uid(self, known: Image | None) -> Study | None:
        """The study of an image that was here, if what arrives is of it; another's receipt is told nothing of this."""
        if known is None or known.study.study_uid != self._arrival.study_uid:
            return None
        keys = {known.study.subject_key, self._arrival.subject_key} - {""}
        return known.study if len(keys) < 2 else None

    def _fate(self, taken: TakenIn, frame: Frame) -> Fate:
        sha = frame.image.pixel_sha256
        if sha in self._images:
            return Fate("duplicate", image=self._images[sha])
        if sha in self._apart:
            if self._apart[sha].status == QuarantinedImage.Status.WAITING:
                keep_label(self._apart[sha], self._arrival, actor=self._actor)
            return _known_apart(self._apart[sha])
        if is_suspect(taken, frame) or self.study is None:
            return self._put_apart(taken, frame)
        image, created = store_image(
            self.study, frame.image, self._next, self._arrival.plane, frame.facts, frame.number
        )
        self._images[sha] = image
        self._next += 1
        return Fate("stored" if created else "duplicate", image=image)

    def _put_apart(self, taken: TakenIn, frame: Frame) -> Fate:
        row = put_in_quarantine(
            actor=self._actor, collection=self._collection, group=self._group, study=self.study, frame=frame,
            taken=taken, position=self._next, arrival=self._arrival,
        )  # fmt: skip
        self._apart[frame.image.pixel_sha256] = row
        self._next += 1
        return _known_apart(row)


def is_suspect(taken: TakenIn, frame: Frame) -> bool:
    """Whether a frame goes to quarantine: there is writing in its pixels, or the file's header says so."""
    return bool(frame.boxes) or (taken.study is not None and taken.study.declared_text)


def _known_apart(row: QuarantinedImage) -> Fate:
    """The fate of pixels that wait in quarantine, or about which somebody has decided there."""
    if row.status == QuarantinedImage.Status.WAITING:
        return Fate("quarantined", row=row)
    if row.image is not None:
        return Fate("duplicate", image=row.image)
    return Fate("rejected", row=row)


def _told(arrival: Arrival, files: Sequence[tuple[int, TakenIn]]) -> Arrival:
    """The arrival with what DICOM says of its study: whose it is, it says better than who sends it."""
    facts = [taken.study for _, taken in files if taken.study is not None]
    if not facts:
        return arrival
    return replace(
        arrival,
        study_uid=facts[0].study_uid,
        subject_key=facts[0].subject_key or arrival.subject_key,
        age_band=next((one.age_band for one in facts if one.age_band), ""),
    )


def _place(piece: Piece) -> tuple[str, float, float, int, int]:
    """In which order frames are stored: by series, slice and number; what is no DICOM as it was sent."""
    number, _, frame = piece
    if frame.facts is None:
        return "", 0, 0, number, frame.number
    slice_position, instance = frame.facts.slice_position, frame.facts.instance_number
    return (
        frame.facts.series_uid,
        inf if slice_position is None else slice_position,
        inf if instance is None else instance,
        number,
        frame.number,
    )
