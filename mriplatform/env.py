"""Reads the settings from the environment and, where any is missing or malformed, names all of them at once."""

import os
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

REQUIRED: Final = object()


class Environment:
    """Typed access to environment variables that gathers every fault before it complains.

    A setting that may not be missing is asked for without a default. `check()` raises one
    `ImproperlyConfigured` that lists every fault, so that an operator mends them in one go.
    """

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables
        self._faults: list[str] = []

    def text(self, name: str, default: Any = REQUIRED, *, min_length: int = 0) -> str:
        value = self._variables.get(name, "")
        if not value:
            if default is REQUIRED:
                self._faults.append(f"{name} is not set.")
                return ""
            return str(default)
        if len(value) < min_length:
            self._faults.append(f"{name} has {len(value)} characters; it needs at least {min_length}.")
        return value

    def boolean(self, name: str, default: bool) -> bool:
        value = self.text(name, "").lower()
        if value in {"1", "true", "yes", "on"}:
            return True
        if value in {"0", "false", "no", "off"}:
            return False
        if value:
            self._faults.append(f"{name} is {value!r}; it must be 1 or 0.")
        return default

    def integer(self, name: str, default: int, *, minimum: int = 0) -> int:
        value = self.text(name, "")
        if not value:
            return default
        if not value.isdecimal() or int(value) < minimum:
            self._faults.append(f"{name} is {value!r}; it must be a whole number of at least {minimum}.")
            return default
        return int(value)

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in allowed:
            self._faults.append(f"{name} is {value!r}; it must be one of {', '.join(allowed)}.")
            return default
        return value

    def listing(self, name: str, default: str = "") -> list[str]:
        return [part.strip() for part in self.text(name, default).split(",") if part.strip()]

    def parsed[T](self, name: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        """A list with commas between, each entry as `parse` makes it; its ValueError says what is wrong."""
        found = []
        for entry in self.listing(name):
            try:
                found.append(parse(entry))
            except ValueError as error:
                self._faults.append(f"{name}: {error}.")
        return tuple(found)

    def database(self, name: str) -> dict[str, Any]:
        """A `postgres://user:password@host:port/name?option=value` address as Django's settings."""
        address = self.text(name)
        if not address:
            return {}
        parts = urlsplit(address)
        if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
            self._faults.append(f"{name} must look like postgres://user:password@host:5432/name.")
            return {}
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.strip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": parts.hostname or "",
            "PORT": str(parts.port or ""),
            "OPTIONS": dict(parse_qsl(parts.query)),
        }

    def check(self) -> None:
        """Raise `ImproperlyConfigured` if anything asked for was missing or malformed."""
        if self._faults:
            raise ImproperlyConfigured(
                "The environment is not complete:\n  "
                + "\n  ".join(self._faults)
                + "\nSee docs/operations.md."
            )
