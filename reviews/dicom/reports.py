"""What was said of the images of a study as a structured report (PS3.16 TID 1500, Measurement Report).

Each image has a measurement group for the machine's answer, with the algorithm's identification, and one for the label
that its readers gave it, once that is final. The whole is verified when all of its images have such a label.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Final

from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    QualitativeEvaluation,
    SourceImageForMeasurementGroup,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from ml.labels import CLASSES
from reviews.dicom import codes as words
from reviews.dicom.described import DicomError, MachineSaid, Picture, ReadersSaid, Result, Said
from reviews.dicom.headers import MAKER, class_of, close, evidence, goes_out_as, maker

_SERIES: Final = 901
_NO_UNIT: Final = CodedConcept("1", "UCUM", "no units")


def report_file(said: Said) -> bytes:
    """The report of one image or of a whole study.

    Raises:
        DicomError: nothing was said yet.
    """
    groups = [group for result in said.results for group in _groups(result)]
    if not groups:
        raise DicomError("Nothing was said of these images yet.")
    report = MeasurementReport(
        observation_context=_observers(said),
        procedure_reported=words.BRAIN_MRI,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    verified = said.verified
    names = _names(said)
    file = ComprehensiveSR(
        evidence=_evidence(said), content=report,
        series_instance_uid=said.series_uid, series_number=_SERIES,
        sop_instance_uid=said.instance_uid, instance_number=1, series_description="What was said", **maker(),
        is_complete=said.complete, is_final=verified, is_verified=verified,
        verifying_observer_name=names[0] if verified else None,
        verifying_organization=MAKER if verified else None,
        coding_schemes=words.schemes(), specific_character_set="ISO_IR 192",
    )  # fmt: skip
    if verified:
        file.VerifyingObserverSequence = [_verifier(said, name) for name in names]
    return close(file, said.whose, said.at)


def _groups(result: Result) -> Iterator[MeasurementsAndQualitativeEvaluations]:
    if result.machine is not None:
        yield _machine(result.picture, result.machine)
    if result.readers is not None:
        yield _readers(result.picture, result.readers)


def _machine(picture: Picture, machine: MachineSaid) -> MeasurementsAndQualitativeEvaluations:
    measured = [
        Measurement(name=words.PROBABILITIES[name], value=value, unit=_NO_UNIT)
        for name, value in zip(CLASSES, machine.probabilities or (), strict=False)
    ]
    for name, number in (
        (words.NOVELTY, machine.novelty),
        (words.NOVELTY_THRESHOLD, machine.novelty_threshold),
    ):
        if number is not None:
            measured.append(Measurement(name=name, value=number, unit=_NO_UNIT))
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(machine.tracking_uid, f"Image {picture.number}: the model"),
        finding_type=words.FINDINGS[machine.label],
        algorithm_id=AlgorithmIdentification(
            name=machine.version_name, version=str(machine.version), manufacturer=MAKER,
            parameters=[f"checkpoint sha256 {machine.checkpoint_sha256}", machine.runtime],
        ),
        measurements=measured or None,
        qualitative_evaluations=_evaluations(machine.label, words.BY_MACHINE),
        source_images=_sources(picture),
    )  # fmt: skip


def _readers(picture: Picture, readers: ReadersSaid) -> MeasurementsAndQualitativeEvaluations:
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(readers.tracking_uid, f"Image {picture.number}: final label"),
        finding_type=words.FINDINGS[readers.label],
        qualitative_evaluations=[
            *_evaluations(readers.label, words.BY_READERS),
            QualitativeEvaluation(words.HOW_FINAL, words.path_code(readers.path)),
        ],
        source_images=_sources(picture),
    )


def _evaluations(label: str, by: CodedConcept) -> list[QualitativeEvaluation]:
    return [
        QualitativeEvaluation(words.SAID_BY, by),
        QualitativeEvaluation(words.CLASS, words.CLASS_CODES[label]),
    ]


def _references(picture: Picture) -> list[tuple[str, str, str, int | None]]:
    """Class, series, instance and frame of what was looked at: as it came, and as it goes out where that is another."""
    own = (*goes_out_as(picture), None)
    came = picture.instance
    if came is None:
        return [own]
    frame = came.frame if came.frames > 1 else None
    as_it_came = (class_of(came), came.series_uid, came.instance_uid, frame)
    return [as_it_came] if own == as_it_came else [as_it_came, own]


def _sources(picture: Picture) -> list[SourceImageForMeasurementGroup]:
    return [
        SourceImageForMeasurementGroup(sop_class, instance, [frame] if frame else None)
        for sop_class, _, instance, frame in _references(picture)
    ]


def _evidence(said: Said) -> list[Dataset]:
    """Each instance that is referred to, once."""
    found = {
        instance: evidence(said.whose, sop_class, series, instance)
        for result in said.results
        if result.machine or result.readers
        for sop_class, series, instance, _ in _references(result.picture)
    }
    return list(found.values())


def _observers(said: Said) -> ObservationContext:
    """The platform, and who stands behind the final labels in it."""
    device = DeviceObserverIdentifyingAttributes(uid=said.device_uid, name=MAKER, manufacturer_name=MAKER)
    context = ObservationContext(
        observer_device_context=ObserverContext(codes.DCM.Device, device),
    )
    for name in _names(said):
        context.extend(ObserverContext(codes.DCM.Person, PersonObserverIdentifyingAttributes(name)))
    return context


def _names(said: Said) -> list[str]:
    readers = [result.readers for result in said.results if result.readers]
    return sorted({name for one in readers for name in one.observers})


def _verifier(said: Said, name: str) -> Dataset:
    """Who stands behind a label, since the last one behind which they do."""
    item = Dataset()
    item.VerifyingOrganization, item.VerifyingObserverName = MAKER, name
    times = [
        result.readers.at for result in said.results if result.readers and name in result.readers.observers
    ]
    item.VerificationDateTime = max(times).astimezone(UTC).strftime("%Y%m%d%H%M%S.%f")
    item.VerifyingObserverIdentificationCodeSequence = []
    return item
