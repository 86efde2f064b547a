"""The level that the operator sets counts for Django's own loggers too."""

import subprocess
import sys

import pytest

SAY = """
import logging.config
import sys
from django.utils.log import DEFAULT_LOGGING
from mriplatform.logs import to_console
logging.config.dictConfig(DEFAULT_LOGGING)
logging.config.dictConfig(to_console(sys.argv[1]))
logging.getLogger("django.request").warning("a refusal")
logging.getLogger("urllib3.connectionpool").warning("https://receiver.example/secret")
logging.getLogger("classifier").error("a fault")
"""


@pytest.mark.parametrize(("level", "said"), [("ERROR", ["a fault"]), ("WARNING", ["a refusal", "a fault"])])
def test_what_is_below_the_level_is_not_logged(level, said):
    process = subprocess.run([sys.executable, "-c", SAY, level], check=True, capture_output=True, text=True)
    lines = process.stderr.splitlines()
    assert len(lines) == len(said)
    assert all(line.endswith(end) for line, end in zip(lines, said, strict=True))
