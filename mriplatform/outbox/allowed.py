"""Inward addresses that webhooks may reach after all: what `WEBHOOK_ALLOWED` says."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252})")


@dataclass(frozen=True)
class Allowed:
    """One entry of the list.

    Attributes:
        host: a name, whatever it resolves to; or empty, and `network` is whatever name is used.
        port: the only port; None for each.
        plain: HTTP without TLS is allowed too.
    """

    host: str = ""
    network: Network | None = None
    port: int | None = None
    plain: bool = False

    def covers(self, host: str, port: int, address: Address) -> bool:
        """Whether a connection to this address, by this name, is one that the entry allows."""
        if self.port not in (None, port):
            return False
        return address in self.network if self.network is not None else host == self.host


def parse_allowed(entry: str) -> Allowed:
    """One entry: `receiver.internal`, `receiver.internal:8443`, `10.1.2.0/24`, `[fd00::/8]:8443`, `10.1.2.3`; with
    `http://` before it, HTTP without TLS is allowed there too.

    Raises:
        ValueError: it is none of these.
    """
    plain = entry.startswith("http://")
    rest = entry.removeprefix("http://")
    bracket, _, after = rest.removeprefix("[").partition("]") if rest.startswith("[") else ("", "", "")
    host, port = (bracket, after.removeprefix(":")) if bracket else _host_and_port(rest)
    if port and not (port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(f"{entry!r} has no port that there is")
    number = int(port) if port else None
    try:
        return Allowed(network=ipaddress.ip_network(host, strict=True), port=number, plain=plain)
    except ValueError:
        if not _NAME.fullmatch(host):
            raise ValueError(f"{entry!r} is neither a name nor a network") from None
    return Allowed(host=host.lower().rstrip("."), port=number, plain=plain)


def _host_and_port(text: str) -> tuple[str, str]:
    if text.count(":") > 1:  # an IPv6 network without a port
        return text, ""
    host, _, port = text.partition(":")
    return host, port


def allows(entries: Iterable[Allowed], host: str, port: int, address: Address, *, plain: bool) -> bool:
    """Whether any entry covers a connection; one without TLS needs an entry that says so."""
    return any(entry.covers(host, port, address) and (entry.plain or not plain) for entry in entries)
