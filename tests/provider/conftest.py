"""A small server over real sockets that answers as each test tells it, misbehaving to the letter."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import fcntl
import ipaddress
import json
import socket
import ssl
import struct
import termios
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from longtake.provider import PollCadence, Provider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

KEY = "sk-test-0123456789abcdef"


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    connection: int


@dataclass
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    length: int = 0
    open: bool = True

    async def body(self) -> bytes:
        length, self.length = self.length, 0
        return await self.reader.readexactly(length)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, status: int, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers.items())]
        await self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    async def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        await self.head(status, {"content-length": str(len(body)), **named})
        await self.send(body)

    async def json(self, status: int, value: object, **headers: str) -> None:
        await self.answer(status, json.dumps(value).encode(), content_type="application/json", **headers)

    async def delivered(self) -> None:
        """Wait until all that was sent lies at the client's end."""
        raw: socket.socket = self.writer.get_extra_info("socket")
        while any(fcntl.ioctl(raw.fileno(), termios.TIOCOUTQ, bytes(4))):  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0)

    def close(self) -> None:
        self.open = False
        self.writer.close()

    def reset(self) -> None:
        """Close with RST instead of FIN, dropping what is still under way."""
        self.open = False
        raw: socket.socket = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


async def nothing(_: Request, connection: Connection) -> None:
    await connection.answer(500)


@dataclass
class Server:
    """`handle` is called once a request's headers are read; the body is its business."""

    handle: Callable[[Request, Connection], Awaitable[None]] = nothing
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.origin}/api/v1"

    @property
    def posts(self) -> int:
        return sum(request.method == "POST" for request in self.requests)

    async def __aenter__(self) -> Self:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            task = asyncio.get_running_loop().create_task(self._serve(Connection(reader, writer, self.connections)))
            self._tasks.add(task)

        self._server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, connection: Connection) -> None:
        try:
            while connection.open:
                head = (await connection.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.rstrip().split("\r\n")
                method, target, _ = first.split(" ", 2)
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                connection.length = int(headers.get("content-length", 0))
                request = Request(method, target, headers, connection.number)
                self.requests.append(request)
                self.arrived.set()
                await self.handle(request, connection)
                if connection.open:
                    await connection.body()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.gone.set()
            with contextlib.suppress(OSError):
                connection.writer.close()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as running:
        yield running


@pytest.fixture
async def cdn() -> AsyncIterator[Server]:
    async with Server() as running:
        yield running


@pytest.fixture
async def provider(server, connect) -> AsyncIterator[Provider]:
    async with connect(server.base_url) as opened:
        yield opened


@pytest.fixture
def connect() -> Callable[..., Provider]:
    """Make a client whose repeats cost milliseconds."""

    def make(base_url: str, **options: Any) -> Provider:
        quick = PollCadence(shortest=0.002, longest=0.004, longest_fault=0.01)
        return Provider(base_url=base_url, key=SecretStr(KEY), **{"cadence": quick, "post_timeout": 20.0, **options})

    return make


@pytest.fixture
async def pass_time() -> AsyncIterator[Callable[[float, Connection], Awaitable[None]]]:
    """Let seconds pass for every timer of this loop without waiting for them, once the client has read what was sent."""
    loop, ahead = asyncio.get_running_loop(), [0.0]
    real = loop.time

    async def go_on(seconds: float, connection: Connection) -> None:
        await connection.delivered()
        for _ in range(50):  # turns of the loop, which the client runs in as well
            await asyncio.sleep(0)
        ahead[0] += seconds

    loop.time = lambda: real() + ahead[0]  # type: ignore[method-assign]
    yield go_on
    del loop.time  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> Path:
    """A PEM file with a key and a certificate for 127.0.0.1 that nobody trusts yet."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "longtake test")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def server_tls(certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def make_server() -> type[Server]:
    return Server


@pytest.fixture
async def raw_server():
    """Make a listener that does one thing to each connection, before a byte is read; gives its port."""
    servers, writers = [], []

    async def start(greet: Callable[[asyncio.StreamWriter], object]) -> int:
        def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            greet(writer)

        servers.append(await asyncio.start_server(accept, "127.0.0.1", 0))
        return int(servers[-1].sockets[0].getsockname()[1])

    yield start
    for server in servers:
        server.close()
    for writer in writers:
        writer.transport.abort()


@pytest.fixture
def key() -> str:
    return KEY
