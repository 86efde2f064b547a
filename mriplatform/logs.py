"""What is logged, and how a line looks: nothing that a gateway put into an address.

What a gateway asks for below `/dicom-web/` holds UIDs of its own, also where it asks for what is not there.
"""

import copy
import logging
import re
import traceback
from typing import Any, Final

KEPT_TO_ITSELF: Final = "/dicom-web/…"
# Also where whoever set the gateway up wrote it in a way of their own, and is answered that nothing is there.
_GATEWAYS: Final = re.compile(r"/dicom[-_]?web[^/\s]*/.*", re.IGNORECASE | re.DOTALL)


def asks_as_gateway(text: str) -> bool:
    """Whether an address, or a line that ends in one, is of the gateways' door."""
    return _GATEWAYS.search(text) is not None


def hide_gateways(text: str) -> str:
    """The text without what follows the gateways' door in it."""
    return _GATEWAYS.sub(KEPT_TO_ITSELF, text)


def to_console(level: str) -> dict[str, Any]:
    """The `LOGGING` setting: everything from a level on, to standard error."""
    # The level is the handler's too: Django's own loggers have levels of theirs, so the root's does not reach them.
    console = {
        "class": "logging.StreamHandler", "formatter": "line", "filters": ["gateways"], "level": level
    }  # fmt: skip
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
        "filters": {"gateways": {"()": "mriplatform.logs.WithoutGateways"}},
        "handlers": {"console": console},
        "loggers": {
            # Without handlers of its own: while debugging, it would say each line a second time.
            "django": {"handlers": []},
            # It would name the addresses of receivers, which may hold a secret of theirs.
            "urllib3": {"level": "ERROR"},
        },
        "root": {"handlers": ["console"], "level": level},
    }


class WithoutGateways(logging.Filter):
    """Hides what a gateway asked for, and of a fault while it was answered the words, which may quote the address."""

    def filter(self, record: logging.LogRecord) -> logging.LogRecord:
        said = record.getMessage()
        if not asks_as_gateway(said) and not asks_as_gateway(getattr(_request(record), "path", "")):
            return record
        hidden = copy.copy(record)
        hidden.msg, hidden.args = hide_gateways(said), None
        if record.exc_info and record.exc_info[1]:
            hidden.exc_info, hidden.exc_text = None, _where(record.exc_info[1])
        return hidden


def _request(record: logging.LogRecord) -> object:
    """Django's, where the line is about one."""
    return getattr(record, "request", None)


def _where(fault: BaseException) -> str:
    """Through which lines a fault came, and before it those that led to it."""
    found: traceback.TracebackException | None = traceback.TracebackException.from_exception(fault)
    lines: list[str] = []
    while found is not None:
        lines = [*found.stack.format(), f"{found.exc_type.__name__}\n", *lines]
        found = found.__cause__ or found.__context__
    return "".join(lines)
