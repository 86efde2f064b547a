"""Where an event may be sent: a public address over TLS, looked up once, every address of the name looked at.

What is returned is what is connected to, so a name that answers otherwise a moment later changes nothing.
"""

import ipaddress
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from mriplatform.outbox.allowed import Address, allows
from mriplatform.outbox.models import URL_LENGTH

_GLOBAL_IPV6: Final = ipaddress.ip_network("2000::/3")
# Not anybody's outside in effect, though the registries that Python follows call them global: what leads into IPv4 by
# another way, documentation, and the one public address at which a cloud tells its machines their secrets.
_INWARD: Final = [
    ipaddress.ip_network(network)
    for network in (
        "2001::/23", "2002::/16", "3fff::/20",
        "192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32",
    )
]  # fmt: skip
MOST_TRIED: Final = 4
# The same words for both: which names are known inside is not said.
NOT_OPEN: Final = "The name in the address is not known, or leads to a network that nothing is sent to."
NOT_PLAIN: Final = "The name in the address is not known, or nothing is sent there but over https://."


class DestinationRefused(Exception):
    """An address that nothing is sent to. The sentence names no inward address."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class Destination:
    """What to connect to, and whom to expect there.

    Attributes:
        host: the name in the address; the certificate has to be its.
        addresses: the first addresses that the name has; all of them were checked.
        target: path and query.
    """

    scheme: str
    host: str
    port: int
    target: str
    addresses: tuple[Address, ...] = ()

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return host if self.port == default else f"{host}:{self.port}"


def check_url(url: str) -> Destination:
    """What an address says, before its name is looked up.

    Raises:
        DestinationRefused: it is no address of a receiver.
    """
    if (
        len(url) > URL_LENGTH
        or not url.isascii()
        or any(letter <= " " or letter in '\\"<>\x7f' for letter in url)
    ):
        raise DestinationRefused(
            f"The address must have at most {URL_LENGTH} plain characters, none of them a space."
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise DestinationRefused("The address cannot be read.") from None
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in ("https", "http") or not host:
        raise DestinationRefused("The address must begin with https:// and name a host.")
    if parts.username is not None or parts.password is not None or "#" in url:
        raise DestinationRefused("The address must have no user name, no password and no fragment.")
    if port == 0 or len(host) > 253 or any(not label or len(label) > 63 for label in host.split(".")):
        raise DestinationRefused("The address must name a host and a port that can be.")
    if parts.scheme == "http" and not any(entry.plain for entry in settings.WEBHOOK_ALLOWED):
        raise DestinationRefused("The address must begin with https://.")
    default = 443 if parts.scheme == "https" else 80
    return Destination(parts.scheme, host, port or default, _target(parts))


def find(url: str) -> Destination:
    """Look the name up, once, and check every address that it has.

    Raises:
        DestinationRefused: the name is not known, or one of its addresses is not open to everybody.
    """
    asked = check_url(url)
    addresses = tuple(dict.fromkeys(_resolved(asked)))
    plain = asked.scheme == "http"
    refused = DestinationRefused(NOT_PLAIN if plain else NOT_OPEN)
    if not addresses:
        raise refused
    for address in addresses:
        allowed = allows(settings.WEBHOOK_ALLOWED, asked.host, asked.port, address, plain=plain)
        if not allowed and (plain or not is_open(address)):
            raise refused
    return Destination(asked.scheme, asked.host, asked.port, asked.target, addresses[:MOST_TRIED])


def is_open(address: Address) -> bool:
    """Whether anybody on the internet could reach an address: it is nobody's inside."""
    if address.version == 6 and address not in _GLOBAL_IPV6:
        return False
    inward = any(address in network for network in _INWARD)
    return address.is_global and not (address.is_multicast or address.is_reserved or inward)


def _resolved(asked: Destination) -> list[Address]:
    """Every address of a name; none where the resolver knows none, or says nothing in time.

    In a thread that is left behind: nothing else ends a look-up, and whoever makes a webhook waits in a request.
    """
    found: list[Address] = []

    def _look_up() -> None:
        with suppress(OSError, UnicodeError):
            entries = socket.getaddrinfo(asked.host, asked.port, type=socket.SOCK_STREAM)
            # An IPv6 address may carry the interface that it belongs to; such a one is of this machine's own links.
            found.extend([ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in entries])

    looking = threading.Thread(target=_look_up, daemon=True)
    looking.start()
    looking.join(settings.WEBHOOK_CONNECT_SECONDS)
    return [] if looking.is_alive() else found


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
