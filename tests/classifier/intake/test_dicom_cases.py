"""Every DICOM case of the list, at the intake's own door."""

import time

import pytest

from classifier.intake import Decoder, IntakeRefused, Limits, take_in
from tests.classifier.intake.cases import Case, chunks_of
from tests.classifier.intake.dicom_cases import ACCEPTED, QUARANTINED, REFUSED
from tests.classifier.intake.doors import KEY


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused(case: Case, limits: Limits, decoder: Decoder) -> None:
    data = case.make()
    began = time.process_time()
    with pytest.raises(IntakeRefused) as refused:
        take_in(data, case.filename, limits, decoder, KEY)
    # Of the processor's time, whatever else the machine does: a depth or a length that costs its square costs minutes.
    assert time.process_time() - began < 10
    assert refused.value.status == case.status
    assert not case.code or refused.value.code == case.code
    assert case.sentence in refused.value.sentence
    assert case.filename not in refused.value.sentence
    assert refused.value.told == {}


@pytest.mark.parametrize("case", ACCEPTED + QUARANTINED, ids=str)
def test_accepted_and_only_facts_are_left(case: Case, limits: Limits, decoder: Decoder) -> None:
    taken = take_in(case.make(), case.filename, limits, decoder, KEY)
    for frame in taken.frames:
        assert [kind for kind, _ in chunks_of(frame.image.png)] == [b"IHDR", b"IDAT", b"IEND"]
        assert all(planted.encode() not in frame.image.png for planted in case.planted)
    assert all(planted not in repr(taken) for planted in case.planted)
    assert taken.study
    set_aside = bool(taken.study.declared_text or any(frame.boxes for frame in taken.frames))
    assert set_aside == (case in QUARANTINED)
