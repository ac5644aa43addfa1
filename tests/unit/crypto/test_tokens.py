"""Keys in a hardware module: they do what keys in files do, and never leave it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key
from tokens import PIN, softhsm, token

from gateway.foundation.crypto import rings, tokens
from gateway.foundation.crypto.envelope import Envelope, EnvelopeError
from gateway.foundation.crypto.keys import (
    EVIDENCE_KEY,
    HEAD_KEY,
    INDEX_KEY,
    WRAPPING_KEY,
    FileKeys,
    signer_of,
)
from gateway.foundation.crypto.rings import keys_of_installation, own_keys
from gateway.foundation.crypto.signatures import algorithm_of
from gateway.foundation.crypto.tokens import Token, TokenError, TokenKeys
from gateway.rooms.evidence import verify_bundle
from gateway.settings import KeysSettings
from gateway.words.errors import ConflictProblem, SettingsError, UnavailableProblem

__all__ = ["softhsm", "token"]


def change(block: KeysSettings, **to) -> KeysSettings:
    return block.model_copy(update=to)


def everything(block: KeysSettings) -> list:
    return rings.token_of(block).ask(lambda session: list(session.get_objects()))


def test_what_was_sealed_opens_after_a_restart_and_altered_bytes_do_not(token):
    keys = keys_of_installation(token, None)
    sealed = Envelope(keys).seal("张三".encode(), "party.name|1")
    again = keys_of_installation(token, sealed)
    assert Envelope(again).open(sealed, "party.name|1") == "张三".encode()
    assert (again.secret(INDEX_KEY), again.secret(EVIDENCE_KEY)) == (keys.secret(INDEX_KEY), keys.secret(EVIDENCE_KEY))
    assert again.secret(INDEX_KEY) != again.secret(EVIDENCE_KEY)
    kid, wrapped = keys.wrap(bytes(32))
    assert keys.unwrap(kid, wrapped) == bytes(32)
    for at in (0, 12, len(wrapped) - 1):
        with pytest.raises(ValueError):
            keys.unwrap(kid, wrapped[:at] + bytes([wrapped[at] ^ 1]) + wrapped[at + 1 :])
    with pytest.raises(ValueError):
        keys.unwrap("kek-0002", wrapped)
    with pytest.raises(EnvelopeError):
        Envelope(keys).open(sealed, "party.name|2")


@pytest.mark.parametrize(("signatures", "algorithm"), [("ecdsa-p256", "ecdsa-p256-sha256"), ("rsa-3072", "rsa-sha256")])
def test_a_signature_of_the_token_verifies_by_its_public_key_alone(token, signatures, algorithm):
    keys = keys_of_installation(change(token, signatures=signatures), None)
    signature, public = keys.sign(HEAD_KEY, b"a head"), keys.public(HEAD_KEY)
    assert algorithm_of(public) == algorithm
    load_der_public_key(public)
    assert signer_of(keys.publics(HEAD_KEY), b"a head", signature) == public
    assert signer_of(keys.publics(HEAD_KEY), b"another", signature) is None
    assert verify_bundle.signed(public, b"a head", signature)  # without any library
    assert not verify_bundle.signed(public, b"another", signature)
    for at in range(0, len(signature), 40):
        altered = signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :]
        assert not verify_bundle.signed(public, b"a head", altered)
    assert keys.public("report") != public  # made when first used


def test_no_key_can_be_taken_out(token):
    from pkcs11 import Attribute, ObjectClass, exceptions

    keys_of_installation(token, None)
    secret = [one for one in everything(token) if one.object_class is not ObjectClass.PUBLIC_KEY]
    assert len(secret) == 4
    for one in secret:
        assert (one[Attribute.SENSITIVE], one[Attribute.EXTRACTABLE]) == (True, False)
        with pytest.raises(exceptions.AttributeSensitive):
            one[Attribute.VALUE]


def test_keys_are_changed_put_aside_and_destroyed_inside(token):
    keys = keys_of_installation(token, None)
    old_sealed, old_head = Envelope(keys).seal(b"x", "c"), keys.sign(HEAD_KEY, b"a head")
    for name in (WRAPPING_KEY, INDEX_KEY, HEAD_KEY):
        assert keys.make(name) == 2
    assert keys.current() == "kek-0001"  # nobody was told of the new ones
    keys.told(dict.fromkeys((WRAPPING_KEY, INDEX_KEY, HEAD_KEY), (2, 1)))
    envelope = Envelope(keys)
    moved = envelope.rewrap(old_sealed)
    assert (envelope.key_id(moved), envelope.open(moved, "c")) == ("kek-0002", b"x")
    assert keys.secret(INDEX_KEY, 1) != keys.secret(INDEX_KEY, 2)
    for _ in "twice":
        for name in (WRAPPING_KEY, HEAD_KEY):
            keys.retire(name, 1)
    assert keys.held()[WRAPPING_KEY] == (2,)
    assert keys.held(retired=True)[WRAPPING_KEY] == (1, 2)
    assert Envelope(own_keys(token)).open(old_sealed, "c") == b"x"  # of a backup
    assert keys.made_at(WRAPPING_KEY, 1) < keys.made_at(WRAPPING_KEY, 2)
    for _ in "twice":
        for name in (WRAPPING_KEY, HEAD_KEY):
            keys.destroy(name, 1)
    after = own_keys(token)
    with pytest.raises(EnvelopeError):
        Envelope(after).open(old_sealed, "c")
    assert Envelope(after).open(moved, "c") == b"x"
    assert signer_of(after.publics(HEAD_KEY), b"a head", old_head) == after.public(HEAD_KEY, 1)


def test_keys_that_were_files_are_followed_by_keys_in_the_token(token):
    files = FileKeys(token.directory)
    for name in (INDEX_KEY, EVIDENCE_KEY):
        files.secret(name)
    sealed, head = Envelope(files).seal(b"x", "c"), files.sign(HEAD_KEY, b"a head")
    keys = keys_of_installation(token, sealed)
    assert everything(token) == []
    assert Envelope(keys).open(sealed, "c") == b"x"
    assert (keys.secret(INDEX_KEY), keys.where(INDEX_KEY, 1)) == (files.secret(INDEX_KEY), "file")
    for name in (WRAPPING_KEY, INDEX_KEY, EVIDENCE_KEY, HEAD_KEY):
        assert (keys.make(name), keys.where(name, 2)) == (2, "token")
    keys.told(dict.fromkeys((WRAPPING_KEY, INDEX_KEY, EVIDENCE_KEY, HEAD_KEY), (2, 1)))
    moved = Envelope(keys).rewrap(sealed)
    keys.retire(WRAPPING_KEY, 1)
    keys.destroy(WRAPPING_KEY, 1)
    again = keys_of_installation(token, moved)
    assert Envelope(again).open(moved, "c") == b"x"
    assert again.secret(EVIDENCE_KEY, 1) == files.secret(EVIDENCE_KEY)
    assert signer_of(again.publics(HEAD_KEY), b"a head", head) == files.public(HEAD_KEY)


def test_files_that_nothing_is_sealed_under_are_no_older_keys(token):
    FileKeys(token.directory)
    with pytest.raises(SettingsError, match="nothing is sealed under them"):
        keys_of_installation(token, None)


def test_a_token_without_the_keys_of_the_database_stops_the_start(token):
    sealed = Envelope(keys_of_installation(token, None)).seal(b"x", "c")
    theirs = change(token, token="theirs")
    with pytest.raises(SettingsError, match="no key kek-0001"):
        keys_of_installation(theirs, sealed)
    assert everything(theirs) == []  # nothing was made
    keys_of_installation(theirs, None)
    with pytest.raises(SettingsError, match="other keys than those"):
        keys_of_installation(theirs, sealed)


def test_two_keys_of_one_label_are_used_by_nobody_who_does_not_know_which(token):
    keys = keys_of_installation(token, None)
    kid, wrapped = keys.wrap(bytes(16))
    rings.token_of(token).ask(_second)
    assert keys.unwrap(kid, wrapped) == bytes(16)
    rings.token_of(token).handles.clear()
    with pytest.raises(SettingsError, match="has two keys gateway/kek-0001"):
        keys.unwrap(kid, wrapped)


def test_a_key_that_the_module_shows_to_nobody_for_a_moment_is_made_once_and_is_not_gone(token, monkeypatch):
    """What SoftHSM does while another process writes the key."""
    keys = keys_of_installation(token, None)
    kid, wrapped = keys.wrap(bytes(16))
    keys.held(), keys.held(retired=True)
    shown, looked = tokens._labelled, []

    def hidden(session, label, kind=None):
        looked.append(label)
        return iter(()) if looked.count(label) == 1 else shown(session, label, kind)

    for work in (lambda: keys.unwrap(kid, wrapped), lambda: keys.wrap(bytes(16)), lambda: keys.sign(HEAD_KEY, b"x")):
        looked.clear()
        rings.token_of(token).handles.clear()
        monkeypatch.setattr(tokens, "_labelled", hidden)
        work()
        looked.clear()
        assert keys.held()[WRAPPING_KEY] == (1,)
        monkeypatch.undo()
    assert len(everything(token)) == 5


def test_a_key_that_another_node_puts_aside_between_two_looks_is_one_key(token, monkeypatch):
    from pkcs11 import Attribute

    keys = keys_of_installation(token, None)
    kid, wrapped = keys.wrap(bytes(16))
    shown = tokens._labelled

    def moving(session, label, kind=None):
        found = list(shown(session, label, kind))
        for one in found if label == "gateway/kek-0001" else ():
            one[Attribute.LABEL] = "gateway/retired/kek-0001"
        return iter(found)

    rings.token_of(token).handles.clear()
    monkeypatch.setattr(tokens, "_labelled", moving)
    assert keys.unwrap(kid, wrapped) == bytes(16)


def test_who_finds_another_key_beside_its_own_gives_way(token):
    keys = keys_of_installation(token, None)
    held = TokenKeys.held

    def late(self, *, retired=False):
        """The other process makes its key between our look and our own key."""
        found = held(self, retired=retired)
        rings.token_of(token).ask(lambda session: _second(session, "gateway/kek-0002"))
        return found

    TokenKeys.held = late
    try:
        with pytest.raises(ConflictProblem):
            keys.make(WRAPPING_KEY)
    finally:
        TokenKeys.held = held
    from pkcs11 import Attribute

    assert [one[Attribute.ID] for one in everything(token) if one[Attribute.LABEL] == "gateway/kek-0002"] == [b"other"]


def _second(session, label="gateway/kek-0001"):
    from pkcs11 import KeyType

    session.generate_key(KeyType.AES, 256, label=label, id=b"other", store=True)


LOST = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""The package tries to end a search that never began, and complains."""


