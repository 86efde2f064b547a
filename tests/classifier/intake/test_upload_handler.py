"""A request's files: in memory, bounded, whatever its headers say."""

import io
from types import SimpleNamespace

import pytest
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.http.multipartparser import MultiPartParserError
from django.test import RequestFactory

from classifier.intake import Decoder, IntakeRefused, Limits
from tests.classifier.intake.cases import encode, picture
from tests.classifier.intake.doors import canonicalise


@pytest.fixture
def bounds(settings):
    settings.FILE_UPLOAD_HANDLERS = ["classifier.intake.upload_handler.BoundedMemoryUploadHandler"]
    settings.UPLOAD_MAX_IMAGE_BYTES = settings.UPLOAD_MAX_DICOM_BYTES = 200_000
    settings.UPLOAD_MAX_REQUEST_BYTES = 1_000_000
    return settings


class Understated:
    """A body that is longer than its request says."""

    def __init__(self, body) -> None:
        self.read = body.read


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
    request.user = SimpleNamespace(is_authenticated=True)
    request._stream = Understated(request._stream)
    request.META["CONTENT_LENGTH"] = "1000"
    with pytest.raises(RequestDataTooBig, match="larger than 1000000 bytes"):
        _ = request.FILES


@pytest.mark.parametrize("known", [True, False], ids=["signed-in", "nobody"])
def test_nobody_may_send_only_a_little(bounds, known: bool) -> None:
    bounds.DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000
    request = post(b"a" * 150_000)
    request.user = SimpleNamespace(is_authenticated=known)
    if known:
        assert len(request.FILES.getlist("files")) == 1
    else:
        with pytest.raises(RequestDataTooBig, match="larger than 100000 bytes"):
            _ = request.FILES


@pytest.mark.parametrize("missing", [4, 40, 400, 20_000])
def test_a_body_that_breaks_off_is_refused(bounds, missing: int) -> None:
    request = post(encode(picture()), b"b" * 30_000)
    body = request.read()
    request._stream, request._read_started = io.BytesIO(body[:-missing]), False
    with pytest.raises(MultiPartParserError, match="before its closing boundary"):
        _ = request.FILES
