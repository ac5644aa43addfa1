"""Sealed values open only where and as they were sealed, survive rotation, and keys are kept from other people."""

from __future__ import annotations

import os
import threading
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.foundation.crypto.envelope import Algorithm, Envelope, EnvelopeError, installed_keys
from gateway.foundation.crypto.keys import (
    EVIDENCE_KEY,
    HEAD_KEY,
    INDEX_KEY,
    WRAPPING_KEY,
    FileKeys,
    key_id,
    number_of,
    numbered,
    part_id,
    signer_of,
)
from gateway.foundation.crypto.packing import DICTIONARIES, LEAST, MOST, unpacked
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.crypto.sm2 import default_provider
from gateway.words.errors import SettingsError


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Keys in a directory of their own."""
    return FileKeys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module", params=list(Algorithm), ids=lambda algorithm: algorithm.name)
def envelope(request, keys):
    """An envelope for each algorithm."""
    return Envelope(keys, request.param)


@given(plaintext=st.binary(max_size=300), context=st.text(max_size=40))
def test_what_is_sealed_opens_again(envelope, plaintext, context):
    assert envelope.open(envelope.seal(plaintext, context), context) == plaintext


@given(plaintext=st.binary(max_size=60), place=st.integers(0), value=st.integers(1, 255))
def test_any_altered_byte_keeps_it_shut(envelope, plaintext, place, value):
    sealed = bytearray(envelope.seal(plaintext, "party.id_number|pty_1"))
    sealed[place % len(sealed)] ^= value
    with pytest.raises(EnvelopeError):
        envelope.open(bytes(sealed), "party.id_number|pty_1")


@given(garbage=st.binary(max_size=120))
def test_garbage_is_refused_as_such(envelope, garbage):
    with pytest.raises(EnvelopeError):
        envelope.open(garbage, "any")


def test_a_value_moved_to_another_row_does_not_open(envelope):
    sealed = envelope.seal(b"110101", "party.id_number|pty_1")
    with pytest.raises(EnvelopeError, match="pty_2"):
        envelope.open(sealed, "party.id_number|pty_2")


def test_the_same_value_never_seals_alike(envelope):
    assert len({envelope.seal(b"same", "c") for _ in range(200)}) == 200


def _record(fields: int) -> bytes:
    """JSON of a kind that is sealed every day."""
    return b"{" + b",".join(b'"registration_number_%d":null' % number for number in range(fields)) + b"}"


@given(fields=st.integers(0, 3000), noise=st.binary(max_size=200))
def test_a_value_opens_again_whether_it_was_packed_or_not(envelope, fields, noise):
    plaintext = _record(fields) + noise
    assert envelope.open(envelope.seal(plaintext, "c"), "c") == plaintext
    assert envelope.open(envelope.seal(plaintext, "c", pack=False), "c") == plaintext


def test_only_what_gets_shorter_is_packed(envelope):
    record, noise = _record(40), os.urandom(400)
    packed, plain = envelope.seal(record, "c"), envelope.seal(record, "c", pack=False)
    assert (packed[0], plain[0]) == (2, 1)
    assert len(packed) < len(plain) - len(record) // 2
    assert envelope.seal(noise, "c")[0] == 1
    assert envelope.seal(b" " * (LEAST - 1), "c")[0] == 1
    assert envelope.seal(b" " * LEAST, "c")[0] == 2
    assert envelope.seal(b" " * MOST, "c")[0] == 2
    assert envelope.seal(b" " * (MOST + 1), "c")[0] == 1


def test_nobody_makes_a_packed_value_of_a_plain_one_or_the_other_way(envelope):
    for sealed, other in ((envelope.seal(_record(40), "c"), 1), (envelope.seal(_record(40), "c", pack=False), 2)):
        with pytest.raises(EnvelopeError):
            envelope.open(bytes([other]) + sealed[1:], "c")


def test_a_packed_value_is_moved_to_a_new_key_as_it_is(tmp_path):
    keys = FileKeys(tmp_path / "keys")
    sealed = Envelope(keys).seal(_record(40), "c")
    keys.told({WRAPPING_KEY: (keys.make(WRAPPING_KEY), 1)})
    moved = Envelope(keys).rewrap(sealed)
    assert (moved[0], len(moved)) == (2, len(sealed))
    assert Envelope(keys).open(moved, "c") == _record(40)


@pytest.mark.parametrize(
    "small",
    [
        b"",
        b"\x00" + zlib.compress(b"x", wbits=-15),
        b"\x01" + zlib.compress(b" " * (MOST + 1), wbits=-15),
        b"\x01" + zlib.compress(b" " * 40_000_000, wbits=-15),
        b"\x01" + zlib.compress(b"cut" * 40, wbits=-15)[:-1],
        b"\x01" + zlib.compress(b"more" * 40, wbits=-15) + b"x",
        b"\x01\xff\xff\xff",
    ],
    ids=["nothing", "unknown dictionary", "too long", "bomb", "cut", "more", "not deflate"],
)
def test_what_does_not_unpack_is_refused_before_it_fills_the_memory(small):
    with pytest.raises(ValueError, match=r"unpack|dictionary"):
        unpacked(small)


def test_a_dictionary_is_never_changed_since_old_values_need_it():
    kept = {number: sm3(content).hex() for number, content in DICTIONARIES.items()}
    assert kept == {1: "9c5951008316a85fc23c9c7bac75ecb2aeeb8e2d604b7fba49faed789e6938a9"}


def test_each_reads_what_the_other_algorithm_sealed(keys):
    sm4, aes = Envelope(keys, Algorithm.SM4_GCM), Envelope(keys, Algorithm.AES_256_GCM)
    assert sm4.open(aes.seal(b"x", "c"), "c") == b"x"
    assert aes.open(sm4.seal(b"x", "c"), "c") == b"x"


def test_after_a_rotation_old_values_open_and_can_be_moved_to_the_new_key(tmp_path):
    keys = FileKeys(tmp_path / "keys")
    envelope = Envelope(keys)
    old = envelope.seal(b"old", "c")
    assert keys.make(WRAPPING_KEY) == 2
    assert envelope.key_id(envelope.seal(b"x", "c")) == "kek-0001"  # made, and not used before all nodes have it
    keys.told({WRAPPING_KEY: (2, 1)})
    new = envelope.seal(b"new", "c")
    moved = envelope.rewrap(old)
    assert [envelope.key_id(blob) for blob in (old, new, moved)] == ["kek-0001", "kek-0002", "kek-0002"]
    assert envelope.rewrap(new) == new
    (tmp_path / "keys" / "kek-0001.key").unlink()
    after = Envelope(FileKeys(tmp_path / "keys"))
    assert after.open(moved, "c") == b"old"
    assert after.open(new, "c") == b"new"
    with pytest.raises(EnvelopeError, match="kek-0001"):
        after.open(old, "c")


def test_a_process_started_before_a_rotation_opens_what_came_after_it(tmp_path):
    before, other = FileKeys(tmp_path / "keys"), FileKeys(tmp_path / "keys")
    other.told({WRAPPING_KEY: (other.make(WRAPPING_KEY), 1)})
    assert Envelope(before).open(Envelope(other).seal(b"x", "c"), "c") == b"x"


def test_other_keys_open_nothing(tmp_path):
    sealed = Envelope(FileKeys(tmp_path / "one")).seal(b"x", "c")
    with pytest.raises(EnvelopeError):
        Envelope(FileKeys(tmp_path / "two")).open(sealed, "c")


def test_a_key_id_never_names_a_file_outside_the_directory(keys):
    for kid in ("../kek-0001", "kek-0001/../x", "evidence-mac", ""):
        with pytest.raises(ValueError, match="is not in"):
            keys.unwrap(kid, b"x" * 60)


def test_a_blind_index_finds_equal_values_for_one_purpose_only(keys, tmp_path):
    envelope = Envelope(keys)
    index = envelope.blind_index("11010119900307013X", "party.id_number")
    assert len(index) == 32
    assert index == Envelope(keys, Algorithm.AES_256_GCM).blind_index("11010119900307013X", "party.id_number")
    assert index != envelope.blind_index("11010119900307013X", "party.telephone")
    assert index != envelope.blind_index("110101199003070134", "party.id_number")
    assert index != Envelope(FileKeys(tmp_path)).blind_index("11010119900307013X", "party.id_number")


def test_key_files_are_their_owners_alone_and_stay_the_same(tmp_path):
    keys = FileKeys(tmp_path / "keys")
    secret, public = keys.secret(EVIDENCE_KEY), keys.public(HEAD_KEY)
    for path in (tmp_path / "keys").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    again = FileKeys(tmp_path / "keys", create=False)
    assert (again.secret(EVIDENCE_KEY), again.public(HEAD_KEY)) == (secret, public)
    assert default_provider().verify(public, b"head", again.sign(HEAD_KEY, b"head"))


def test_keys_are_made_only_where_nothing_is_sealed_under_others(tmp_path):
    ours, theirs, unmounted = (tmp_path / name for name in ("ours", "theirs", "unmounted"))
    sealed = Envelope(installed_keys(ours, None)).seal(b"x", "c")
    assert sorted(path.stem for path in ours.iterdir()) == ["blind-index", "evidence-head", "evidence-mac", "kek-0001"]
    assert Envelope(installed_keys(ours, sealed)).open(sealed, "c") == b"x"
    with pytest.raises(SettingsError, match="sealed under some") as refused:
        installed_keys(unmounted, sealed)
    assert refused.value.cure
    assert not unmounted.exists()
    installed_keys(theirs, None)
    with pytest.raises(SettingsError, match="other keys"):
        installed_keys(theirs, sealed)
    (ours / "evidence-mac.key").unlink()
    with pytest.raises(SettingsError, match=r"evidence-mac\.key is missing"):
        installed_keys(ours, sealed)


def test_a_key_that_others_can_read_stops_the_start_with_the_cure(tmp_path):
    FileKeys(tmp_path)
    path = tmp_path / "kek-0001.key"
    path.chmod(0o640)
    with pytest.raises(SettingsError, match=f"chmod 600 {path}"):
        FileKeys(tmp_path)


def test_without_leave_to_create_a_missing_key_stops_the_start(tmp_path):
    with pytest.raises(SettingsError, match="not a directory"):
        FileKeys(tmp_path / "unmounted", create=False)
    with pytest.raises(SettingsError, match=r"kek-0001\.key is missing"):
        FileKeys(tmp_path, create=False)
    FileKeys(tmp_path)
    with pytest.raises(SettingsError, match=r"evidence-mac\.key is missing"):
        FileKeys(tmp_path, create=False).secret(EVIDENCE_KEY)
    with pytest.raises(SettingsError, match=r"evidence-head\.key is missing"):
        FileKeys(tmp_path, create=False).sign(HEAD_KEY, b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["kek-0001.key"]


@pytest.mark.parametrize("content", ["", "not hexadecimal", "ab" * 15, "\xff"])
def test_a_damaged_key_file_is_named(tmp_path, content):
    path = tmp_path / "kek-0001.key"
    path.write_text(content, encoding="latin-1")
    path.chmod(0o600)
    with pytest.raises(SettingsError, match=r"kek-0001\.key"):
        FileKeys(tmp_path)


def test_processes_that_start_together_agree_on_one_key(tmp_path):
    ready, found = threading.Barrier(8), []

    def start() -> None:
        ready.wait()
        keys = FileKeys(tmp_path / "keys")
        found.append((keys.secret(EVIDENCE_KEY), keys.public(HEAD_KEY), Envelope(keys).seal(b"x", "c")))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({secret for secret, _, _ in found}) == len({public for _, public, _ in found}) == 1
    last = Envelope(FileKeys(tmp_path / "keys"))
    assert all(last.open(sealed, "c") == b"x" for _, _, sealed in found)
    assert not [name for name in os.listdir(tmp_path / "keys") if name.startswith(".")]


def test_a_retired_key_still_opens_and_a_destroyed_pair_still_verifies(tmp_path):
    keys = FileKeys(tmp_path / "keys")
    sealed, signature = Envelope(keys).seal(b"x", "c"), keys.sign(HEAD_KEY, b"head")
    for name in (WRAPPING_KEY, HEAD_KEY):
        keys.told({name: (keys.make(name), 1)})
        keys.retire(name, 1)
        keys.retire(name, 1)  # another node of the same folder
    again = FileKeys(tmp_path / "keys", create=False)
    assert again.held()[WRAPPING_KEY] == (2,)
    assert Envelope(again).open(sealed, "c") == b"x"  # as a backup needs it
    for _ in range(2):
        again.destroy(HEAD_KEY, 1)
        again.destroy(WRAPPING_KEY, 1)
    with pytest.raises(EnvelopeError):
        Envelope(FileKeys(tmp_path / "keys", create=False)).open(sealed, "c")
    assert signer_of(again.publics(HEAD_KEY), b"head", signature) == again.public(HEAD_KEY, 1)
    assert len(again.publics(HEAD_KEY)) == 2
    assert [one.suffix for one in (tmp_path / "keys" / "retired").iterdir()] == [".pub"]


def test_an_index_says_under_which_key_it_was_made_and_both_are_looked_for(tmp_path):
    keys = FileKeys(tmp_path / "keys")
    envelope = Envelope(keys)
    before = envelope.blind_index("a", "p")
    number = keys.make(INDEX_KEY)
    keys.told({INDEX_KEY: (1, number)})
    assert envelope.blind_index("a", "p") == before
    assert envelope.blind_indexes("a", "p")[0] == before
    keys.told({INDEX_KEY: (number, 1)})
    after = envelope.blind_index("a", "p")
    assert (number_of(before), number_of(after)) == (1, 2)
    assert before[:32] != after[:32]
    assert envelope.blind_indexes("a", "p") == (after, before)


@given(
    name=st.sampled_from(["kek", "evidence-mac", "report"]),
    number=st.integers(1, 9999),
    mac=st.binary(min_size=32, max_size=32),
)
def test_ids_and_numbers_are_read_as_they_were_written(name, number, mac):
    assert part_id(key_id(name, number)) == (name, number)
    assert number_of(numbered(mac, number)) == number


@pytest.mark.parametrize("kid", ["", "kek", "kek-1", "evidence-mac-0001", "../kek-0001", "kek-0001.x", "KEK-0001"])
def test_what_is_no_id_of_a_key_names_none(kid):
    assert part_id(kid) is None


def test_a_folder_that_others_can_look_into_stops_the_start(tmp_path):
    FileKeys(tmp_path / "keys")
    (tmp_path / "keys").chmod(0o750)
    with pytest.raises(SettingsError, match="chmod 700"):
        FileKeys(tmp_path / "keys")
