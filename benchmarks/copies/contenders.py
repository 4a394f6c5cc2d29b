"""Everybody who copies avatars, for `benchmarks.copying`: links in, how long it took out.

    python -m benchmarks.copies.contenders NAME HOST

reads one line of JSON for each turn from standard input, and answers with one. Everybody imports
what they need where they need it: memory is their own.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpx

BUCKET = "avatar-bucket"
STREAM_BYTES = 64 * 1024

Copy = Callable[[str, str], None]
"""From a link to a key."""


def main(name: str, host: str) -> None:
    work = CONTENDERS[name](host)
    for line in sys.stdin:
        turn = json.loads(line)
        began, cpu = time.perf_counter(), time.process_time()
        work(turn)
        took = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
        print(json.dumps({**took, "megabytes": peak_megabytes()}), flush=True)


def peak_megabytes() -> float:
    """Of this program: what `getrusage` tells begins with that of the one that started it."""
    status = Path("/proc/self/status").read_text()
    [kilobytes] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(kilobytes) / 1024


Turn = Mapping[str, Any]
"""`links` of the avatars; `job_id` and `batch` for whom they are rows and a stored answer."""


def aws(host: str) -> Callable[..., Any]:
    """Clients of AWS that are answered by the host."""
    import boto3
    from botocore.config import Config

    session: Any = boto3.Session(region_name="us-east-1")

    def client(service: str, config: Any) -> Any:
        # As over TLS, where boto3 leaves the hash of a body out of its signature.
        options: Any = {**(config.s3 or {}), "payload_signing_enabled": False}
        as_over_tls = Config(s3=options)
        return session.client(service, endpoint_url=host, config=config.merge(as_over_tls))

    return client


def ours(host: str) -> Callable[[Turn], None]:
    """`keep_avatars`, with everything that it does, in the environment of its function."""
    from avatars.pipeline.keeping import keep_avatars
    from avatars.settings import Settings
    from avatars.wiring import AwsServices

    services = AwsServices(Settings.from_environment(os.environ), aws(host))

    def work(turn: Turn) -> None:
        keep_avatars(services, turn["job_id"], 1, turn["batch"])

    return work


def one_after_another(host: str) -> Callable[[Turn], None]:
    return _each(whole(host), 1)


def whole_in_threads(host: str) -> Callable[[Turn], None]:
    return _each(whole(host), 16)


def whole(host: str) -> Copy:
    """Read with httpx, put with boto3: what one writes first."""
    import httpx

    client, s3 = httpx.Client(timeout=60, trust_env=False), aws(host)("s3", config=_pool(16))

    def copy(link: str, key: str) -> None:
        picture = client.get(link).raise_for_status().content
        s3.put_object(Bucket=BUCKET, Key=key, Body=picture)

    return copy


def uploaded_streams(host: str) -> Callable[[Turn], None]:
    """What boto3's documentation has for streams."""
    import httpx

    s3 = aws(host)("s3", config=_pool(160))

    def copy(link: str, key: str) -> None:
        with httpx.Client(timeout=60, trust_env=False) as client, client.stream("GET", link) as got:
            s3.upload_fileobj(_Readable(got), BUCKET, key)

    return _each(copy, 16)


def plain_streams(host: str) -> Callable[[Turn], None]:
    """The standard library's client, a block at a time from one connection into the other: neither
    signed, nor checked, nor marked, nor recorded. Nobody can be faster in Python."""
    address = urlsplit(host).netloc
    mine = threading.local()

    def connections() -> tuple[http.client.HTTPConnection, http.client.HTTPConnection]:
        if not hasattr(mine, "both"):
            mine.both = (http.client.HTTPConnection(address), http.client.HTTPConnection(address))
        both: tuple[http.client.HTTPConnection, http.client.HTTPConnection] = mine.both
        return both

    def copy(link: str, key: str) -> None:
        source, target = connections()
        source.request("GET", urlsplit(link).path)
        reply = source.getresponse()
        headers = {"Content-Length": reply.headers["Content-Length"]}
        target.request(
            "PUT", f"/{BUCKET}/{key}", iter(partial(reply.read, STREAM_BYTES), b""), headers
        )
        target.getresponse().read()

    return _each(copy, 32)


class _Readable:
    """A stream of httpx as a file, as `upload_fileobj` wants it."""

    def __init__(self, reply: httpx.Response) -> None:
        self._blocks = reply.iter_bytes()
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._rest) < size:
            block = next(self._blocks, b"")
            if not block:
                break
            self._rest += block
        size = len(self._rest) if size < 0 else size
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


def _pool(connections: int) -> Any:
    from botocore.config import Config

    return Config(max_pool_connections=connections, s3={"addressing_style": "path"})


def _each(copy: Copy, threads: int) -> Callable[[Turn], None]:
    pool = ThreadPoolExecutor(threads)

    def work(turn: Turn) -> None:
        names = [f"avatars/{number:03}.jpg" for number in range(len(turn["links"]))]
        for _ in pool.map(copy, turn["links"], names):
            pass

    return work


CONTENDERS: Mapping[str, Callable[[str], Callable[[Turn], None]]] = {
    "ours": ours,
    "one after another": one_after_another,
    "whole, 16 threads": whole_in_threads,
    "upload_fileobj, 16 threads": uploaded_streams,
    "plain streams, 32 threads": plain_streams,
}


if __name__ == "__main__":
    main(*sys.argv[1:])
