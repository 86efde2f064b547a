"""The access log of the web process holds nothing that a sender put into an address."""

import runpy
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from gunicorn.config import Config

from mriplatform.access_log import AccessLogger

ROOT = Path(__file__).resolve().parents[2]
UID = "1.2.840.113619.2.5.1762583153"


@pytest.fixture
def line(caplog):
    """What is written of a request for an address."""
    config = Config()
    config.set("accesslog", "-")
    logger = AccessLogger(config)

    def _line(raw: str, path: str) -> str:
        environ = {
            "REQUEST_METHOD": "GET", "RAW_URI": raw, "PATH_INFO": path, "SERVER_PROTOCOL": "HTTP/1.1",
            "QUERY_STRING": raw.partition("?")[2], "HTTP_REFERER": f"https://portal/{UID}",
        }  # fmt: skip
        caplog.clear()
        logger.access(SimpleNamespace(status="200 OK", sent=5, headers=[]), [], environ, timedelta(0))
        (written,) = caplog.messages
        return str(written)

    return _line


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (f"/dicom-web/studies/{UID}", f"/dicom-web/studies/{UID}"),
        (f"/dicom-web/collections/c/studies/{UID}/series", f"/dicom-web/collections/c/studies/{UID}/series"),
        (f"/%64icom-web/studies/{UID}", f"/dicom-web/studies/{UID}"),
        (f"http://portal/dicom-web/studies/{UID}", f"/dicom-web/studies/{UID}"),
        (f"/dicom-web/studies?StudyInstanceUID={UID}", "/dicom-web/studies"),
        (f"/api/v1/predictions?study={UID}", "/api/v1/predictions"),
    ],
)
def test_nothing_of_a_senders_address_is_written(line, raw, path):
    written = line(raw, path)
    assert UID not in written
    assert '"GET /' in written
    assert " 200 5 " in written


def test_other_addresses_are_written_as_they_were_sent(line):
    assert '"GET /studies/a%0Ab HTTP/1.1" 200 5 "-"' in line("/studies/a%0Ab", "/studies/a\nb")


def test_of_what_is_no_http_or_fails_the_line_says_where_it_came_from_and_no_more(caplog):
    config = Config()
    logger = AccessLogger(config)
    logger.warning(
        f"Invalid request from ip=10.0.0.7: Invalid HTTP request line: 'GET /x?n={UID} y HTTP/1.1'"
    )
    try:
        raise KeyError
    except KeyError:
        logger.exception("Error handling request %s %s", "GET", f"/x?n={UID}")
    logger.warning("%s per cent", 5)
    assert UID not in caplog.text
    assert caplog.messages == [
        "Invalid request from ip=10.0.0.7: it is no HTTP", "Error handling request", "5 per cent"
    ]  # fmt: skip


@pytest.mark.parametrize("at", ["gunicorn.conf.py", "docker/gunicorn.conf.py"])
def test_it_is_what_the_web_process_logs_with(at):
    config = Config()
    config.set("logger_class", runpy.run_path(str(ROOT / at))["logger_class"])
    assert config.logger_class is AccessLogger
