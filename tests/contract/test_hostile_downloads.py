"""Downloads from a host that means harm: it costs a moment, and nothing of it is kept."""

import gzip
import io
import ssl
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpcore
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from avatars.errors import DownloadFailedError, DownloadRefusedError
from avatars.outbound import OutboundTransport
from avatars.pictures import MAX_PIXELS, look_at
from avatars.provider.downloads import HttpDownloads
from tests.builders import a_picture
from tests.contract.loopback import Exchange, Loopback, loopback

PICTURE = a_picture()
SECONDS = 0.5
"""Instead of a minute."""

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nobody gets so far here, and reading all certificates takes a while."""

PUBLIC, METADATA = "8.8.8.8", "169.254.169.254"


@pytest.fixture
def host() -> Iterator[Loopback]:
    with loopback() as host:
        yield host


@pytest.fixture
def downloads(host: Loopback) -> HttpDownloads:
    return HttpDownloads([host.origin], OutboundTransport([host.origin], SECONDS, tls=TLS))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "avatar"


def raw(*parts: bytes, forever: bytes = b"", pause: float = 0) -> Callable[[Exchange], None]:
    """An answer byte by byte as it is given; *forever* is repeated until nobody listens."""

    def behave(exchange: Exchange) -> None:
        exchange.close_connection = True
        for part in parts:
            exchange.wfile.write(part)
            exchange.wfile.flush()
        while forever:
            exchange.wfile.write(forever)
            exchange.wfile.flush()
            time.sleep(pause)

    return behave


class TestAnswers:
    @pytest.mark.parametrize(
        "behave",
        [
            pytest.param(raw(forever=b"H", pause=0.01), id="a status line that drips"),
            pytest.param(
                raw(b"HTTP/1.1 200 OK\r\n", forever=b"X: y\r\n", pause=0.01),
                id="headers that drip",
            ),
            pytest.param(
                raw(b"HTTP/1.1 200 OK\r\n", forever=b"X-Pad: " + b"y" * 9000 + b"\r\n"),
                id="headers without end",
            ),
            pytest.param(
                raw(b"HTTP/1.1 200 OK\r\nX-Pad: ", forever=b"y" * 9000),
                id="one header without end",
            ),
            pytest.param(
                raw(forever=b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.001),
                id="nothing but patience",
            ),
            pytest.param(
                raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", forever=b"", pause=0.01),
                id="a body that never comes",
            ),
            pytest.param(
                raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", forever=b".", pause=0.01),
                id="a body that drips",
            ),
            pytest.param(
                raw(
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
                    forever=b"x" * 9000,
                ),
                id="a chunk's size without end",
            ),
            pytest.param(
                raw(
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
                    forever=b"X: y\r\n",
                    pause=0.001,
                ),
                id="trailers without end",
            ),
            pytest.param(
                raw(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc"), id="less than nothing"
            ),
            pytest.param(
                raw(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
                id="two lengths",
            ),
            pytest.param(
                raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1" + b"0" * 30 + b"\r\n\r\nabc"),
                id="longer than any file",
            ),
            pytest.param(
                raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc"),
                id="a chunk of less than nothing",
            ),
            pytest.param(raw(b"\x16\x03\x01\x02\x00" * 20), id="TLS where none is spoken"),
            pytest.param(raw(b"SSH-2.0-OpenSSH_9.9\r\n"), id="another protocol"),
        ],
    )
    def test_what_is_no_answer_is_cut_off(
        self,
        downloads: HttpDownloads,
        host: Loopback,
        file: Path,
        behave: Callable[[Exchange], None],
    ) -> None:
        began = time.monotonic()

        with pytest.raises(DownloadFailedError, match="cut off"):
            downloads.fetch(host.on("/1.jpg", behave), file)

        assert time.monotonic() - began < SECONDS + 2

    def test_a_body_that_is_longer_than_it_says_ends_where_it_says(
        self, downloads: HttpDownloads, host: Loopback, file: Path
    ) -> None:
        link = host.on("/1.jpg", lambda exchange: exchange.answer(200, PICTURE + b"<script>", 5))

        assert downloads.fetch(link, file) == 5
        with pytest.raises(DownloadFailedError, match="not a whole JPEG"):
            look_at(file)

    @pytest.mark.parametrize("layers", [1, 3])
    def test_a_body_that_would_become_a_gigabyte_stays_as_it_came(
        self, downloads: HttpDownloads, host: Loopback, file: Path, layers: int
    ) -> None:
        bomb = bytes(200_000_000)
        for _ in range(layers):
            bomb = gzip.compress(bomb, 1)
        encodings = ", ".join(["gzip"] * layers)
        link = host.on(
            "/1.jpg", lambda exchange: exchange.answer(200, bomb, Content_Encoding=encodings)
        )
        tracemalloc.start()

        size = downloads.fetch(link, file)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert (size, file.read_bytes()) == (len(bomb), bomb)
        assert most < 20_000_000
        with pytest.raises(DownloadFailedError, match="not a whole JPEG"):
            look_at(file)

    def test_no_compression_is_asked_for(
        self, downloads: HttpDownloads, host: Loopback, file: Path
    ) -> None:
        asked: list[str | None] = []

        def behave(exchange: Exchange) -> None:
            asked.append(exchange.headers["Accept-Encoding"])
            exchange.answer(200, PICTURE)

        downloads.fetch(host.on("/1.jpg", behave), file)

        assert asked == ["identity"]

    @pytest.mark.parametrize(
        "target",
        [
            "http://169.254.169.254/latest/meta-data/",
            "https://evil.test/",
            "//evil.test/",
            "file:///etc/passwd",
            "/2.jpg",
        ],
    )
    def test_wherever_a_redirect_leads_nobody_goes_there(
        self, downloads: HttpDownloads, host: Loopback, file: Path, target: str
    ) -> None:
        host.on("/2.jpg", lambda exchange: exchange.answer(200, PICTURE))
        link = host.on("/1.jpg", lambda exchange: exchange.answer(302, Location=target))

        with pytest.raises(DownloadRefusedError, match="redirects"):
            downloads.fetch(link, file)

        assert host.requests == ["GET /1.jpg"]


ASKED: list[str] = []


def noted(host: str, port: int) -> list[str]:
    """Whatever is looked up is noted, and leads inside."""
    ASKED.append(host)
    return ["127.0.0.1"]


NOTING = HttpDownloads(
    ["results.test", "*.results.test"], OutboundTransport([], SECONDS, noted, tls=TLS)
)


class TestAddresses:
    """The transport is that of webhooks, whose tests look at it from all sides."""

    def test_a_name_that_leads_elsewhere_the_second_time_is_not_asked_a_second_time(
        self, file: Path
    ) -> None:
        asked, connected = [], []

        def rebinding(host: str, port: int) -> list[str]:
            asked.append(host)
            return [PUBLIC if len(asked) == 1 else METADATA]

        class Network(httpcore.SyncBackend):
            def connect_tcp(self, host: str, *_: object) -> httpcore.NetworkStream:  # type: ignore[override]
                connected.append(host)
                raise httpcore.ConnectError("nobody is there")

        transport = OutboundTransport(["*.results.test"], SECONDS, rebinding, Network(), TLS)
        downloads = HttpDownloads(["*.results.test"], transport)
        link = "https://eu.results.test/1.jpg"

        with pytest.raises(DownloadFailedError, match="ConnectError"):
            downloads.fetch(link, file)
        with pytest.raises(DownloadRefusedError, match="not public"):
            downloads.fetch(link, file)

        assert connected == [PUBLIC]

    @pytest.mark.parametrize(
        "found",
        [
            METADATA,
            "127.0.0.1",
            "::1",
            "0.0.0.0",  # noqa: S104 - nobody listens
            "10.0.0.1",
            "::ffff:169.254.169.254",
            "fd00:ec2::254",
            "fe80::1",
        ],
    )
    def test_an_allowed_name_that_leads_inside_is_refused(self, file: Path, found: str) -> None:
        transport = OutboundTransport([], SECONDS, lambda *_: [PUBLIC, found], tls=TLS)

        with pytest.raises(DownloadRefusedError, match="not public"):
            HttpDownloads(["results.test"], transport).fetch("https://results.test/1.jpg", file)

    @pytest.mark.parametrize(
        "link",
        [
            "https://2130706433/1.jpg",
            "https://0x7f.0.0.1/1.jpg",
            "https://0177.0.0.1/1.jpg",
            "https://127.1/1.jpg",
            "https://[::ffff:127.0.0.1]/1.jpg",
            "https://results.test%2eevil.test/1.jpg",
            "https://results.test%00.evil.test/1.jpg",
            "https://evil.test%2f.results.test/1.jpg",
            "https://evil.test%23.results.test/1.jpg",
            "https://evil.test\uff03.results.test/1.jpg",
            "https://evil.test\uff1f.results.test/1.jpg",
            "https://evil.test\u2044.results.test:443/1.jpg",
            "https://results\u3002test.evil.test/1.jpg",
            "https://r\u0435sults.test/1.jpg",
            "https://results.test.:443/1.jpg",
            "https://.results.test/1.jpg",
        ],
    )
    def test_a_host_in_disguise_is_not_asked(self, file: Path, link: str) -> None:
        def nobody(host: str, port: int) -> list[str]:
            raise AssertionError(f"{host} was looked up")

        transport = OutboundTransport([], SECONDS, nobody, tls=TLS)

        with pytest.raises(DownloadRefusedError):
            HttpDownloads(["results.test", "*.results.test"], transport).fetch(link, file)

    @settings(deadline=None, derandomize=True)
    @given(
        st.lists(
            st.sampled_from(
                ["results.test", "evil.test", ".", "@", ":", "443", "/", "\\", "#", "?", "%2e", "[",
                 "]", "\uff0e", "\u3002", "\t", " ", "xn--", "\u00df", "\u0130"]
            ),
            max_size=6,
        ).map("".join)
    )  # fmt: skip
    def test_whatever_is_asked_for_is_an_allowed_host(self, authority: str) -> None:
        ASKED.clear()

        with pytest.raises(DownloadRefusedError):
            NOTING.fetch(f"https://{authority}/1.jpg", Path("/dev/null"))

        assert all(host == "results.test" or host.endswith(".results.test") for host in ASKED)


def a_png(width: int, height: int, pixels: bytes = b"", *more: tuple[bytes, bytes]) -> bytes:
    """A PNG that says to be so large, with these pixels and further chunks before them."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), *more, (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def a_picture_as(form: str) -> bytes:
    content = io.BytesIO()
    with Image.open(io.BytesIO(PICTURE)) as picture:
        picture.save(content, form)
    return content.getvalue()


