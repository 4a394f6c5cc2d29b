"""Which addresses outside are connected to: public ones, over TLS, and what a parameter allows."""

import ipaddress
import socket
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from avatars.errors import AddressRefusedError

MAX_URL_LENGTH = 2048

Resolve = Callable[[str, int], list[str]]
"""Host and port to IP addresses, in the order in which they are tried. Raises OSError."""

_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""All IPv6 addresses that are given out to anybody; the mapped ones and those for NAT64, which lead
on to an IPv4 address, are outside."""

_TUNNELS = [ipaddress.ip_network(network) for network in ("2001::/32", "2002::/16")]
"""Teredo and 6to4, which are inside, and lead on, too."""


def check_url(url: str, origins: Collection[str] = ()) -> None:
    """Raises AddressRefusedError unless *url* is `https`, on port 443 and without credentials, or
    of exactly one of the *origins* (`http://127.0.0.1:8092`). Nothing is resolved."""
    if len(url) > MAX_URL_LENGTH:
        raise AddressRefusedError(f"It has {len(url)} characters; {MAX_URL_LENGTH} are the most.")
    if not url.isprintable() or any(character in url for character in " \\"):
        raise AddressRefusedError("It has blanks, backslashes or control characters.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise AddressRefusedError("It is malformed.") from error
    if "@" in parts.netloc:
        raise AddressRefusedError("It holds credentials: leave them out.")
    if origin_of(url) in map(str.lower, origins):
        return
    if parts.scheme != "https":
        raise AddressRefusedError("It must begin with https://.")
    if not host:
        raise AddressRefusedError("It names no host.")
    if port not in (None, 443):
        raise AddressRefusedError(f"It names port {port}: only 443 is connected to.")


def origin_of(url: str) -> str:
    """Scheme and authority as they are compared, `https://example.com`. Raises ValueError."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def public_addresses(host: str, port: int, resolve: Resolve | None = None) -> list[str]:
    """What a host resolves to. Raises AddressRefusedError where any of it is not public, OSError
    where it does not resolve."""
    try:
        found = (resolve or resolved)(host, port)
    except UnicodeError as error:
        raise AddressRefusedError(f"{host[:100]} is no name of a host.") from error
    if not all(map(is_public, found)):
        raise AddressRefusedError(f"{host[:100]} leads to an address that is not public.")
    return found


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet's: not private, loopback, link-local,
    multicast, reserved or shared (CGNAT), and none that leads on to an IPv4 address."""
    ip = ipaddress.ip_address(address)
    if ip.version == 6 and (ip not in _GLOBAL_UNICAST or any(ip in tunnel for tunnel in _TUNNELS)):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved)


def resolved(host: str, port: int) -> list[str]:
    """The system's answer."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
