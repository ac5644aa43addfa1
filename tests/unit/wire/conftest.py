"""Peers over real sockets that misbehave as told, and the certificates for those that speak TLS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Line:
    """One accepted connection, as a peer sees it."""

    def __init__(self, peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peer = peer
        self.reader = reader
        self.writer = writer

    async def request(self) -> bytes:
        """The next whole request; counted."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        message = head + await self.reader.readexactly(length)
        self.peer.requests.append(message)
        self.peer.arrived.set()
        return message

    async def say(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, body: bytes = b"ok", head: str = "", status: str = "200 OK") -> None:
        """Send a proper answer; ``head`` is further header lines."""
        lines = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n" + "".join(f"{h}\r\n" for h in head.splitlines())
        await self.say(lines.encode() + b"\r\n" + body)

    def reset(self) -> None:
        """RST."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Peer:
    """A server on a free port of 127.0.0.1 (or ``host``) whose every connection is treated by ``behaviour``."""

    def __init__(
        self,
        behaviour: Callable[[Line], Awaitable[None]],
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._behaviour = behaviour
        self._tls = tls
        self._place = (host, port)
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.requests: list[bytes] = []
        self.arrived = asyncio.Event()
        self.hung_up = asyncio.Event()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        line = Line(self, reader, writer)

        async def treat() -> None:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
                await self._behaviour(line)
            writer.close()

        task = asyncio.create_task(treat())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, *self._place, ssl=self._tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://{self._place[0]}:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
def peer() -> type[Peer]:
    """``async with peer(behaviour) as p``."""
    return Peer


@dataclass(frozen=True)
class Paper:
    """A certificate and its key as PEM files."""

    cert: Path
    key: Path


@dataclass(frozen=True)
class Papers:
    """A small public-key infrastructure, and a stranger's."""

    ca: Paper
    server: Paper
    client: Paper
    stranger: Paper

    def server_context(self, *, client_needed: bool = False, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        """What a server with our CA's certificate uses."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server.cert, self.server.key)
        if client_needed:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.ca.cert)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """Certificates of two authorities: ours and a stranger's."""
    folder = tmp_path_factory.mktemp("papers")
    now = datetime.now(UTC)

    def issue(name: str, issuer: tuple[Any, Any] | None, *, authority: bool) -> tuple[Paper, tuple[Any, Any]]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer_name, signer_key = issuer or (subject, key)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(signer_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if not authority:
            names = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("platform.test")]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        paper = Paper(folder / f"{name}.pem", folder / f"{name}.key")
        paper.cert.write_bytes(builder.sign(signer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        paper.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return paper, (subject, key)

    ca, authority = issue("authority", None, authority=True)
    stranger, _ = issue("stranger", None, authority=True)
    return Papers(
        ca, issue("server", authority, authority=False)[0], issue("client", authority, authority=False)[0], stranger
    )
