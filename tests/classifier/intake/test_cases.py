"""Every case of the list, at the intake's own door."""

import io
from pathlib import Path

import pytest
from PIL import Image

from classifier.intake import Decoder, IntakeRefused, Limits
from classifier.intake.refusals import STATUS
from tests.classifier.intake.cases import ACCEPTED, REFUSED, Case, chunks_of, encode, picture
from tests.classifier.intake.doors import canonicalise


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused(case: Case, limits: Limits, decoder: Decoder) -> None:
    with pytest.raises(IntakeRefused) as refused:
        canonicalise(case.make(), case.filename, limits, decoder)
    assert (refused.value.status, refused.value.code) == (case.status, case.code)
    assert case.sentence in refused.value.sentence
    assert case.filename not in refused.value.sentence


@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_accepted_and_only_pixels_are_left(case: Case, limits: Limits, decoder: Decoder) -> None:
    data = case.make()
    image = canonicalise(data, case.filename, limits, decoder)
    assert [kind for kind, _ in chunks_of(image.png)] == [b"IHDR", b"IDAT", b"IEND"]
    assert sum(len(whole) for _, whole in chunks_of(image.png)) + 8 == len(image.png)
    for planted in case.planted:
        assert planted.encode() not in image.png
        assert planted not in repr(image)
    with Image.open(io.BytesIO(image.png)) as stored:
        assert stored.size == (image.width, image.height)
        assert set(stored.info) == set()


def test_planted_strings_are_in_what_was_sent() -> None:
    plain = [
        case
        for case in ACCEPTED
        if case.planted and case.id not in ("carries-zip-tail", "carries-png-packed-text")
    ]
    assert len(plain) >= 8
    for case in plain:
        assert all(planted.encode() in case.make() for planted in case.planted), case.id


def test_ids_and_accepted_pixels_are_unique(limits: Limits, decoder: Decoder) -> None:
    ids = [case.id for case in REFUSED + ACCEPTED]
    assert len(set(ids)) == len(ids)
    hashes = [canonicalise(case.make(), case.filename, limits, decoder).pixel_sha256 for case in ACCEPTED]
    assert len(set(hashes)) == len(hashes)


def test_a_file_over_the_limit(decoder: Decoder) -> None:
    data = encode(picture())
    assert canonicalise(data, None, Limits(max_bytes=len(data)), decoder).width == 96
    with pytest.raises(IntakeRefused, match="The file is too large; the limit is") as refused:
        canonicalise(data, None, Limits(max_bytes=len(data) - 1), decoder)
    assert (refused.value.code, refused.value.status) == ("file_too_large", 413)


def test_every_code_stands_in_the_docs() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "intake.md").read_text()
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    described = {code.strip(" `"): int(row[2]) for row in rows for code in row[1].split(",")}
    assert described == STATUS
