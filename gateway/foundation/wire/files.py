"""Files that a platform announces with address and digest and keeps elsewhere, packed: statements in two steps.

The digest is compared before anything of the file is read, and unpacking stops at a bound: a small file can unpack to
anything. Where the file is on another host, that host is one that the channel's settings name.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass
from typing import Literal

import httpx

from gateway.foundation.crypto.sm import sm3
from gateway.words.errors import ContractError, UnusableError

Form = Literal["plain", "gzip", "zip"]
DigestAlgorithm = Literal["sm3", "sha256", "sha1", "md5"]


@dataclass(frozen=True)
class FileDigest:
    """What the platform says the digest is, in hexadecimal digits of either case or in base64.

    ``of``: the file as it is fetched, or its content once unpacked (pay.weixin's global statements: SHA-1 of that).
    SHA-1 and MD5 hold off accidents, not whoever can choose both files; use them where a contract knows no other.
    """

    algorithm: DigestAlgorithm
    value: str
    of: Literal["file", "content"] = "file"

    def check(self, data: bytes) -> None:
        """UnusableError unless these bytes have the digest."""
        made = sm3(data) if self.algorithm == "sm3" else _hashed(self.algorithm, data)
        said = self.value.strip()
        if said.lower() != made.hex() and said != base64.b64encode(made).decode():
            raise UnusableError(f"the {self.of} has the {self.algorithm} {made.hex()}, announced was another")


def _hashed(algorithm: str, data: bytes) -> bytes:
    return hashlib.new(algorithm, data, usedforsecurity=False).digest()


@dataclass(frozen=True)
class FileRules:
    """Where a channel's files may be beside its own host (origins), and the most bytes of one once it is unpacked."""

    hosts: frozenset[str] = frozenset()
    most: int = 256 * 1024 * 1024


def address(base_url: str, url: str, hosts: frozenset[str]) -> httpx.URL:
    """Where a file is: at the channel's own host, to which a path alone refers, or at one of ``hosts``.

    Raises ContractError for any other host, and for an address with credentials: it came from outside.
    """
    own = httpx.URL(base_url)
    try:
        target = own.join(url)
    except httpx.InvalidURL as error:
        raise ContractError(f"the file's address is none: {error}") from None
    if target.scheme not in ("http", "https") or target.userinfo:
        raise ContractError("the file's address is not one of http or https without credentials")
    if origin(target) not in hosts | {origin(own)}:
        raise ContractError(
            f"the file is said to be at {origin(target)}, which is neither the channel's host nor one of its file_hosts"
        )
    return target.copy_with(fragment=None)


def declared_host(text: str) -> str:
    """The origin that a setting names, such as ``https://files.example:8443``. ValueError for anything more or less."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise ValueError("not a host such as https://files.example:8443")
    if url.path not in ("", "/"):
        raise ValueError("a host is named without a path")
    return origin(url)


def origin(url: httpx.URL) -> str:
    """Scheme, host and port of an address, the port always told."""
    port = url.port or {"http": 80, "https": 443}.get(url.scheme, 0)
    return f"{url.scheme}://{url.host.lower()}:{port}"


def content(packed: bytes, form: Form, most: int, digest: FileDigest) -> bytes:
    """What is in a file. UnusableError for another digest, what does not unpack, and more than ``most`` bytes."""
    if digest.of == "file":
        digest.check(packed)
    if form == "plain":
        text = _bounded(packed, most)
    elif form == "gzip":
        text = _gunzipped(packed, most)
    else:
        text = _unzipped(packed, most)
    if digest.of == "content":
        digest.check(text)
    return text


def _bounded(data: bytes | bytearray, most: int) -> bytes:
    if len(data) > most:
        raise UnusableError(f"the file unpacks to more than {most} bytes")
    return bytes(data)


def _gunzipped(packed: bytes, most: int) -> bytes:
    """Every member of a gzip file (RFC 1952), up to the zeros that some writers put behind it."""
    made = bytearray()
    while packed:
        member = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            made += member.decompress(packed, most + 1 - len(made))
        except zlib.error as error:
            raise UnusableError(f"the file is no gzip: {error}") from None
        if len(made) <= most and not member.eof:
            raise UnusableError("the gzip file is cut")
        if len(made) > most:
            break
        packed = member.unused_data.lstrip(b"\0")
    return _bounded(made, most)


def _unzipped(packed: bytes, most: int) -> bytes:
    """The one file of a ZIP archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            files = [one for one in archive.infolist() if not one.is_dir()]
            if len(files) != 1:
                raise UnusableError(f"the archive holds {len(files)} files where one was announced")
            with archive.open(files[0]) as member:
                return _bounded(member.read(most + 1), most)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, RuntimeError) as error:
        raise UnusableError(f"the file is no ZIP archive: {error}") from None
