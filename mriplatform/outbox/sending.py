"""One POST to a receiver: to the address that was checked, within a time that nothing stretches."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import Final

from django.conf import settings
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from mriplatform.outbox.allowed import Address
from mriplatform.outbox.destinations import Destination, DestinationRefused, find

# Of the answer's body, which is not kept: read so that the receiver sees its answer taken.
MOST_READ: Final = 64 * 1024
_LEAST_SECONDS: Final = 0.05

TOO_SLOW: Final = "No answer came in time."
NOT_REACHED: Final = "The receiver cannot be reached."
NO_HTTP: Final = "The receiver's answer is no HTTP."
NO_TRUST: Final = "The receiver's certificate is not valid for its name."


@dataclass(frozen=True)
class Outcome:
    """What came of one try.

    Attributes:
        status: of the answer; 0 where none came.
        retry_after: the seconds that the receiver asked for; 0 for none.
    """

    status: int
    milliseconds: int
    error: str = ""
    retry_after: int = 0

    @property
    def delivered(self) -> bool:
        return 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """The receiver says that it wants nothing any more."""
        return self.status == 410


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
    """Send `body` to an address, checked now, and say what came of it. It raises nothing of the network's."""
    began = time.monotonic()
    try:
        status, retry_after = _sent(find(url), body, headers, began + settings.WEBHOOK_SECONDS)
        error = "" if 200 <= status < 300 else f"The receiver answered {status}."
        if 300 <= status < 400:
            error += " Redirects are not followed."
    except DestinationRefused as refusal:
        status, retry_after, error = 0, 0, refusal.sentence
    except (HTTPError, HTTPException, OSError) as problem:
        late = time.monotonic() >= began + settings.WEBHOOK_SECONDS
        status, retry_after, error = 0, 0, TOO_SLOW if late else _in_words(problem)
    return Outcome(status, int(1000 * (time.monotonic() - began)), error, retry_after)


def _sent(
    destination: Destination, body: bytes, headers: Mapping[str, str], deadline: float
) -> tuple[int, int]:
    connection = _connected(destination, deadline)
    with _ended(connection, deadline) as cut:
        connection.timeout = _left(deadline)
        connection.request(
            "POST",
            destination.target,
            body=body,
            headers={"Host": destination.authority, "Connection": "close", **headers},
            preload_content=False,
            decode_content=False,
        )
        response = connection.getresponse()
        if cut.is_set():  # in the middle of its headers
            raise TimeoutError
        with suppress(HTTPError, HTTPException, OSError):  # what it answered is known by now
            response.read(MOST_READ)
        return response.status, _seconds(response.headers.get("Retry-After", ""))


def _connected(destination: Destination, deadline: float) -> HTTPConnection:
    """A connection to the first of the addresses that takes one."""
    problem: Exception = NewConnectionError(HTTPConnection("none"), NOT_REACHED)
    for address in destination.addresses:
        connection = _connection(destination, address, _left(deadline))
        try:
            connection.connect()
            return connection
        except (NewConnectionError, ConnectTimeoutError) as refused:
            connection.close()
            problem = refused
        except BaseException:
            connection.close()
            raise
    raise problem


def _connection(destination: Destination, address: Address, seconds: float) -> HTTPConnection:
    seconds = min(seconds, settings.WEBHOOK_CONNECT_SECONDS)
    if destination.scheme == "http":
        return HTTPConnection(str(address), destination.port, timeout=seconds)
    return HTTPSConnection(
        str(address),
        destination.port,
        timeout=seconds,
        # The certificate is looked at by the name, though the connection goes to the address.
        server_hostname=destination.host,
        ssl_context=_trusting(),
    )


def _trusting() -> ssl.SSLContext:
    """What this machine trusts, and what the operator adds; names are checked."""
    context = ssl.create_default_context()
    if settings.WEBHOOK_CA_FILE:
        context.load_verify_locations(settings.WEBHOOK_CA_FILE)
    return context


@contextmanager
def _ended(connection: HTTPConnection, deadline: float) -> Iterator[threading.Event]:
    """Cut the connection at the deadline, whatever is being waited for: a byte now and then would renew any timeout."""
    cut = threading.Event()
    # Kept, since the connection forgets it as soon as an answer says that it closes; its body is read from it still.
    line = connection.sock

    def _cut() -> None:
        cut.set()
        if line is not None:
            with suppress(OSError):
                socket.socket.shutdown(line, socket.SHUT_RDWR)

    timer = threading.Timer(_left(deadline), _cut)
    timer.daemon = True
    timer.start()
    try:
        yield cut
    finally:
        timer.cancel()
        connection.close()


def _left(deadline: float) -> float:
    return max(_LEAST_SECONDS, deadline - time.monotonic())


def _in_words(problem: Exception) -> str:
    if isinstance(problem, ssl.SSLError):
        return NO_TRUST
    if isinstance(problem, NewConnectionError):  # which is a timeout to urllib3
        return NOT_REACHED
    if isinstance(problem, ConnectTimeoutError | TimeoutError):
        return TOO_SLOW
    # What http.client makes of a connection that was closed is both.
    return NO_HTTP if isinstance(problem, HTTPException) else NOT_REACHED


def _seconds(retry_after: str) -> int:
    return int(retry_after) if retry_after.isdecimal() and len(retry_after) < 7 else 0
