"""Which addresses are connected to, by their letters and by what they resolve to."""

import pytest

from avatars.addresses import MAX_URL_LENGTH, check_url, is_public, public_addresses
from avatars.errors import AddressRefusedError

HERE = "http://127.0.0.1:8092"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/hooks/5ec2e7?of=avatars#here",
        "HTTPS://Example.COM:443/hooks",
        "https://bücher.example/hooks",
        f"{HERE}/hooks",
        "HTTP://127.0.0.1:8092/hooks",
    ],
)
def test_https_on_its_port_may_be_called_and_so_may_an_origin_that_is_allowed(url: str) -> None:
    check_url(url, [HERE.upper()])


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", r"begin with https://"),
        ("example.com/hooks", r"begin with https://"),
        ("http://example.com", r"begin with https://"),
        ("ftp://example.com", r"begin with https://"),
        ("http://127.0.0.1:8093/hooks", r"begin with https://"),
        ("http://127.0.0.1:80920/hooks", "malformed"),
        ("https://127.0.0.1:8092/hooks", "port 8092"),
        ("https://example.com:8443/hooks", "port 8443"),
        ("https://example.com:port/hooks", "malformed"),
        ("https://[example.com/hooks", "malformed"),
        ("https:///hooks", "no host"),
        ("https:hooks", "no host"),
        ("https://someone:secret@example.com", "credentials"),
        ("https://@example.com", "credentials"),
        ("http://127.0.0.1:8092@example.com/hooks", "credentials"),
        (r"https://example.com\@inside.test", "backslashes"),
        ("https://example.com/a b", "blanks"),
        ("https://example.com/\r\nX-Evil: 1", "control characters"),
        ("https://example.com/" + "a" * MAX_URL_LENGTH, "2048 are the most"),
    ],
)
def test_anything_else_is_refused_with_the_reason_and_without_the_address(
    url: str, why: str
) -> None:
    with pytest.raises(AddressRefusedError, match=why) as refusal:
        check_url(url, [HERE])

    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "address",
    ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "2a00:1450:4001::200e"],
)
def test_the_internets_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("127.8.9.10", id="more loopback"),
        pytest.param("0.0.0.0", id="this host"),  # noqa: S104 - nobody listens
        pytest.param("10.1.2.3", id="private, 10"),
        pytest.param("172.31.255.255", id="private, 172.16"),
        pytest.param("192.168.0.1", id="private, 192.168"),
        pytest.param("169.254.169.254", id="link-local, of the metadata"),
        pytest.param("100.64.0.1", id="shared by carriers"),
        pytest.param("100.127.255.254", id="the last that carriers share"),
        pytest.param("192.0.2.1", id="documentation"),
        pytest.param("198.18.0.1", id="benchmarks"),
        pytest.param("224.0.1.1", id="multicast"),
        pytest.param("240.0.0.1", id="reserved"),
        pytest.param("255.255.255.255", id="broadcast"),
        pytest.param("::", id="this host, IPv6"),
        pytest.param("::1", id="loopback, IPv6"),
        pytest.param("fe80::1%eth0", id="link-local, IPv6"),
        pytest.param("fec0::1", id="site-local"),
        pytest.param("fd00:ec2::254", id="unique local, of the metadata"),
        pytest.param("ff0e::1", id="multicast, IPv6"),
        pytest.param("2001:db8::1", id="documentation, IPv6"),
        pytest.param("::ffff:169.254.169.254", id="mapped"),
        pytest.param("::ffff:8.8.8.8", id="mapped, though public"),
        pytest.param("::10.0.0.1", id="compatible"),
        pytest.param("64:ff9b::a9fe:a9fe", id="NAT64"),
        pytest.param("2002:a9fe:a9fe::1", id="6to4"),
        pytest.param("2001:0:4136:e378:8000:63bf:5601:5601", id="Teredo"),
    ],
)
def test_no_other_address_is(address: str) -> None:
    assert not is_public(address)


def test_a_host_with_one_address_that_is_not_public_is_refused_with_all_of_them() -> None:
    with pytest.raises(AddressRefusedError, match=r"mixed\.test leads to an address that is not"):
        public_addresses("mixed.test", 443, lambda *_: ["8.8.8.8", "10.0.0.1"])


def test_the_addresses_of_a_public_host_are_what_it_resolved_to() -> None:
    found = public_addresses("public.test", 443, lambda *_: ["8.8.8.8", "8.8.4.4"])

    assert found == ["8.8.8.8", "8.8.4.4"]


def test_what_no_name_server_can_be_asked_for_is_no_host() -> None:
    def encode(host: str, port: int) -> list[str]:
        host.encode("idna")
        raise AssertionError("it can be asked for")

    with pytest.raises(AddressRefusedError, match="no name of a host"):
        public_addresses("a" * 64 + ".test", 443, encode)
