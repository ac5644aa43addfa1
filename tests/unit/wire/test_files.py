"""Files announced with address and digest: from declared hosts alone, compared before reading, unpacked in bounds."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import io
import tracemalloc
import zipfile
import zlib
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.foundation.crypto.sm import sm3
from gateway.foundation.wire import ChannelWire, Timeouts, WireSettings, WireTerms
from gateway.foundation.wire.files import FileDigest, FileRules, address, content, declared_host, origin
from gateway.foundation.wire.signing import MessageSigner, SignatureScheme
from gateway.ports.base import RawExchange
from gateway.words.clock import SystemClock
from gateway.words.errors import ContractError, NotSentError, OutcomeUnknownError, UnusableError

TEXT = "缴款码,金额\n99010226300000000036,5036.50\n".encode()
MOST = 1024 * 1024


def zipped(*files: tuple[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files:
            archive.writestr(name, text)
    return made.getvalue()


def sha(data: bytes, of: Any = "file") -> FileDigest:
    return FileDigest("sha256", hashlib.sha256(data).hexdigest(), of)


PACKED = {"plain": TEXT, "gzip": gzip.compress(TEXT, mtime=0), "zip": zipped(("每日/statement.csv", TEXT))}


@pytest.mark.parametrize("form", PACKED)
def test_a_file_is_unpacked_if_it_has_its_digest_packed_or_unpacked(form: Any) -> None:
    packed = PACKED[form]
    assert content(packed, form, MOST, sha(packed)) == TEXT
    assert content(packed, form, MOST, sha(TEXT, "content")) == TEXT
    for wrong in (sha(packed + b" "), sha(TEXT + b" ", "content")):
        with pytest.raises(UnusableError, match="announced was another"):
            content(packed, form, MOST, wrong)


def test_the_digest_is_compared_before_anything_is_unpacked() -> None:
    with pytest.raises(UnusableError, match="announced was another"):
        content(b"no gzip at all", "gzip", MOST, sha(b"x"))


@pytest.mark.parametrize("algorithm", ["sm3", "sha256", "sha1", "md5"])
def test_digests_are_written_in_digits_of_either_case_or_in_base64(algorithm: Any) -> None:
    made = sm3(TEXT) if algorithm == "sm3" else hashlib.new(algorithm, TEXT).digest()
    for value in (made.hex(), made.hex().upper(), f" {made.hex()}\n", base64.b64encode(made).decode()):
        FileDigest(algorithm, value).check(TEXT)
    for value in ("", made.hex()[:-1], base64.b64encode(made[:-1]).decode()):
        with pytest.raises(UnusableError):
            FileDigest(algorithm, value).check(TEXT)


def test_a_small_file_that_unpacks_to_too_much_is_let_go() -> None:
    bomb = b"0" * (MOST + 1)
    for form, packed in (("plain", bomb), ("gzip", gzip.compress(bomb)), ("zip", zipped(("a", bomb)))):
        with pytest.raises(UnusableError, match="more than 1048576 bytes"):
            content(packed, form, MOST, sha(packed))  # type: ignore[arg-type]
    edge = gzip.compress(bomb[:-1])
    assert len(content(edge, "gzip", MOST, sha(edge))) == MOST
    many = gzip.compress(bomb[: MOST // 2]) * 3
    with pytest.raises(UnusableError, match="more than"):
        content(many, "gzip", MOST, sha(many))


@pytest.mark.parametrize("form", ["gzip", "zip"])
def test_no_more_is_unpacked_than_the_bound(form: Any) -> None:
    """A file of 60 KB that would fill the memory takes none of it."""
    bomb = bytes(64 * MOST)
    packed = gzip.compress(bomb) if form == "gzip" else zipped(("a", bomb))
    digest = sha(packed)
    tracemalloc.start()
    try:
        with pytest.raises(UnusableError, match="more than"):
            content(packed, form, MOST, digest)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 * MOST


def test_several_members_of_a_gzip_are_one_file_and_zeros_behind_it_are_nothing() -> None:
    packed = gzip.compress(TEXT, mtime=0) + gzip.compress(b"tail") + bytes(512)
    assert content(packed, "gzip", MOST, sha(packed)) == TEXT + b"tail"
    empty = gzip.compress(b"")
    assert content(empty, "gzip", MOST, sha(empty)) == b""


def _altered() -> bytes:
    made = bytearray(zipped(("a", TEXT)))
    made[40] ^= 0xFF  # in the compressed bytes: the checksum of the archive no longer fits
    return bytes(made)


def _locked() -> bytes:
    made = bytearray(zipped(("a", TEXT)))
    made[6] |= 1
    made[made.index(b"PK\x01\x02") + 8] |= 1
    return bytes(made)


@pytest.mark.parametrize(
    ("form", "packed"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)[:-1]),
        ("gzip", gzip.compress(TEXT, mtime=0) + b"PK"),
        ("gzip", zlib.compress(TEXT)),
        ("zip", zipped(("a", TEXT), ("b", TEXT))),
        ("zip", zipped(("only-a-folder/", b""))),
        ("zip", zipped(("a", TEXT))[:-8]),
        ("zip", _altered()),
        ("zip", _locked()),
        ("zip", b""),
    ],
    ids=["cut", "more behind it", "no gzip", "two files", "a folder", "no end", "altered", "a password", "nothing"],
)
def test_what_does_not_unpack_is_no_file(form: Any, packed: bytes) -> None:
    with pytest.raises(UnusableError):
        content(packed, form, MOST, sha(packed))


@given(st.binary(max_size=300), st.sampled_from(["gzip", "zip"]))
def test_garbage_is_refused_and_never_an_error_of_ours(packed: bytes, form: Any) -> None:
    with contextlib.suppress(UnusableError):
        content(packed, form, MOST, sha(packed))


# --- where it is ------------------------------------------------------------------------------------------------------

HOSTS = frozenset({"https://files.anlan.example:443", "http://127.0.0.1:8080"})


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("https://pay.anlan.example/files/1.gz?sign=x", "https://pay.anlan.example/files/1.gz?sign=x"),
        ("/files/1.gz", "https://pay.anlan.example/files/1.gz"),
        ("https://FILES.anlan.example:443/1.gz#top", "https://files.anlan.example/1.gz"),
        ("http://127.0.0.1:8080/1.gz", "http://127.0.0.1:8080/1.gz"),
    ],
)
def test_a_file_may_be_at_the_channels_host_and_at_declared_ones(said: str, found: str) -> None:
    assert str(address("https://pay.anlan.example/api", said, HOSTS)) == found


@pytest.mark.parametrize(
    "said",
    [
        "http://pay.anlan.example/files/1.gz",
        "https://pay.anlan.example:8443/1.gz",
        "https://files.anlan.example.evil.example/1.gz",
        "https://evil.example/https://files.anlan.example/1.gz",
        "https://files.anlan.example@evil.example/1.gz",
        "https://user:pass@files.anlan.example/1.gz",
        "//evil.example/1.gz",
        "\\\\evil.example/1.gz/../..//evil.example",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:8081/1.gz",
        "file:///etc/passwd",
        "https://[::1/1.gz",
        "ftp://files.anlan.example/1.gz",
    ],
)
def test_any_other_host_is_refused_before_anything_is_sent(said: str) -> None:
    """What an answer says must not have us ask around in our own network (SSRF)."""
    try:
        target = address("https://pay.anlan.example/api", said, HOSTS)
    except ContractError:
        return
    assert origin(target) == "https://pay.anlan.example:443", target  # a path, however odd, at the channel's own host


def test_settings_name_hosts_and_nothing_more() -> None:
    settings = WireSettings.model_validate({"file_hosts": ["https://Files.anlan.example", "http://127.0.0.1:8080/"]})
    assert settings.files.hosts == HOSTS
    for wrong in ("files.anlan.example", "https://", "https://a/b", "https://u@a", "ftp://a", "https://a?b", 7):
        with pytest.raises(ValidationError):
            WireSettings.model_validate({"file_hosts": [wrong]})
    assert declared_host("https://a:8443") == "https://a:8443"


async def test_it_is_fetched_over_a_socket_from_a_second_host_without_our_credentials(peer: Any) -> None:
    kept: list[RawExchange] = []

    async def serve(line: Any) -> None:
        while True:
            request = await line.request()
            if b"/gone" in request:
                await line.answer(b"", status="404 Not Found")
            elif b"/moved" in request:
                await line.answer(b"", "Location: http://127.0.0.1:1/", status="302 Found")
            else:
                await line.answer(PACKED["gzip"])

    async with peer(serve) as own, peer(serve) as files, peer(serve) as stranger:
        wire = ChannelWire(
            "city",
            f"{own.url}/api",
            WireTerms(kept.append, timeouts=Timeouts(connect=2, read=2, total=4)),
            files=FileRules(frozenset({declared_host(files.url)}), MOST),
        )
        digest = sha(TEXT, "content")
        assert await wire.file("statement", f"{files.url}/a.gz?token=t0ken", digest, "gzip") == TEXT
        assert b"authorization" not in files.requests[0].lower()
        assert [one.action for one in kept] == ["statement"]
        signer = MessageSigner("UNIT", b"k" * 32, SystemClock(), scheme=SignatureScheme("{target}\n{nonce}\n{body}"))
        assert await wire.file("statement", "/b.gz", digest, "gzip", signer=signer) == TEXT
        assert b"x-signature" in own.requests[0].lower()
        with pytest.raises(ContractError, match="file_hosts"):
            await wire.file("statement", f"{stranger.url}/a.gz", digest, "gzip")
        assert stranger.connections == 0
        for path in ("gone", "moved"):
            with pytest.raises(OutcomeUnknownError, match="instead of the file"):
                await wire.file("statement", f"{files.url}/{path}", digest, "gzip")
        await wire.close()
        with pytest.raises(NotSentError):
            await wire.file("statement", "/b.gz", digest, "gzip")


def test_a_plain_channel_may_have_its_files_behind_tls() -> None:
    wire = ChannelWire("city", "http://127.0.0.1:9", WireTerms(lambda _: None), files=FileRules(HOSTS))
    assert isinstance(wire.http, httpx.AsyncClient)
