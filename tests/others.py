"""Programs that are not ours and that tests run: a browser, a PACS, a checker of DICOM files."""

import os
import shutil
from typing import NoReturn

import pytest


def missing(sentence: str) -> NoReturn:
    """End a test whose program is not here: in CI nothing is left untried without a word, elsewhere it is skipped.

    Args:
        sentence: what is missing, and how to get it.
    """
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


def missing_other(sentence: str) -> NoReturn:
    """The same of what CI fetches from elsewhere; where it cannot be had, CI says so and sets WITHOUT_OTHERS."""
    if os.environ.get("WITHOUT_OTHERS") == "1":
        pytest.skip(sentence)
    missing(sentence)


def orthanc() -> str:
    """Debian's PACS, whose folder is on the path of root alone."""
    found = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
    return found or missing_other("There is no Orthanc here; install Debian's orthanc.")


def dciodvfy() -> str:
    """The checker of DICOM files by their definitions."""
    return shutil.which("dciodvfy") or missing_other(
        "There is no dciodvfy here; install Debian's dicom3tools."
    )
