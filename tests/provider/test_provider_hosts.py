"""Which URLs may be fetched or sent."""

from __future__ import annotations

import socket

import pytest

from longtake.errors import ProviderUnavailableError, UrlRefusedError
from longtake.provider import check_url, url_safety


def resolve_to(monkeypatch, *addresses):
    def found(*_, **__):
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443))
            for one in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", found)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "no url",
        "file:///etc/passwd",
        "ftp://93.184.216.34/a",
        "gopher://93.184.216.34/a",
        "data:image/png;base64,AAAA",
        "//93.184.216.34/a",
        "https:///a",
        "https://user@93.184.216.34/a",
        "https://user:hunter2@93.184.216.34/a",
        "https://93.184.216.34/a b",
        "https://93.184.216.34/a\r\nHost: b",
        "https://93.184.216.34\\@127.0.0.1/",
        "https://exämple.com/",
        "https://①②⑦.⓪.⓪.①/",
        "https://127。0。0。1/",
        "https://xn--/",
        "https://xn--a.example/",
        "https://[::1",
        "https://93.184.216.34/" + "a" * 5000,
    ],
)
def test_a_form_that_is_refused(url):
    for allow in (True, False):
        with pytest.raises(UrlRefusedError) as caught:
            check_url(url, allow_loopback=allow)
        assert "hunter2" not in str(caught.value)
        assert len(caught.value.message) < 400


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "172.16.5.5",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address to refuse
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "[fe80::1]",
        "[fd00::1]",
        "[ff02::1]",
        "[::]",
        "[::ffff:10.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a00:1]",
        "[2002:a00:1::]",
    ],
)
def test_an_address_that_is_never_allowed(host):
    for allow in (True, False):
        with pytest.raises(UrlRefusedError, match="not a public address"):
            check_url(f"https://{host}/a?sig=secret", allow_loopback=allow)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1.2.3", "[::1]", "[::ffff:127.0.0.1]", "localhost", "2130706433", "0x7f.1"]
)
def test_loopback_only_where_it_is_allowed(host):
    check_url(f"http://{host}:8000/a", allow_loopback=True)
    with pytest.raises(UrlRefusedError) as caught:
        check_url(f"http://{host}:8000/a?sig=secret", allow_loopback=False)
    assert "secret" not in str(caught.value)


def test_public_addresses_pass(monkeypatch):
    check_url("https://93.184.216.34/a", allow_loopback=False)
    check_url("https://[2606:2800:220:1:248:1893:25c8:1946]/a", allow_loopback=False)
    resolve_to(monkeypatch, "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946")
    check_url("https://cdn.example/a?b=c", allow_loopback=False)


def test_one_private_address_among_public_ones_is_enough(monkeypatch):
    resolve_to(monkeypatch, "93.184.216.34", "10.1.1.1")
    with pytest.raises(UrlRefusedError, match=r"10\.1\.1\.1"):
        check_url("https://cdn.example/a", allow_loopback=True)


def test_the_name_that_is_looked_up_is_the_one_that_is_connected_to(monkeypatch):
    """`xn--fa-hia.de` decodes to a name that an older rule for the same letters writes as `fass.de`: another owner's."""
    asked = []

    def found(host, *_, **__):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    for host in ("xn--fa-hia.de", "xn--exmple-cua.com"):
        check_url(f"https://{host}/a", allow_loopback=False)
        assert url_safety.shown(f"https://{host}/a?sig=secret") == f"https://{host}/a"
    assert asked == ["xn--fa-hia.de", "xn--exmple-cua.com"]


def test_a_name_that_does_not_resolve_now_may_later(monkeypatch):
    def fails(*_, **__):
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(ProviderUnavailableError):
        check_url("https://cdn.example/a", allow_loopback=False)


def test_a_proxy_resolves_names_and_literal_addresses_stay_refused(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("resolved here"))
    check_url("https://cdn.example/a", allow_loopback=False)
    with pytest.raises(UrlRefusedError):
        check_url("https://10.0.0.1/a", allow_loopback=False)


def test_what_is_shown_of_a_url():
    assert url_safety.shown("https://user:pw@h.example:8443/a/b?sig=c#d") == "https://h.example:8443/a/b"
    assert url_safety.shown("http://[::1]:80/") == "http://[::1]/"
    assert url_safety.shown("http://a\x00b") == "an unreadable URL"
    assert len(url_safety.shown("https://h.example/" + "a" * 3000)) == 200