@LOST
def test_a_session_that_was_lost_is_opened_again(token):
    keys = keys_of_installation(token, None)
    kid, wrapped = keys.wrap(bytes(16))
    rings.token_of(token)._session.close()
    assert keys.unwrap(kid, wrapped) == bytes(16)


@LOST
def test_a_token_that_is_gone_is_unavailable_and_not_an_altered_value(token, monkeypatch):
    keys = keys_of_installation(token, None)
    kid, wrapped = keys.wrap(bytes(16))
    ours = rings.token_of(token)
    monkeypatch.setattr(ours, "label", "gone")
    ours._session.close()
    with pytest.raises(UnavailableProblem, match="does not answer"):
        keys.unwrap(kid, wrapped)
    monkeypatch.undo()
    assert keys.unwrap(kid, wrapped) == bytes(16)


def test_an_object_that_another_node_changes_meanwhile_is_looked_for_anew_and_none_is_made_twice(token):
    from pkcs11.exceptions import ObjectHandleInvalid

    ours, tried = rings.token_of(token), []

    def work(session):
        tried.append(session)
        if len(tried) % 2:
            raise ObjectHandleInvalid
        return "found"

    assert ours.ask(work) == "found"
    with pytest.raises(TokenError, match="ObjectHandleInvalid"):
        ours.ask(work, makes=True)
    assert len(tried) == 3


