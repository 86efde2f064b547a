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


def orthanc() -> str:
    """Debian's PACS, whose folder is on the path of root alone."""
    found = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
    return found or missing("There is no Orthanc here; install Debian's orthanc.")


def dciodvfy() -> str:
    """The checker of DICOM files by their definitions."""
    return shutil.which("dciodvfy") or missing("There is no dciodvfy here; install Debian's dicom3tools.")
