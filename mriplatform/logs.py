"""What is logged, and how a line looks."""

from typing import Any


def to_console(level: str) -> dict[str, Any]:
    """The `LOGGING` setting: everything from a level on, to standard error."""
    # The level is the handler's too: Django's own loggers have levels of theirs, so the root's does not reach them.
    console = {"class": "logging.StreamHandler", "formatter": "line", "level": level}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
        "handlers": {"console": console},
        "loggers": {
            # Without handlers of its own: while debugging, it would say each line a second time.
            "django": {"handlers": []},
            # It would name the addresses of receivers, which may hold a secret of theirs.
            "urllib3": {"level": "ERROR"},
        },
        "root": {"handlers": ["console"], "level": level},
    }
