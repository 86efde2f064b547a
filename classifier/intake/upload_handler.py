"""Uploaded files stay in memory, no more of them than may be taken in, and only where all of them arrived."""

from __future__ import annotations

import io
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http.multipartparser import MultiPartParserError

# The closing boundary (at most 70 characters, four hyphens) and a little space after it.
_TAIL_BYTES = 256


class BoundedMemoryUploadHandler(FileUploadHandler):
    """Keeps each file in memory up to one byte over the limit of a DICOM file or image, the request under its own.

    A temporary file would be a second copy, out of our control, of what may name a patient. The one byte over lets
    the intake say "The file is too large" while the rest of a huge file is read and dropped.

    Django takes a body that breaks off for a whole one: a connection cut between two files, or a Content-Length
    that lies, would be stored as if nothing were missing. So the stream is watched, and a body that is shorter than
    was said, or has no closing boundary, is refused.

    Raises:
        RequestDataTooBig: the request says, or turns out, to hold more than UPLOAD_MAX_REQUEST_BYTES, or, from
            somebody who is not signed in, more than DATA_UPLOAD_MAX_MEMORY_SIZE.
        MultiPartParserError: the body ended before its closing boundary, or before its Content-Length.
    """

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self._received = 0
        self._file = io.BytesIO()
        self._tail = b""
        self._closing = b""
        self._read = 0
        self._said = 0

    def handle_raw_input(
        self,
        input_data: IO[bytes],
        META: dict[str, str],
        content_length: int,
        boundary: str | bytes,
        encoding: str | None = None,
    ) -> None:
        self._refuse_over_limit(content_length)
        marker = boundary if isinstance(boundary, bytes) else boundary.encode("ascii")
        self._closing = b"--" + marker + b"--"
        self._said = content_length
        if isinstance(input_data, io.BytesIO):
            self._note(input_data.getvalue())
        else:
            self._watch(input_data)

    def _note(self, data: bytes) -> None:
        self._read += len(data)
        self._tail = (self._tail + data[-_TAIL_BYTES:])[-_TAIL_BYTES:]

    def _watch(self, input_data: IO[bytes]) -> None:
        read = input_data.read

        def watched(*args: Any) -> bytes:
            data = read(*args)
            self._note(data)
            return data

        input_data.read = watched  # type: ignore[method-assign]  # the parser offers no other place to look

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._file = io.BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._received += len(raw_data)
        self._refuse_over_limit(self._received)
        largest = max(settings.UPLOAD_MAX_IMAGE_BYTES, settings.UPLOAD_MAX_DICOM_BYTES)
        room = max(0, largest + 1 - self._file.tell())
        self._file.write(raw_data[:room])

    def file_complete(self, file_size: int) -> InMemoryUploadedFile:
        kept = self._file.tell()
        self._file.seek(0)
        return InMemoryUploadedFile(
            file=self._file,
            field_name=self.field_name,
            name=self.file_name,
            content_type=self.content_type,
            size=kept,
            charset=self.charset,
            content_type_extra=self.content_type_extra,
        )

    def upload_complete(self) -> None:
        if self._closing not in self._tail or self._read < self._said:
            raise MultiPartParserError("The body ended before its closing boundary or its Content-Length.")

    def _refuse_over_limit(self, size: int) -> None:
        user = getattr(self.request, "user", None)
        known = user is not None and user.is_authenticated
        limit = settings.UPLOAD_MAX_REQUEST_BYTES if known else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if size > limit:
            raise RequestDataTooBig(f"The request is larger than {limit} bytes.")
