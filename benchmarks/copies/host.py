"""The provider's host, S3 and DynamoDB as far as copying goes, with latency, on one port.

    python -m benchmarks.copies.host PICTURE

prints its port. A GET below `/results/` brings the picture, a PUT is kept in memory until somebody
asks at `/kept` what has come, any other GET brings what was put there; a row is found where it was
put, and a query finds nothing. Ends when its standard input does.
"""

import hashlib
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.copies import LATENCY, TABLE_LATENCY

Item = dict[str, Any]


class Host(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def __init__(self, picture: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.picture = picture
        self.objects: dict[str, bytes] = {}
        self.rows: dict[str, Item] = {}

    def handed_over(self) -> dict[str, Any]:
        """What has come since the last time, but for what was put here to be read."""
        avatars = [body for path, body in self.objects.items() if "/answers/" not in path]
        rows = [row for name, row in self.rows.items() if "avatar#" in name]
        self.objects = {path: b for path, b in self.objects.items() if "/answers/" in path}
        self.rows = {name: row for name, row in self.rows.items() if "avatar#" not in name}
        return {
            "avatars": len(avatars),
            "bytes": sum(map(len, avatars)),
            "sha256": sorted({hashlib.sha256(body).hexdigest() for body in avatars}),
            "rows": [row["status"]["S"] for row in rows],
        }


class Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Host

    def do_GET(self) -> None:
        if self.path == "/kept":
            self._answer(json.dumps(self.server.handed_over()).encode())
            return
        time.sleep(LATENCY)
        if self.path.startswith("/results/"):
            self._answer(self.server.picture)
        else:
            self._answer(self.server.objects[self.path.partition("?")[0]])

    def do_PUT(self) -> None:
        self.server.objects[self.path.partition("?")[0]] = self._body()
        time.sleep(LATENCY)
        self._answer(b"")

    def do_POST(self) -> None:
        said = json.loads(self._body())
        time.sleep(TABLE_LATENCY)
        match self.headers["X-Amz-Target"].partition(".")[2]:
            case "PutItem":
                self.server.rows[_name(said["Item"])] = said["Item"]
                answer: Item = {}
            case "GetItem":
                row = self.server.rows.get(_name(said["Key"]))
                answer = {"Item": row} if row else {}
            case _:
                answer = {"Items": [], "Count": 0}
        self._answer(json.dumps(answer).encode())

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads along."""


def _name(item: Item) -> str:
    return f"{item['job_id']['S']} {item['record']['S']}"


def main() -> None:
    host = Host(Path(sys.argv[1]).read_bytes())
    threading.Thread(target=host.serve_forever, daemon=True).start()
    print(host.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
