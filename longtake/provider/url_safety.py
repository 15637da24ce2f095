"""Which hosts a URL may lead to."""

from __future__ import annotations

import ipaddress
import socket
import urllib.request

import httpx

from longtake.errors import ProviderUnavailableError, UrlRefusedError
from longtake.provider.answers import clean

LONGEST_URL = 4096
"""Characters. Longer URLs are refused."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_loopback(host: str) -> bool:
    """Say whether a URL's host is this machine by its very name: localhost, 127/8 or ::1. Nothing is resolved."""
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost":
        return True
    try:
        return _inner(ipaddress.ip_address(host)).is_loopback
    except ValueError:
        return False


def shown(url: str) -> str:
    """Return a URL fit for a message: no query, no fragment, no user, at most 200 characters."""
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return "an unreadable URL"
    port = f":{parts.port}" if parts.port else ""
    host = f"[{_host(parts)}]" if ":" in _host(parts) else _host(parts)
    return clean(f"{parts.scheme}://{host}{port}{parts.path}", limit=200)


def check_form(url: str) -> httpx.URL:
    """Check a URL without asking the network and return it parsed.

    Raises:
        UrlRefusedError: not http(s), no host, a user or a password in it, too long, or not plain printable ASCII.
    """
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise UrlRefusedError(f"the URL {shown(url)} is too long or holds characters no URL may hold")
    try:
        parts = httpx.URL(url)
        _ = parts.host  # httpx reads it when it connects, and raises what is not an error of its own
    except (httpx.InvalidURL, ValueError):
        raise UrlRefusedError(f"{shown(url)} cannot be parsed as a URL") from None
    if parts.scheme not in ("http", "https"):
        raise UrlRefusedError(f"the URL {shown(url)} is not http or https")
    if not parts.host:
        raise UrlRefusedError(f"the URL {shown(url)} names no host")
    if parts.userinfo:
        raise UrlRefusedError(f"the URL {shown(url)} holds a user or a password")
    return parts


def check_address(address: str, *, url: str, allow_loopback: bool) -> None:
    """Refuse an IP address that is not public; loopback passes when allowed.

    Raises:
        UrlRefusedError: private, link-local, multicast, reserved, unspecified, or loopback when not allowed.
    """
    try:
        ip = _inner(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        raise UrlRefusedError(
            f"the URL {shown(url)} resolves to {clean(address, limit=80)}, which is not an address"
        ) from None
    if ip.is_loopback and allow_loopback:
        return
    if not ip.is_global or ip.is_multicast or ip.is_reserved:
        raise UrlRefusedError(f"the URL {shown(url)} resolves to {ip}, which is not a public address")


def check_url(url: str, *, allow_loopback: bool) -> None:
    """Refuse a URL that must not be fetched or sent: its form is checked, then every address its host has.

    This resolves the host and so may block; a coroutine calls it in a thread. The address of the connection that
    is made later is to be checked too, since a name may resolve otherwise the next time.

    Raises:
        UrlRefusedError: it must not be used.
        ProviderUnavailableError: its host cannot be resolved now.
    """
    parts = check_form(url)
    if proxy_for(parts) is not None:
        # The proxy resolves names and decides what can be reached; a literal address is still ours to refuse.
        if _is_literal(_host(parts)):
            check_address(_host(parts), url=url, allow_loopback=allow_loopback)
        return
    try:
        found = socket.getaddrinfo(_host(parts), parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ProviderUnavailableError(f"the host of {shown(url)} cannot be resolved", retry_after=None) from None
    for entry in found:
        check_address(str(entry[4][0]), url=url, allow_loopback=allow_loopback)


def proxy_for(url: httpx.URL) -> str | None:
    """Return the proxy the environment names for a URL, None for a direct connection; loopback is always direct."""
    if is_loopback(_host(url)) or urllib.request.proxy_bypass(_host(url)):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _host(url: httpx.URL) -> str:
    """Return the host as it is connected to. `url.host` is decoded, and `xn--fa-hia.de` would be looked up as `fass.de`."""
    return url.raw_host.decode("ascii")


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _inner(ip: _Address) -> _Address:
    """Return the IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip.sixtofour is not None:
            return ip.sixtofour
        if ip in _NAT64:
            return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip
