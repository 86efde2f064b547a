"""Why an archive is not taken: the whole of it, whatever else is in it."""

from __future__ import annotations

from typing import Final, Self

from classifier.exceptions import UploadRefused

STATUS: Final = {
    "empty_file": 400,
    "not_a_zip": 415,
    "zip_empty": 422,
    "zip_too_large": 413,
    "zip_damaged": 422,
    "zip_split": 422,
    "zip_encrypted": 422,
    "zip_method": 422,
    "zip_nested": 422,
    "zip_too_many_entries": 422,
    "zip_unpacks_too_large": 422,
    "zip_ratio": 422,
    "unsafe_path": 422,
    "zip_size_lies": 422,
    "zip_overlap": 422,
}
"""HTTP status of every code. Codes are part of the API: add, never rename."""


class ArchiveRefused(UploadRefused):
    """An archive of which nothing is taken in. The sentence names an entry by its number alone."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence, code=code, status=STATUS[code])

    @classmethod
    def damaged(cls, how: str) -> Self:
        """The refusal of an archive whose structure is broken; `how` completes "(…)"."""
        return cls("zip_damaged", f"The ZIP is damaged ({how}). Make it again, then send that one.")
