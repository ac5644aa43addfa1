"""The shipped configurations of proxies, run for real in front of a gateway: TLS, addresses, bodies, faces."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.foundation.access.audit import AuditFilter
from gateway.settings import load
from simulators.testing import Simulation

from .conftest import installed

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"
FACES = {"pay": 8082, "callbacks": 8083, "gateway": 8080, "console": 8081}
PASSWORD = "long enough a password"
ELSEWHERE = "127.0.0.9"
FORGED = {"X-Forwarded-For": "203.0.113.7"}
PROGRAMS = {one: shutil.which(one, path=f"{os.environ['PATH']}:/usr/sbin") for one in ("nginx", "haproxy")}


def certificate(folder: Path) -> Path:
    """A certificate for every name of the example, and its key: ``all.crt``, ``all.key``, ``all.pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anlan.example")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(f"{one}.anlan.example") for one in FACES])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    ).public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for ending, content in {"crt": made, "key": secret, "pem": made + secret}.items():
        (folder / f"all.{ending}").write_bytes(content)
    return folder / "all.crt"


def nginx(folder: Path, gateway: int, ports: dict[str, int], plain: int) -> list[str]:
    """Our configuration with ports of this test in place of its own; and an external system that has no trust store."""
    shutil.copy(PACKAGING / "nginx" / "gateway-proxy.conf", folder)
    words = (PACKAGING / "nginx" / "gateway.conf").read_text(encoding="utf-8")
    for name, port in ports.items():
        words = re.sub(rf"listen 443 ssl;(\s+server_name {name}\.)", rf"listen 127.0.0.1:{port} ssl;\1", words)
    assert "listen 443" not in words
    words = re.sub(r"/etc/nginx/tls/\w+\.", f"{folder}/all.", words).replace("/etc/nginx/", f"{folder}/")
    words = re.sub(r"127\.0\.0\.1:808\d", f"127.0.0.1:{gateway}", words)
    line = f"""server {{ listen 127.0.0.1:{plain}; location / {{
        proxy_pass https://127.0.0.1:{ports["callbacks"]}; proxy_set_header Host callbacks.anlan.example; }} }}"""
    places = " ".join(
        f"{one}_temp_path {folder}/{one};" for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/errors; events {{}}\n"
        f"http {{ access_log off; {places}\n{words}\n{line} }}",
        encoding="utf-8",
    )
    return ["-p", str(folder), "-e", f"{folder}/errors", "-c", f"{folder}/nginx.conf"]


def haproxy(folder: Path, gateway: int, ports: dict[str, int], plain: int) -> list[str]:
    """The same."""
    words = (PACKAGING / "haproxy" / "haproxy.cfg").read_text(encoding="utf-8")
    for name, port in ports.items():
        words = re.sub(rf"bind \S+:443 (ssl crt \S+/{name}\.pem)", rf"bind 127.0.0.1:{port} \1", words)
    assert ":443 " not in words
    words = re.sub(r"/etc/haproxy/tls/\w+\.", f"{folder}/all.", words)
    words = re.sub(r"127\.0\.0\.1:808\d", f"127.0.0.1:{gateway}", words)
    line = f"listen line\n    bind 127.0.0.1:{plain}\n    server tls 127.0.0.1:{ports['callbacks']} ssl verify none\n"
    (folder / "haproxy.cfg").write_text(words + line, encoding="utf-8")
    return ["-db", "-f", str(folder / "haproxy.cfg")]


class Proxied:
    """A gateway behind a proxy: each face by its name, over TLS, from another address than the proxy's own."""

    def __init__(self, trusted: ssl.SSLContext, ports: dict[str, int]) -> None:
        self._trusted, self._ports = trusted, ports

    def face(self, name: str, **header: str) -> httpx.AsyncClient:
        """Who asks this face."""
        host = f"{name}.anlan.example"

        async def by_name(request: httpx.Request) -> None:
            request.extensions["sni_hostname"] = host

        return httpx.AsyncClient(
            base_url=f"https://127.0.0.1:{self._ports[name]}",
            headers={"Host": host, **header},
            transport=httpx.AsyncHTTPTransport(verify=self._trusted, local_address=ELSEWHERE),
            event_hooks={"request": [by_name]},
            timeout=30,
        )


