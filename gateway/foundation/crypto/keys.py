"""Where keys live, and which of them is used. ``KeyRing`` is the door; ``FileKeys`` keeps them as files.

A key has a **name** (what it is for) and a **number**, from 1. Of each name one number is current: it seals, signs and
makes MACs. Older ones open and verify. Which is current is told by the database (``gateway.foundation.rotation``), so
that all nodes change together; a ring that nobody tells anything uses the lowest number that it holds.

A hardware module comes behind the same ring (``gateway.foundation.crypto.tokens``): nothing outside of a ring asks for
the bytes of a key-encryption key or of a signing key.
"""

from __future__ import annotations

import os
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from gateway.foundation.crypto.signatures import verifies
from gateway.foundation.crypto.sm import NONCE_BYTES, sm4_gcm_open, sm4_gcm_seal
from gateway.foundation.crypto.sm2 import Sm2Provider, default_provider, public_of
from gateway.words.errors import SettingsError
from gateway.words.private import require_private
from gateway.words.saying import say

WRAPPING_KEY: Final = "kek"
INDEX_KEY: Final = "blind-index"
EVIDENCE_KEY: Final = "evidence-mac"
HEAD_KEY: Final = "evidence-head"
SECRETS: Final = (INDEX_KEY, EVIDENCE_KEY)
"""Names of secrets; what is neither one of them nor the wrapping key is a key pair that signs."""

MAC_BYTES: Final = 32
RETIRED: Final = "retired"
_KEY: Final = re.compile(r"([a-z]+(?:-[a-z]+)*?)(?:-(\d{4}))?")
_LARGEST: Final = 9999


class KeyProvider(Protocol):
    """What the rest of the gateway sees of a ring."""

    def wrap(self, data_key: bytes) -> tuple[str, bytes]:
        """Encrypt a data key under the current key-encryption key: (its id, the wrapped key)."""
        ...

    def unwrap(self, kid: str, wrapped: bytes) -> bytes:
        """The data key again, also under an older key. Raises ValueError for an unknown id or altered bytes."""
        ...

    def current(self) -> str:
        """Id of the key-encryption key that ``wrap`` uses now."""
        ...

    def number(self, name: str) -> int:
        """The current number of a key."""
        ...

    def live(self, name: str) -> tuple[int, ...]:
        """The numbers under which something may be found now, the current one first."""
        ...

    def secret(self, name: str, number: int | None = None) -> bytes:
        """A 32-byte secret for MACs and derivation: the current one, or that of a number."""
        ...

    def sign(self, name: str, message: bytes) -> bytes:
        """The signature by the current key pair ``name``."""
        ...

    def public(self, name: str, number: int | None = None) -> bytes:
        """The public key of the key pair ``name``: 65 bytes of SM2, or DER (``crypto.signatures``)."""
        ...

    def publics(self, name: str) -> tuple[bytes, ...]:
        """Every public key of ``name`` that is known here, the oldest first."""
        ...


class KeyRing(ABC):
    """Which keys are current, over whatever holds them. A holder gives the abstract methods."""

    def __init__(self) -> None:
        self._numbers: dict[str, tuple[int, ...]] = {}

    def told(self, live: Mapping[str, tuple[int, ...]]) -> None:
        """Use these numbers from now on, by name, the current one first. What is not told of stays as it is held."""
        self._numbers = dict(live)

    def current(self) -> str:
        """Id of the key-encryption key that wraps now."""
        return key_id(WRAPPING_KEY, self.number(WRAPPING_KEY))

    def number(self, name: str) -> int:
        """The current number of a key: as told, else the lowest that is held, else 1."""
        return self.live(name)[0]

    def live(self, name: str) -> tuple[int, ...]:
        """The numbers under which something may be found now, the current one first."""
        numbers = self._numbers.get(name)
        if numbers is None:
            numbers = self._numbers[name] = (min(self.held().get(name, (1,))),)
        return numbers

    def publics(self, name: str) -> tuple[bytes, ...]:
        """Every public key of ``name`` that is known here, the oldest first."""
        known = self.held(retired=True).get(name, ())
        return tuple(self.public(name, number) for number in sorted({*known, self.number(name)}))

    @abstractmethod
    def wrap(self, data_key: bytes) -> tuple[str, bytes]:
        """Encrypt a data key under the current key-encryption key: (its id, the wrapped key)."""

    @abstractmethod
    def unwrap(self, kid: str, wrapped: bytes) -> bytes:
        """The data key again. Raises ValueError for an unknown id or altered bytes."""

    @abstractmethod
    def secret(self, name: str, number: int | None = None) -> bytes:
        """A 32-byte secret: the current one, or that of a number."""

    @abstractmethod
    def sign(self, name: str, message: bytes) -> bytes:
        """The signature by the current key pair ``name``."""

    @abstractmethod
    def held(self, *, retired: bool = False) -> Mapping[str, tuple[int, ...]]:
        """The numbers that are here, by name, in order; with ``retired`` those too that nothing needs any more."""

    @abstractmethod
    def where(self, name: str, number: int) -> str:
        """Where a key is: ``file`` or ``token``; nothing for one that is not here."""

    @abstractmethod
    def made_at(self, name: str, number: int) -> int | None:
        """When a key was made, in microseconds, as far as its holder knows."""

    @abstractmethod
    def public(self, name: str, number: int | None = None) -> bytes:
        """The public key of the key pair ``name``, also of one that is retired."""

    @abstractmethod
    def make(self, name: str) -> int:
        """Make a key with the next number, which nobody uses yet. Returns the number."""

    @abstractmethod
    def retire(self, name: str, number: int) -> None:
        """Put a key aside that nothing needs any more. It still opens what a backup may hold. Again changes nothing."""

    @abstractmethod
    def destroy(self, name: str, number: int) -> None:
        """Destroy a retired key for good; of a key pair the public half stays. Again changes nothing."""


