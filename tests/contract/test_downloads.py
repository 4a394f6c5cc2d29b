"""Downloads from a real server: whole pictures from allowed hosts, and nothing else."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from avatars.errors import DownloadFailedError, DownloadRefusedError
from avatars.outbound import OutboundTransport
from avatars.pipeline.keeping import COPIES_AT_ONCE
from avatars.ports import Downloads
from avatars.provider.downloads import MAX_BYTES, HttpDownloads
from tests.builders import a_picture
from tests.contract.loopback import Exchange, Loopback, loopback
from tests.fakes import FakeDownloads

PICTURE = a_picture()


@pytest.fixture
def host() -> Iterator[Loopback]:
    with loopback() as host:
        yield host


@pytest.fixture
def downloads(host: Loopback) -> HttpDownloads:
    return HttpDownloads([host.origin])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "avatar"


class TestBoth:
    """What the fake promises, too."""

    @pytest.fixture(params=["fake", "HTTP"])
    def both(self, request: pytest.FixtureRequest, host: Loopback) -> Downloads:
        if request.param == "HTTP":
            host.on("/1.jpg", lambda exchange: exchange.answer(200, PICTURE))
            host.on("/2.jpg", lambda exchange: exchange.answer(404))
            return HttpDownloads([host.origin])
        fake = FakeDownloads()
        fake.pictures[f"{host.origin}/1.jpg"] = PICTURE
        return fake

    def test_a_picture_comes_byte_for_byte(
        self, both: Downloads, host: Loopback, file: Path
    ) -> None:
        size = both.fetch(f"{host.origin}/1.jpg", file)

        assert file.read_bytes() == PICTURE
        assert size == len(PICTURE)

    def test_a_dead_link_is_worth_another_try(
        self, both: Downloads, host: Loopback, file: Path
    ) -> None:
        with pytest.raises(DownloadFailedError, match="404"):
            both.fetch(f"{host.origin}/2.jpg", file)

    def test_a_link_that_leads_astray_is_refused(self, both: Downloads, file: Path) -> None:
        with pytest.raises(DownloadRefusedError, match=r"evil\.test"):
            both.fetch("https://evil.test/1.jpg?signature=5ec2e7", file)


class TestTrouble:
    @pytest.mark.parametrize("status", [400, 403, 404, 410, 429, 500, 503, 204, 206])
    def test_anything_but_a_200_is_no_picture(
        self, downloads: HttpDownloads, host: Loopback, file: Path, status: int
    ) -> None:
        link = host.on("/1.jpg", lambda exchange: exchange.answer(status))

        with pytest.raises(DownloadFailedError, match=str(status)):
            downloads.fetch(link, file)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed(
        self, downloads: HttpDownloads, host: Loopback, file: Path, status: int
    ) -> None:
        target = host.on("/2.jpg", lambda exchange: exchange.answer(200, PICTURE))
        link = host.on("/1.jpg", lambda exchange: exchange.answer(status, Location=target))

        with pytest.raises(DownloadRefusedError, match="redirect"):
            downloads.fetch(link, file)

        assert host.requests == ["GET /1.jpg"]

    def test_a_body_that_was_cut_is_no_picture(
        self, downloads: HttpDownloads, host: Loopback, file: Path
    ) -> None:
        def cut(exchange: Exchange) -> None:
            exchange.answer(200, PICTURE[:1000], length=len(PICTURE))
            exchange.hang_up()

        with pytest.raises(DownloadFailedError, match="cut off"):
            downloads.fetch(host.on("/1.jpg", cut), file)

    def test_a_connection_that_is_closed_without_a_word_is_worth_another_try(
        self, downloads: HttpDownloads, host: Loopback, file: Path
    ) -> None:
        with pytest.raises(DownloadFailedError, match="cut off"):
            downloads.fetch(host.on("/1.jpg", Exchange.hang_up), file)

    def test_a_host_that_is_away_is_worth_another_try(self, file: Path) -> None:
        with loopback() as gone:
            origin = gone.origin

        with pytest.raises(DownloadFailedError, match="ConnectError"):
            HttpDownloads([origin]).fetch(f"{origin}/1.jpg", file)

    def test_a_picture_of_25_mb_is_the_largest(
        self, downloads: HttpDownloads, host: Loopback, file: Path
    ) -> None:
        largest = host.on("/1.jpg", lambda exchange: exchange.answer(200, bytes(MAX_BYTES)))
        larger = host.on("/2.jpg", lambda exchange: exchange.answer(200, bytes(MAX_BYTES + 1)))

        assert downloads.fetch(largest, file) == MAX_BYTES
        with pytest.raises(DownloadFailedError, match=f"larger than {MAX_BYTES}"):
            downloads.fetch(larger, file)

    def test_as_many_pictures_as_are_copied_at_once_come_at_once(
        self, downloads: HttpDownloads, host: Loopback, tmp_path: Path
    ) -> None:
        together = Barrier(COPIES_AT_ONCE)

        def behave(exchange: Exchange) -> None:
            together.wait(10)
            exchange.answer(200, PICTURE)

        links = [host.on(f"/{number}.jpg", behave) for number in range(COPIES_AT_ONCE)]
        files = [tmp_path / str(number) for number in range(COPIES_AT_ONCE)]

        with ThreadPoolExecutor(COPIES_AT_ONCE) as pool:
            sizes = list(pool.map(downloads.fetch, links, files))

        assert sizes == [len(PICTURE)] * COPIES_AT_ONCE

    def test_a_body_without_end_is_cut_off(
        self, downloads: HttpDownloads, host: Loopback, file: Path
    ) -> None:
        def endless(exchange: Exchange) -> None:
            exchange.send_response(200)
            exchange.send_header("Connection", "close")
            exchange.end_headers()
            while True:
                exchange.wfile.write(bytes(1_000_000))

        with pytest.raises(DownloadFailedError, match="larger than"):
            downloads.fetch(host.on("/1.jpg", endless), file)

        assert file.stat().st_size < MAX_BYTES + 1_000_000

    def test_a_body_that_drips_is_cut_off_after_a_minute(
        self,
        downloads: HttpDownloads,
        host: Loopback,
        file: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        began = time.monotonic()
        passed = [0.0]
        monkeypatch.setattr(time, "monotonic", lambda: began + passed[0])

        def drip(exchange: Exchange) -> None:
            exchange.send_response(200)
            exchange.send_header("Connection", "close")
            exchange.end_headers()
            while True:
                exchange.wfile.write(b".")
                passed[0] += 1

        with pytest.raises(DownloadFailedError, match="more than 60 s"):
            downloads.fetch(host.on("/1.jpg", drip), file)

    def test_no_trouble_tells_the_link(
        self, downloads: HttpDownloads, host: Loopback, file: Path
    ) -> None:
        link = host.on("/1.jpg", lambda exchange: exchange.answer(403))

        for astray in (f"{link}?signature=5ec2e7", "https://evil.test/?signature=5ec2e7"):
            with pytest.raises((DownloadFailedError, DownloadRefusedError)) as trouble:
                downloads.fetch(astray, file)

            assert "5ec2e7" not in str(trouble.value)


class TestAllowedHosts:
    ORIGINS = ("results.test", "*.cdn.test", "http://localhost:8092")

    @pytest.mark.parametrize(
        "link",
        [
            "https://evil.test/1.jpg",
            "https://results.test.evil.test/1.jpg",
            "https://evil-results.test/1.jpg",
            "https://cdn.test/1.jpg",
            "https://evilcdn.test/1.jpg",
            "https://sub.results.test/1.jpg",
            "https://results.test@evil.test/1.jpg",
            "https://results.test:443@evil.test/1.jpg",
            "https://someone@results.test/1.jpg",
            "https://someone:secret@results.test/1.jpg",
            "https://@results.test/1.jpg",
            r"https://evil.test\@results.test/1.jpg",
            r"https://results.test\.evil.test/1.jpg",
            "https://evil.test#@results.test/1.jpg",
            "https://evil.test?@results.test/1.jpg",
            "https://results.test:8443/1.jpg",
            "https://results.test:99999/1.jpg",
            "https://results.test:port/1.jpg",
            "https://results.test./1.jpg",
            "http://results.test/1.jpg",
            "http://localhost:8093/1.jpg",
            "http://localhost/1.jpg",
            "https://localhost:8092/1.jpg",
            "http://someone@localhost:8092/1.jpg",
            "http://localhost:8092@evil.test/1.jpg",
            "http://169.254.169.254/latest/meta-data/",
            "https://169.254.169.254/",
            "https://[::1]/1.jpg",
            "https://[results.test/1.jpg",
            "file:///etc/passwd",
            "ftp://results.test/1.jpg",
            "//results.test/1.jpg",
            "results.test/1.jpg",
            "",
            "https://results.test/\x00.jpg",
            pytest.param("https://results.test/" + "a" * 70_000, id="longer than any link"),
            "https://results.test\uff0fevil.test/1.jpg",
        ],
    )
    def test_any_other_host_is_refused_before_a_byte_is_sent(self, link: str, file: Path) -> None:
        with pytest.raises(DownloadRefusedError):
            HttpDownloads(self.ORIGINS).fetch(link, file)

    @pytest.mark.parametrize(
        ("allowed", "link"),
        [
            ("http://localhost:9", "http://localhost:9/1.jpg"),
            ("HTTP://localhost:9", "http://LOCALHOST:9/1.jpg"),
        ],
    )
    def test_an_allowed_origin_is_asked_however_it_is_written(
        self, allowed: str, link: str, file: Path
    ) -> None:
        # Nobody listens there: that it was asked shows in the kind of trouble.
        with pytest.raises(DownloadFailedError, match="ConnectError"):
            HttpDownloads([allowed]).fetch(link, file)

    @pytest.mark.parametrize(
        ("allowed", "link"),
        [
            ("results.test", "https://results.test/1.jpg"),
            ("RESULTS.test", "HTTPS://Results.TEST:443/1.jpg"),
            ("*.results.test", "https://a.b.results.test/1.jpg"),
        ],
    )
    def test_an_allowed_host_is_looked_up_however_it_is_written_and_must_be_public(
        self, allowed: str, link: str, file: Path
    ) -> None:
        asked: list[tuple[str, int]] = []

        def resolve(host: str, port: int) -> list[str]:
            asked.append((host, port))
            return ["169.254.169.254"]

        downloads = HttpDownloads([allowed], OutboundTransport([allowed], 5, resolve))

        with pytest.raises(DownloadRefusedError, match="not public"):
            downloads.fetch(link, file)

        assert [(host.removeprefix("a.b."), port) for host, port in asked] == [
            ("results.test", 443)
        ]
