"""multipart/related as it arrives: in any pieces, of any length, whole or cut; never more kept than one part."""

import io
import random

import pytest
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.http.multipartparser import MultiPartParserError
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.api.dicomweb.related import RelatedLimits, WrongMediaType, boundary_of, read_parts
from classifier.exceptions import UploadRefused

LIMITS = RelatedLimits(body=2**20, part=2**16, parts=5)
HEAD = b"Content-Type: application/dicom\r\n"


def related(*parts: bytes, head: bytes = HEAD, before: bytes = b"", after: bytes = b"\r\n") -> bytes:
    body = b"".join(b"\r\n--B\r\n" + head + b"\r\n" + part for part in parts)
    return before + body.removeprefix(b"" if before else b"\r\n") + b"\r\n--B--" + after


def parts_of(body: bytes, limits: RelatedLimits = LIMITS, pieces=None) -> list[bytes]:
    stream = io.BytesIO(body)
    return list(read_parts(lambda size: stream.read(min(size, pieces()) if pieces else size), b"B", limits))


def test_parts_come_as_they_were_sent():
    sent = [b"\x00\x01\r\n--", b"", b"--B", b"\r\n\r\n", b"x" * 70_000]
    limits = RelatedLimits(body=2**20, part=10**6, parts=5)
    assert parts_of(related(*sent), limits) == sent


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_in_whatever_pieces_they_arrive(sent, seed):
    chance = random.Random(seed)
    if any(b"\r\n--B" in b"\r\n" + part for part in sent):
        return
    body = related(*sent, before=b"a preamble")
    assert parts_of(body, pieces=lambda: chance.randint(1, 40)) == sent


def test_a_part_over_its_limit_is_kept_up_to_one_byte_more():
    assert [len(part) for part in parts_of(related(b"x" * 10**5, b"y"))] == [2**16 + 1, 1]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", MultiPartParserError),
        (related(b"abc")[:-9], MultiPartParserError),
        (b"--B\r\n" + HEAD, MultiPartParserError),
        (b"--B\r\n" + HEAD + b"\r\nabc", MultiPartParserError),
        (b"--B junk\r\n" + HEAD + b"\r\nabc\r\n--B--", MultiPartParserError),
        (related(b"abc", head=b"X: " + b"y" * 9000 + b"\r\n"), MultiPartParserError),
        (related(b"abc", head=b"Content-Type: text/html\r\n"), WrongMediaType),
        (related(b"abc", head=b"Content-Type: application/dicom+json\r\n"), WrongMediaType),
        (related(b"abc", head=HEAD + b"Content-Transfer-Encoding: base64\r\n"), WrongMediaType),
        (related(b"abc", after=b"x" * 2**20), RequestDataTooBig),
        (related(*[b"x"] * 6), UploadRefused),
    ],
)
def test_what_is_malformed_cut_or_too_much_is_refused(body, error):
    with pytest.raises(error):
        parts_of(body)


def test_no_part_at_all_is_none():
    assert parts_of(b"--B--\r\n") == []


def test_a_connection_that_breaks_off_is_told():
    def cut(size: int) -> bytes:
        raise OSError("reset by peer")

    with pytest.raises(MultiPartParserError):
        list(read_parts(cut, b"B", LIMITS))


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ('multipart/related; type="application/dicom"; boundary=B', b"B"),
        ('Multipart/Related; boundary="a b:c"; type=application/dicom', b"a b:c"),
        ("multipart/related; boundary=B", b"B"),
        ("multipart/related; boundary=" + "x" * 73, b"x" * 73),
        ("multipart/form-data; boundary=B", WrongMediaType),
        ("application/dicom", WrongMediaType),
        ("", WrongMediaType),
        ('multipart/related; type="application/dicom+xml"; boundary=B', WrongMediaType),
        ('multipart/related; type="application/dicom"', BadRequest),
        ("multipart/related; boundary=ä", BadRequest),
        ("multipart/related; boundary=" + "x" * 201, BadRequest),
        ("multipart/related; boundary=" + "x" * 2000, BadRequest),
    ],
)
def test_the_content_type_says_what_comes(content_type, expected):
    if isinstance(expected, bytes):
        assert boundary_of(content_type) == expected
    else:
        with pytest.raises(expected):
            boundary_of(content_type)