class FileKeys(KeyRing):
    """Keys as hexadecimal files in one directory, each for its owner only.

    ``create=True`` makes the first of each name when it is first used; production opens with ``create=False``, so that
    a directory that was not mounted stops the start instead of being filled with new keys. Several processes may start
    at once: the first file wins. Retired keys lie in the folder ``retired``. ``current=False``: the current keys may be
    elsewhere, these are what is left of those before. Raises SettingsError (key ``keys.directory``) for what is
    missing, readable by others or damaged, naming it and the cure.
    """

    def __init__(
        self, directory: Path, *, create: bool = True, provider: Sm2Provider | None = None, current: bool = True
    ) -> None:
        super().__init__()
        self._directory = Path(directory)
        self._create = create
        self._sm2 = provider
        self._kept: dict[str, bytes] = {}
        if create:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not self._directory.is_dir():
            raise SettingsError("keys.directory", say("keys.no_directory", path=self._directory))
        require_private(self._directory, "keys.directory")
        for path in sorted(self._directory.glob("*.key")):
            self._read(path)
        if current:
            self._key(self.current(), 16)

    def wrap(self, data_key: bytes) -> tuple[str, bytes]:
        """Encrypt a data key under the current key-encryption key, with SM4-GCM."""
        kid, nonce = self.current(), secrets.token_bytes(NONCE_BYTES)
        return kid, nonce + sm4_gcm_seal(self._key(kid, 16), nonce, data_key, kid.encode())

    def unwrap(self, kid: str, wrapped: bytes) -> bytes:
        """The data key again. Raises ValueError for an unknown id or altered bytes."""
        if not re.fullmatch(rf"{WRAPPING_KEY}-\d{{4}}", kid) or self._found(kid) is None:
            raise ValueError(f"key-encryption key {kid!r} is not in {self._directory}")
        return sm4_gcm_open(self._key(kid, 16), wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], kid.encode())

    def secret(self, name: str, number: int | None = None) -> bytes:
        """A 32-byte secret; the first one is made on first use."""
        return self._key(key_id(name, self.number(name) if number is None else number), 32)

    def sign(self, name: str, message: bytes) -> bytes:
        """SM2 signature (DER) by the current key pair ``name``; the first one is made on first use."""
        return self._provider().sign(self._pair(key_id(name, self.number(name))), message)

    def public(self, name: str, number: int | None = None) -> bytes:
        """The public key (65 bytes) of the key pair ``name``, also of one whose private half was destroyed."""
        kid = key_id(name, self.number(name) if number is None else number)
        if self._found(kid) is None and (kept := self._aside(kid, ".pub")).exists():
            return bytes.fromhex(kept.read_text("ascii").strip())
        return public_of(self._pair(kid))

    def held(self, *, retired: bool = False) -> Mapping[str, tuple[int, ...]]:
        """The numbers of the key files that are here."""
        found: dict[str, set[int]] = {}
        paths = [*self._directory.glob("*.key")]
        if retired:
            paths += [*(self._directory / RETIRED).glob("*.key"), *(self._directory / RETIRED).glob("*.pub")]
        for path in paths:
            if parted := part_id(path.stem):
                found.setdefault(parted[0], set()).add(parted[1])
        return {name: tuple(sorted(numbers)) for name, numbers in found.items()}

    def where(self, name: str, number: int) -> str:
        """``file``, also where only the public half of a pair is left."""
        kid = key_id(name, number)
        return "file" if self._found(kid) is not None or self._aside(kid, ".pub").exists() else ""

    def made_at(self, name: str, number: int) -> int | None:
        """When the file of a key was written."""
        path = self._found(key_id(name, number))
        return None if path is None else path.stat().st_mtime_ns // 1000

    def make(self, name: str) -> int:
        """Make the next key of a name, whole or not at all."""
        number = max((self.number(name), *self.held(retired=True).get(name, ()))) + 1
        if number > _LARGEST:
            raise ValueError(f"no key {name} has a number above {_LARGEST}")
        length = 16 if name == WRAPPING_KEY else 32
        pair = name != WRAPPING_KEY and name not in SECRETS
        key = self._provider().generate()[0] if pair else secrets.token_bytes(length)
        self._write(self._directory / f"{key_id(name, number)}.key", key)
        return number

    def retire(self, name: str, number: int) -> None:
        """Move a key file into the folder ``retired``."""
        kid = key_id(name, number)
        aside = self._aside(kid)
        aside.parent.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):  # another process of this folder was first
            os.replace(self._directory / aside.name, aside)

    def destroy(self, name: str, number: int) -> None:
        """Remove a retired key file; a key pair leaves its public key as ``.pub``."""
        kid = key_id(name, number)
        aside = self._aside(kid)
        if name != WRAPPING_KEY and name not in SECRETS and aside.exists():
            public = self._aside(kid, ".pub")
            public.write_text(self.public(name, number).hex() + "\n", encoding="ascii")
            public.chmod(0o600)
        aside.unlink(missing_ok=True)
        self._kept.pop(kid, None)

    def _provider(self) -> Sm2Provider:
        if self._sm2 is None:
            self._sm2 = default_provider()
        return self._sm2

    def _aside(self, kid: str, ending: str = ".key") -> Path:
        return self._directory / RETIRED / f"{kid}{ending}"

    def _found(self, kid: str) -> Path | None:
        """Where a key's file is."""
        return next((one for one in (self._directory / f"{kid}.key", self._aside(kid)) if one.exists()), None)

    def _pair(self, kid: str) -> bytes:
        if kid not in self._kept and self._create and self._found(kid) is None and part_id(kid, 1):
            self._write(self._directory / f"{kid}.key", self._provider().generate()[0])
        return self._key(kid, 32)

    def _key(self, kid: str, length: int) -> bytes:
        key = self._kept.get(kid)
        if key is None:
            path = self._found(kid)
            if path is None:
                path = self._directory / f"{kid}.key"
                if not self._create or not part_id(kid, 1):
                    raise SettingsError("keys.directory", say("keys.missing", path=path))
                self._write(path, secrets.token_bytes(length))
            key = self._read(path)
        if len(key) != length:
            path = self._directory / f"{kid}.key"
            raise SettingsError("keys.directory", say("keys.length", path=path, bytes=len(key), length=length))
        return key

    def _read(self, path: Path) -> bytes:
        require_private(path, "keys.directory")
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


