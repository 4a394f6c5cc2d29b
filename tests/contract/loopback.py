"""A web server on this machine that answers as a test says, and notes what it was asked."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Behaviour = Callable[["Exchange"], None]


class Exchange(BaseHTTPRequestHandler):
    """One connection; a behaviour writes to it what it likes."""

    protocol_version = "HTTP/1.1"
    server: "Server"
    body = b""
    """What came with the request."""

    def do_GET(self) -> None:
        self._behave()

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self._behave()

    def answer(
        self, status: int, body: bytes = b"", length: int | None = None, **headers: str
    ) -> None:
        """A whole answer, under another *length* than its own if that is given; no second one
        comes over the same connection unless the headers say so."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in {"Connection": "close", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self) -> None:
        """Nothing more comes."""
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """The console is the tests' own."""

    def _behave(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        self.server.behaviours[self.path.partition("?")[0]](self)


class Server(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.behaviours: dict[str, Behaviour] = {}
        self.requests: list[str] = []
        self.connections = 0

    def process_request(self, request: object, client_address: object) -> None:
        self.connections += 1
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def handle_error(self, *_: object) -> None:
        """A caller that has heard enough hangs up."""


@dataclass
class Loopback:
    """What a test sees of the server."""

    server: Server = field(repr=False)

    @property
    def port(self) -> int:
        return self.server.server_port

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[str]:
        return self.server.requests

    @property
    def connections(self) -> int:
        return self.server.connections

    def on(self, path: str, behaviour: Behaviour) -> str:
        """Behave so when *path* is asked for; returns its link."""
        self.server.behaviours[path] = behaviour
        return f"{self.origin}{path}"


@contextmanager
def loopback(tls: ssl.SSLContext | None = None) -> Iterator[Loopback]:
    """A server for the length of the block, which speaks TLS where it is told how."""
    server = Server()
    if tls:
        # Shaken by the thread of a connection, not by the one that waits for others.
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="loopback")
    thread.start()
    try:
        yield Loopback(server)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
