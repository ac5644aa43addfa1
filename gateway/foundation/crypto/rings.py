"""The gateway's own keys as the settings say where they are: files, or a hardware module."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from gateway.foundation.crypto.envelope import Envelope, installed_keys
from gateway.foundation.crypto.keys import EVIDENCE_KEY, HEAD_KEY, INDEX_KEY, WRAPPING_KEY, FileKeys, KeyRing, key_id
from gateway.foundation.crypto.tokens import Token, TokenKeys
from gateway.settings import KeysSettings, read_secret
from gateway.words.errors import SettingsError
from gateway.words.saying import say


def own_keys(block: KeysSettings) -> KeyRing:
    """The keys that are there, none made. Raises SettingsError."""
    if block.provider == "files":
        return FileKeys(block.directory, create=False)
    return TokenKeys(token_of(block), create=False, signatures=block.signatures, older=_older(block.directory))


def keys_of_installation(block: KeysSettings, sealed: bytes | None) -> KeyRing:
    """The keys of an installation. ``sealed``: any value that its database holds; None where nothing is sealed yet.

    Keys are made only where nothing is sealed. Raises SettingsError where they are missing or another installation's.
    """
    if block.provider == "files":
        return installed_keys(block.directory, sealed)
    token, older = token_of(block), _older(block.directory)
    if sealed is None and older is not None:
        raise SettingsError("keys.directory", say("keys.files_beside", path=block.directory))
    if sealed is not None:
        there = TokenKeys(token, create=False, signatures=block.signatures, older=older)
        _require(there, token, sealed)
    keys = TokenKeys(token, create=True, signatures=block.signatures, older=older)
    for name in (INDEX_KEY, EVIDENCE_KEY):
        keys.secret(name)
    keys.public(HEAD_KEY)
    if sealed is None:
        keys.wrap(bytes(16))
    return keys


def token_of(block: KeysSettings) -> Token:
    """The hardware module of the settings, one login for the whole process. Raises SettingsError."""
    library, token, pin = block.library, block.token, block.pin
    assert library is not None, "the settings see to that"
    assert token is not None
    assert pin is not None
    return _token(library, token, read_secret(pin, "keys.pin").get_secret_value())


def _require(keys: TokenKeys, token: Token, sealed: bytes) -> None:
    held = keys.held()
    for name in (WRAPPING_KEY, INDEX_KEY, EVIDENCE_KEY, HEAD_KEY):
        if name not in held:
            raise SettingsError("keys.token", say("keys.token_has_not", token=token.label, key=key_id(name, 1)))
    if not Envelope(keys).has_key_of(sealed):
        raise SettingsError("keys.token", say("keys.token_of_others", token=token.label))


def _older(directory: Path) -> FileKeys | None:
    """Keys that were files before there was a module."""
    if not any(directory.glob("*.key")):
        return None
    return FileKeys(directory, create=False, current=False)


_token = lru_cache(maxsize=1)(Token)