def test_a_wrong_pin_is_tried_once(token, softhsm):
    with pytest.raises(SettingsError, match="refuses the PIN") as wrong:
        Token(softhsm, "shut", "000000")
    assert wrong.value.key == "keys.pin"
    right = Token(softhsm, "shut", PIN)
    tried = []
    right._pin, opened = "000000", right._opened
    right._opened = lambda *, again: (tried.append(again), opened(again=again))[1]
    for _ in range(2):
        right._session.close() if not tried else None
        with pytest.raises(UnavailableProblem, match="refuses the PIN"):
            right.ask(lambda session: session.generate_random(64))
    right._pin = PIN
    with pytest.raises(UnavailableProblem, match="refuses the PIN"):
        right.ask(lambda session: session.generate_random(64))


def test_what_is_wrong_is_named_with_its_cure(token, softhsm, tmp_path, monkeypatch):
    cases = [
        (change(token, library=str(tmp_path / "none.so")), "keys.library", "no PKCS#11 library"),
        (change(token, token="nobody's"), "keys.token", "there are: .*ours"),
        (change(token, pin=f"file:{tmp_path / 'none'}"), "keys.pin", "none"),
    ]
    for block, key, said in cases:
        with pytest.raises(SettingsError, match=said) as error:
            own_keys(block)
        assert error.value.key == key
        assert error.value.cure
    (tmp_path / "pin").chmod(0o644)
    with pytest.raises(SettingsError, match="can be read by others"):
        own_keys(token)
    (tmp_path / "pin").chmod(0o600)
    able = Token.mechanisms
    monkeypatch.setattr(Token, "mechanisms", lambda self: able(self) - {"AES_GCM", "ECDSA"})
    with pytest.raises(SettingsError, match=r"lacks .*CKM_AES_GCM.*CKM_ECDSA"):
        own_keys(token)


@pytest.mark.parametrize("lacking", ["library", "token", "pin"])
def test_a_module_that_is_not_named_stops_the_start(lacking):
    told = {"library": "x.so", "token": "t", "pin": "file:pin"} | {lacking: None}
    with pytest.raises(SettingsError) as error:
        KeysSettings(provider="pkcs11", **told)
    assert error.value.key == f"keys.{lacking}"
