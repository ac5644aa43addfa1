"""Where keys live. ``KeyProvider`` is the door; ``FileKeys`` keeps them as files for development and small sites.

An HSM (PKCS#11 or GM/T 0018 SDF) comes behind the same Protocol: nothing here asks for a key-encryption key's bytes.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from gateway.foundation.crypto.sm import NONCE_BYTES, sm4_gcm_open, sm4_gcm_seal
from gateway.foundation.crypto.sm2 import Sm2Provider, default_provider, public_of
from gateway.words.errors import SettingsError
from gateway.words.saying import say

INDEX_KEY: Final = "blind-index"
EVIDENCE_KEY: Final = "evidence-mac"
HEAD_KEY: Final = "evidence-head"

_KID: Final = re.compile(r"kek-\d{4}")


class KeyProvider(Protocol):
    """Wraps data keys, hands out MAC keys and signs. Names are those of this module, or a room's own."""

    def wrap(self, data_key: bytes) -> tuple[str, bytes]:
        """Encrypt a data key under the current key-encryption key: (its id, the wrapped key)."""
        ...

    def unwrap(self, kid: str, wrapped: bytes) -> bytes:
        """The data key again, also under an older key. Raises ValueError for an unknown id or altered bytes."""
        ...

    def current(self) -> str:
        """Id of the key-encryption key that ``wrap`` uses now."""
        ...

    def secret(self, name: str) -> bytes:
        """A 32-byte secret for MACs and derivation."""
        ...

    def sign(self, name: str, message: bytes) -> bytes:
        """SM2 signature (DER) by the key pair ``name``."""
        ...

    def public(self, name: str) -> bytes:
        """The public key (65 bytes) of the key pair ``name``."""
        ...


class FileKeys:
    """Keys as hexadecimal files in one directory, each for its owner only.

    ``create=True`` makes what is missing on first use; production opens with ``create=False``, so that a directory
    that was not mounted stops the start instead of being filled with new keys. Several processes may start at once:
    the first file wins. Raises SettingsError (key ``keys.directory``) for a missing, readable-by-others or
    damaged file, naming it and the cure.
    """

    def __init__(self, directory: Path, *, create: bool = True, provider: Sm2Provider | None = None) -> None:
        self._directory = Path(directory)
        self._create = create
        self._sm2 = provider
        self._kept: dict[str, bytes] = {}
        if create:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not self._directory.is_dir():
            raise SettingsError("keys.directory", say("keys.no_directory", path=self._directory))
        for path in sorted(self._directory.glob("*.key")):
            self._read(path)
        kids = sorted(name for name in self._kept if _KID.fullmatch(name))
        self._newest = kids[-1] if kids else _kid(1)
        self._key(self._newest, 16)

    def wrap(self, data_key: bytes) -> tuple[str, bytes]:
        """Encrypt a data key under the newest key-encryption key."""
        kid, nonce = self.current(), secrets.token_bytes(NONCE_BYTES)
        return kid, nonce + sm4_gcm_seal(self._key(kid, 16), nonce, data_key, kid.encode())

    def unwrap(self, kid: str, wrapped: bytes) -> bytes:
        """The data key again. Raises ValueError for an unknown id or altered bytes."""
        if not _KID.fullmatch(kid) or not self._path(kid).exists():
            raise ValueError(f"key-encryption key {kid!r} is not in {self._directory}")
        return sm4_gcm_open(self._key(kid, 16), wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], kid.encode())

    def current(self) -> str:
        """Id of the newest key-encryption key."""
        return self._newest

    def rotate(self) -> str:
        """Make a new key-encryption key and use it from now on; older ones still open. Returns its id.

        Other running processes can open with the new key at once, and seal with it after their next start.
        """
        kid = _kid(int(self.current().removeprefix("kek-")) + 1)
        self._write(self._path(kid), secrets.token_bytes(16))
        self._newest = kid
        return kid

    def secret(self, name: str) -> bytes:
        """A 32-byte secret, made on first use."""
        return self._key(name, 32)

    def sign(self, name: str, message: bytes) -> bytes:
        """SM2 signature (DER) by the key pair ``name``, made on first use."""
        return self._provider().sign(self._pair(name), message)

    def public(self, name: str) -> bytes:
        """The public key (65 bytes) of the key pair ``name``."""
        return public_of(self._pair(name))

    def _provider(self) -> Sm2Provider:
        if self._sm2 is None:
            self._sm2 = default_provider()
        return self._sm2

    def _pair(self, name: str) -> bytes:
        if name not in self._kept and self._create and not self._path(name).exists():
            self._write(self._path(name), self._provider().generate()[0])
        return self._key(name, 32)

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.key"

    def _key(self, name: str, length: int) -> bytes:
        key = self._kept.get(name)
        if key is None:
            path = self._path(name)
            if not path.exists():
                if not self._create:
                    raise SettingsError("keys.directory", say("keys.missing", path=path))
                self._write(path, secrets.token_bytes(length))
            key = self._read(path)
        if len(key) != length:
            raise SettingsError(
                "keys.directory", say("keys.length", path=self._path(name), bytes=len(key), length=length)
            )
        return key

    def _read(self, path: Path) -> bytes:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise SettingsError("keys.directory", say("keys.readable", path=path, mode=mode))
        try:
            key = bytes.fromhex(path.read_text("ascii").strip())
        except (UnicodeDecodeError, ValueError):
            raise SettingsError("keys.directory", say("keys.no_hex", path=path)) from None
        self._kept[path.stem] = key
        return key

    def _write(self, path: Path, key: bytes) -> None:
        """Make a key file whole or not at all; if another process was first, its key is the one."""
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(key.hex() + "\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            draft.unlink()
        self._read(path)


def _kid(number: int) -> str:
    return f"kek-{number:04d}"
