"""Uploaded files stay in memory, and no more of them than may be taken in."""

from __future__ import annotations

import io
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler


class BoundedMemoryUploadHandler(FileUploadHandler):
    """Keeps each file in memory up to one byte over the limit of an image, and the request under its own.

    A temporary file would be a second copy, out of our control, of what may name a patient. The one byte over lets
    the intake say "The file is too large" while the rest of a huge file is read and dropped.

    Raises:
        RequestDataTooBig: the request says, or turns out, to hold more than UPLOAD_MAX_REQUEST_BYTES.
    """

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self._received = 0
        self._file = io.BytesIO()

    def handle_raw_input(
        self,
        input_data: IO[bytes],
        META: dict[str, str],
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        self._refuse_over_limit(content_length)

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._file = io.BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._received += len(raw_data)
        self._refuse_over_limit(self._received)
        room = settings.UPLOAD_MAX_IMAGE_BYTES + 1 - self._file.tell()
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

    def _refuse_over_limit(self, size: int) -> None:
        if size > settings.UPLOAD_MAX_REQUEST_BYTES:
            raise RequestDataTooBig(
                f"The request is larger than {settings.UPLOAD_MAX_REQUEST_BYTES // 2**20} MiB."
            )