class TestContent:
    """Whatever a server says it is, and whatever it begins like."""

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(b"<!doctype html><script>alert(1)</script>", id="HTML"),
            pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", id="SVG"),
            pytest.param(b"MZ" + bytes(200), id="a program"),
            pytest.param(b"PK\x03\x04" + bytes(200), id="ZIP"),
            pytest.param(b"\xff\xd8\xff\xe0<script>alert(1)</script>", id="JPEG's first bytes"),
            pytest.param(b"\x89PNG\r\n\x1a\n<script>alert(1)</script>", id="PNG's first bytes"),
            pytest.param(b"RIFF\x00\x00\x00\x00WEBP<script>", id="WebP's first bytes"),
            pytest.param(b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)", id="GIF and JavaScript"),
            pytest.param(b"<!--" + PICTURE, id="HTML around a JPEG"),
            pytest.param(PICTURE[: len(PICTURE) // 2] + b"<script>", id="HTML in a JPEG"),
            pytest.param(PICTURE[:-60], id="a JPEG without its end"),
            pytest.param(a_png(300, 300), id="a PNG without pixels"),
            pytest.param(a_png(300, 300, bytes(90_000)), id="a PNG with too few pixels"),
            *(
                pytest.param(a_picture_as(form), id=form)
                for form in ("GIF", "TIFF", "BMP", "ICO", "PPM", "TGA", "EPS", "PDF")
            ),
        ],
    )
    def test_what_does_not_decode_to_its_last_pixel_is_no_picture(
        self, file: Path, content: bytes
    ) -> None:
        file.write_bytes(content)

        with pytest.raises(DownloadFailedError, match="not a whole JPEG, PNG or WebP"):
            look_at(file)

    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
    def test_what_is_a_picture_is_called_what_it_is(self, file: Path, form: str) -> None:
        file.write_bytes(a_picture_as(form) + b"<script>alert(1)</script>")

        picture = look_at(file)

        # So a browser is told, and takes the rest for nothing.
        assert picture.content_type == f"image/{form.lower()}"

    @pytest.mark.parametrize(
        "side", [4473, 9500, 13_400, 60_000, 2**31 - 1], ids=lambda side: f"{side} pixels square"
    )
    def test_a_picture_that_says_to_be_huge_is_not_decoded(self, file: Path, side: int) -> None:
        file.write_bytes(a_png(side, side))
        tracemalloc.start()

        with pytest.raises(DownloadFailedError, match=f"more than {MAX_PIXELS} pixels"):
            look_at(file)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert most < 5_000_000

    def test_a_text_in_a_picture_that_would_become_huge_is_not_read(self, file: Path) -> None:
        text = b"Comment\0\0" + zlib.compress(bytes(100_000_000), 9)
        file.write_bytes(a_png(1, 1, bytes(4), (b"zTXt", text)))

        with pytest.raises(DownloadFailedError, match="not a whole JPEG"):
            look_at(file)
