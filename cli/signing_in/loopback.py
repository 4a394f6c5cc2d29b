"""Where the browser comes back to after a sign-in: a port of this machine, for one answer."""

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from cli.saying import RefusedError

PORT = 8764
"""Issuers that compare addresses to the letter, as Cognito does, know this one."""

HOST = "127.0.0.1"

DONE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Avatars</title>
<p>That is all: go back to the terminal. This page can be closed.</p>
"""


class Loopback:
    """Listens for the length of its block."""

    def __init__(self, port: int = PORT) -> None:
        try:
            self._server = _Server((HOST, port), _Handler)
        except OSError as error:
            raise RefusedError(
                f"Port {port} of this machine is taken: give another one with --port, if the "
                "issuer knows it, or use --paste."
            ) from error

    def __enter__(self) -> Self:
        # In threads: browsers also open connections on which they say nothing.
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def redirect(self) -> str:
        """The address for the issuer. Cognito takes http for this name only."""
        return f"http://localhost:{self._server.server_port}/"

    def answer(self, seconds: float) -> str:
        """The address that the browser was led to. Raises RefusedError after so many *seconds*."""
        try:
            return self.redirect.rstrip("/") + self._server.answers.get(timeout=seconds)
        except queue.Empty:
            raise RefusedError(
                "Nobody has signed in: try again, with --paste if the browser runs on another "
                "machine."
            ) from None


class _Server(ThreadingHTTPServer):
    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.answers: queue.SimpleQueue[str] = queue.SimpleQueue()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        if "state=" not in self.path:
            self.send_error(404)  # the browser also asks for an icon
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(DONE.encode())
        self.server.answers.put(self.path)

    def log_message(self, *_: object) -> None:
        """Say nothing: the path holds the code."""
