"""A receiver of webhooks: a real HTTP server on loopback that answers, fails, hangs or drips as it is told."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

type Answer = int | Callable[[BaseHTTPRequestHandler], None]


class Receiver:
    """Keeps what came. `answer` is a status, or what to do with the connection; for some of the events, `answers`."""

    def __init__(self, tls: Any = None) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answer: Answer = 204
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                if callable(receiver.answer):
                    receiver.answer(self)
                    return
                self.send_response(receiver.answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A connection that the sender cut is what some tests are about."""

        self.server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]

    @property
    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def hang(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(30)


def drip(handler: BaseHTTPRequestHandler) -> None:
    """A header that never ends: each byte comes well within any timeout."""
    _drip_after(handler, b"HTTP/1.1 200 OK\r\nX-Slow: ")


def drip_body(handler: BaseHTTPRequestHandler) -> None:
    """A body that hardly comes, of a connection that ends with it."""
    _drip_after(handler, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")


def _drip_after(handler: BaseHTTPRequestHandler, head: bytes) -> None:
    try:
        handler.wfile.write(head)
        for _ in range(300):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.1)
    except OSError:
        pass


def redirect(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "http://169.254.169.254/")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def babble(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"no HTTP at all\r\n\r\n")
    handler.close_connection = True


def flood(handler: BaseHTTPRequestHandler) -> None:
    """A body without an end."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"x" * 65536)
    except OSError:
        pass