def started(kind: str, folder: Path, gateway: int) -> tuple[subprocess.Popen[bytes], Proxied, str]:
    """The proxy's process, the way through it, and the address of the line of external systems."""
    folder.mkdir()
    trusted = ssl.create_default_context(cafile=str(certificate(folder)))
    with ExitStack() as kept:
        socks = [kept.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(len(FACES) + 1)]
        plain, *given = [one.getsockname()[1] for one in socks]
    ports = dict(zip(FACES, given, strict=True))
    command = {"nginx": nginx, "haproxy": haproxy}[kind](folder, gateway, ports, plain)
    with (folder / "said").open("w") as said:
        process = subprocess.Popen([PROGRAMS[kind] or "", *command], stdout=said, stderr=said)
    return process, Proxied(trusted, ports), f"http://127.0.0.1:{plain}"


@asynccontextmanager
async def proxied(kind: str, folder: Path, gateway: int) -> AsyncIterator[tuple[Proxied, str]]:
    """The proxy at work."""
    process, way, line = await asyncio.to_thread(started, kind, folder, gateway)
    try:
        async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as http:
            while True:
                assert process.poll() is None, (folder / "said").read_text()
                with suppress(httpx.TransportError):
                    await http.get(line)
                    break
                await asyncio.sleep(0.05)
        yield way, line
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 30)


@pytest.mark.parametrize("kind", ["nginx", "haproxy"])
async def test_every_face_is_reached_through_the_proxy_as_it_is_shipped(
    kind: str, tmp_path: Path, simulators: Simulation, sqlite_url: str
) -> None:
    if PROGRAMS[kind] is None:
        pytest.skip(f"{kind} is not installed here (Debian: apt-get install {kind})")
    with installed(tmp_path, simulators, sqlite_url) as site:
        file = site.settings_file
        words = file.read_text(encoding="utf-8").replace("[server]\n", '[server]\nproxies = ["127.0.0.1"]\n')
        file.write_text(words, encoding="utf-8")
        site.settings = load(file)
        async with (
            site.running(),
            proxied(kind, tmp_path / "proxy", urlsplit(site.url).port or 0) as (proxy, line),
        ):
            await site.app.base.access.create_operator("gao", "高", "supervisor", PASSWORD)
            simulators.callbacks_to("nontax", f"{line}/callbacks/nontax")
            payment = await site.issued()
            await site.pay(payment["code"])
            assert await simulators.flush_callbacks("nontax") == []
            assert (await site.reaches(payment, "PAID"))["status"] == "PAID"

            async with proxy.face("gateway", Authorization=f"Bearer {site.key}") as api:
                assert (await api.get(f"/v1/payments/{payment['id']}")).json()["status"] == "PAID"
                large = {"document": base64.b64encode(bytes(4 << 20)).decode()}
                answer = await api.post("/v1/verifications", json=large, headers={"Idempotency-Key": "large"})
                assert answer.status_code not in (404, 413, 502), answer.text
            async with proxy.face("gateway", Authorization="Bearer nobody", **FORGED) as nobody:
                assert (await nobody.get("/v1/payments")).status_code == 401
            tried = await site.app.base.audit.find(AuditFilter(action="sign"))
            assert ELSEWHERE in {one.reason for one in tried}, "who asked is told, and not who they say that they are"

            async with proxy.face("pay") as party:
                page = await party.get(urlsplit(payment["payer_page"]).path)
                assert page.status_code == 200
                for found in re.findall(r'(?:href|src)="(/[^"]+)"', page.text):
                    assert (await party.get(unescape(found))).status_code == 200, found
                for other in ("/v1/payments", "/console", "/callbacks/nontax", "/metrics", "/healthz"):
                    assert (await party.get(other)).status_code == 404, other
            async with proxy.face("callbacks") as told:
                assert (await told.get("/v1/payments")).status_code == 404
            async with proxy.face("console", Origin="https://console.anlan.example") as person:
                sent = await person.post("/console/sign-in", data={"login": "gao", "password": PASSWORD})
                assert sent.status_code == 303, sent.text
                assert "__Secure-console" in person.cookies
                page = await person.get("/console/me")
                assert (page.status_code, "高" in page.text) == (200, True), page.headers
                assert (await person.get("/v1/payments")).status_code == 404
