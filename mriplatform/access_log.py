"""What the web process's log says of a request: nothing that its sender put into the address.

What follows `?` may be a search for a person, and what a gateway asks for holds UIDs of its own.
"""

from typing import Any, Final

from gunicorn.glogging import Logger  # type: ignore[import-untyped]  # it has no types

from mriplatform.logs import KEPT_TO_ITSELF, asks_as_gateway

# How gunicorn's own lines begin that end in what was sent.
_NO_HTTP: Final = "Invalid request from ip="
_FAILED: Final = "Error handling request"


class AccessLogger(Logger):  # type: ignore[misc]  # gunicorn is not typed
    """gunicorn's own, without queries, referrers, headers and what follows the gateways' door."""

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> dict[str, Any]:
        atoms = super().atoms(resp, req, environ, request_time)
        # As it was sent: an encoded line break stays encoded.
        sent = str(environ.get("RAW_URI", "")).partition("?")[0]
        address = KEPT_TO_ITSELF if asks_as_gateway(f"{environ.get('PATH_INFO', '')} {sent}") else sent
        plain = {name: value for name, value in atoms.items() if not name.startswith("{")}
        line = f"{environ.get('REQUEST_METHOD')} {address} {environ.get('SERVER_PROTOCOL')}"
        return plain | {"r": line, "U": address, "q": "", "f": "-"}

    def warning(self, msg: str, *args: Any, **more: Any) -> None:
        """Of a request that is no HTTP, where it came from: what it said instead may be an address with a name."""
        if msg.startswith(_NO_HTTP):
            msg = f"{msg.partition(': ')[0].replace('%', '%%')}: it is no HTTP"
        super().warning(msg, *args, **more)

    def exception(self, msg: str, *args: Any, **more: Any) -> None:
        if str(msg).startswith(_FAILED):
            msg, args = _FAILED, ()
        super().exception(msg, *args, **more)
