"""multipart/related, part by part as it arrives: no more of it in memory than one part, and none of it on disk.

Sources: RFC 2046, section 5.1; RFC 2387; PS3.18, section 8.6.1.2.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from django.core.exceptions import BadRequest, RequestDataTooBig
from django.http.multipartparser import MultiPartParserError
from django.utils.http import parse_header_parameters

from classifier.exceptions import UploadRefused

DICOM: Final = "application/dicom"
_CHUNK_BYTES: Final = 2**16
_MAX_HEAD_BYTES: Final = 8192
_MAX_PADDING_BYTES: Final = 256
_AS_IT_IS: Final = ("", "binary", "8bit", "7bit", "identity")
# The RFC allows 70 characters; Orthanc makes 73.
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,199}[0-9A-Za-z'()+_,\-./:=?]")


class WrongMediaType(Exception):
    """What was sent is no multipart/related of application/dicom."""


@dataclass(frozen=True)
class RelatedLimits:
    """Of a body: bytes of all of it, bytes kept of a part, and how many parts."""

    body: int
    part: int
    parts: int


def boundary_of(content_type: str) -> bytes:
    """The boundary that a Content-Type names.

    Raises:
        WrongMediaType: it is none of `multipart/related; type="application/dicom"`.
        BadRequest: it names no boundary, or one that is none.
    """
    try:
        kind, parameters = parse_header_parameters(content_type, max_length=1000)
    except ValueError as error:
        raise BadRequest("The Content-Type cannot be read.") from error
    if kind != "multipart/related" or parameters.get("type", DICOM).lower() != DICOM:
        raise WrongMediaType
    boundary = parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise BadRequest("The Content-Type names no boundary, or one that is none.")
    return boundary.encode("ascii")


def read_parts(read: Callable[[int], bytes], boundary: bytes, limits: RelatedLimits) -> Iterator[bytes]:
    """The contents of the parts, one after the other.

    Args:
        read: gives up to so many bytes of the body, and none at its end.

    Returns:
        Each part whole, or one byte more of it than `limits.part`: the intake then says that it is too large.

    Raises:
        WrongMediaType: a part says that it is something else than application/dicom.
        RequestDataTooBig, UploadRefused: 413, it is over one of its limits.
        MultiPartParserError: it is malformed, or ends before its closing boundary.
    """
    source = _Source(read, limits.body)
    delimiter = b"\r\n--" + boundary
    source.until(delimiter, keep=0)
    count = 0
    while not source.starts_with(b"--"):
        count += 1
        if count > limits.parts:
            raise UploadRefused(
                f"More than {limits.parts} instances in one push; push the rest after them.",
                code="too_many_files",
                status=413,
            )
        if source.until(b"\r\n", keep=_MAX_PADDING_BYTES, back=True).strip(b" \t"):
            raise MultiPartParserError("A boundary is followed by something else than the end of its line.")
        _check_head(source.until(b"\r\n\r\n", keep=_MAX_HEAD_BYTES + 1))
        yield source.until(delimiter, keep=limits.part + 1)
    source.drain()


def _check_head(head: bytes) -> None:
    if len(head) > _MAX_HEAD_BYTES:
        raise MultiPartParserError("The head of a part is too long.")
    for line in head.decode("latin-1").split("\r\n"):
        name, value = (word.strip().lower() for word in line.partition(":")[::2])
        if name == "content-type" and value.partition(";")[0].strip() != DICOM:
            raise WrongMediaType
        if name in ("content-encoding", "content-transfer-encoding") and value not in _AS_IT_IS:
            raise WrongMediaType


class _Source:
    """The body, of which everything is looked at once."""

    def __init__(self, read: Callable[[int], bytes], limit: int) -> None:
        self._read, self._limit, self._total = read, limit, 0
        # The first boundary has no line before it.
        self._buffer = bytearray(b"\r\n")

    def until(self, mark: bytes, keep: int, *, back: bool = False) -> bytes:
        """What comes before the next mark, up to `keep` bytes of it; the mark is read as well, unless put `back`."""
        kept = bytearray()
        while (at := self._buffer.find(mark)) < 0:
            self._move(len(self._buffer) - len(mark) + 1, kept, keep)
            self._fill()
        self._move(at, kept, keep)
        if not back:
            del self._buffer[: len(mark)]
        return bytes(kept)

    def _move(self, count: int, kept: bytearray, keep: int) -> None:
        if count > 0:
            kept += self._buffer[: min(count, keep - len(kept))]
            del self._buffer[:count]

    def starts_with(self, mark: bytes) -> bool:
        while len(self._buffer) < len(mark):
            self._fill()
        return self._buffer.startswith(mark)

    def drain(self) -> None:
        """Read what follows the end, which means nothing, so that a body that breaks off is told from a whole one."""
        while self._more():
            self._buffer.clear()

    def _fill(self) -> None:
        if not self._more():
            raise MultiPartParserError("The body ended before its closing boundary.")

    def _more(self) -> bool:
        try:
            data = self._read(_CHUNK_BYTES)
        except OSError as error:
            # As a server says that a connection was cut, or that a chunk is none.
            raise MultiPartParserError("The body broke off.") from error
        self._total += len(data)
        if self._total > self._limit:
            raise RequestDataTooBig(f"The body is larger than {self._limit} bytes.")
        self._buffer += data
        return bool(data)
