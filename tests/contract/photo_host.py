"""A public web server of photos, and photos to put there."""

import io
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image


class PhotoServer(ThreadingHTTPServer):
    # The usual 5 drop connections that then wait a second for their next attempt.
    request_queue_size = 64


class PhotoHost:
    """A public web server: whatever is put under a path can be fetched there."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        files = self.files

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = files.get(self.path.partition("?")[0])
                self.send_response(HTTPStatus.OK if content else HTTPStatus.FORBIDDEN)
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_: object) -> None:
                pass

        self._server = PhotoServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def links(self, count: int = 5, query: str = "") -> list[str]:
        return [f"{self.link(path)}{query}" for path in sorted(self.files)[:count]]

    def link(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def picture(shade: int, form: str = "JPEG", size: tuple[int, int] = (320, 320)) -> bytes:
    gradient = Image.linear_gradient("L").resize(size)
    image = Image.merge("RGB", (gradient, gradient.rotate(90), Image.new("L", size, shade)))
    content = io.BytesIO()
    image.save(content, form)
    return content.getvalue()
