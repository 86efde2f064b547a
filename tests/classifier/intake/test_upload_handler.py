"""A request's files: in memory, bounded, whatever its headers say."""

import io

import pytest
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.test import RequestFactory

from classifier.intake import Decoder, IntakeRefused, Limits, canonicalise
from tests.classifier.intake.cases import encode, picture


@pytest.fixture
def bounds(settings):
    settings.FILE_UPLOAD_HANDLERS = ["classifier.intake.upload_handler.BoundedMemoryUploadHandler"]
    settings.UPLOAD_MAX_IMAGE_BYTES = 200_000
    settings.UPLOAD_MAX_REQUEST_BYTES = 1_000_000
    return settings


def post(*files: bytes):
    named = [io.BytesIO(data) for data in files]
    for number, file in enumerate(named):
        file.name = f"scan{number}.png"
    return RequestFactory().post("/", {"files": named, "note": "kept"})


def test_files_arrive_whole_and_in_memory(bounds) -> None:
    sent = [encode(picture(seed)) for seed in range(3)] + [b""]
    request = post(*sent)
    got = request.FILES.getlist("files")
    assert all(type(file) is InMemoryUploadedFile for file in got)
    assert [file.read() for file in got] == sent
    assert [file.size for file in got] == [len(data) for data in sent]
    assert request.POST["note"] == "kept"


def test_a_file_over_the_limit_is_kept_to_one_byte_over(bounds, decoder: Decoder) -> None:
    big, small = post(b"\x89" * 500_000, encode(picture())).FILES.getlist("files")
    assert big.size == 200_001
    assert small.read() == encode(picture())
    with pytest.raises(IntakeRefused) as refused:
        canonicalise(big.read(), big.name, Limits(max_bytes=200_000), decoder)
    assert refused.value.status == 413


def test_a_request_that_says_it_is_too_large_is_not_read(bounds) -> None:
    request = post(b"a")
    request.META["CONTENT_LENGTH"] = str(600 * 2**20)
    request._stream = None
    with pytest.raises(RequestDataTooBig):
        _ = request.FILES


def test_a_request_that_understates_its_size(bounds) -> None:
    request = post(*[b"a" * 300_000] * 5)
    # The server hands on what the header allows: a header that lies cannot get past the count of what came.
    with pytest.raises(RequestDataTooBig, match="larger than"):
        _ = request.FILES