# --- ids, and what was made under which number ------------------------------------------------------------------------


def key_id(name: str, number: int) -> str:
    """The id of a key: ``kek-0001``, ``evidence-mac``, ``evidence-mac-0002``. The first of a name needs no number."""
    return name if number == 1 and name != WRAPPING_KEY else f"{name}-{number:04d}"


def part_id(kid: str, number: int | None = None) -> tuple[str, int] | None:
    """Name and number of a key's id; None for what is none, or has another ``number``."""
    found = _KEY.fullmatch(kid)
    if found is None:
        return None
    name, its = found[1], int(found[2] or 1)
    return (name, its) if key_id(name, its) == kid and number in (None, its) else None


def numbered(mac: bytes, number: int) -> bytes:
    """A MAC that says under which key it was made: two bytes more from the second key on."""
    return mac if number == 1 else mac + number.to_bytes(2, "big")


def number_of(mac: bytes) -> int:
    """Under which key ``numbered`` was made. Raises ValueError for what is no MAC."""
    if len(mac) == MAC_BYTES:
        return 1
    number = int.from_bytes(mac[MAC_BYTES:], "big")
    if len(mac) != MAC_BYTES + 2 or number < 2:
        raise ValueError("not a MAC")
    return number


def signer_of(publics: Collection[bytes], message: bytes, signature: bytes) -> bytes | None:
    """Which of these public keys made a signature; None if none did."""
    return next((one for one in publics if verifies(one, message, signature)), None)
