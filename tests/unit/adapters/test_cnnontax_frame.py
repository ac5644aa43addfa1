"""Frames: what was sealed is opened again, and nothing that was cut, lengthened or altered passes for whole."""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.nontax.cnnontax import frame as frames
from gateway.words.errors import ContractError

TOKEN = b"development-token"
# Characters that both GBK and XML hold, the separators of markup among them.
DAYS = st.dates(date(2000, 1, 1))
TEXT = st.text(
    st.characters(codec="gbk", exclude_categories=("Cc", "Cs")) | st.sampled_from("<>&\"']]>"), min_size=1, max_size=30
)


def letter(**changes: Any) -> frames.Letter:
    fields: dict[str, Any] = {
        "number": "8997",
        "sender": "K9901000002",
        "receiver": "F990100",
        "id": "A1",
        "answers": "",
        "work_date": date(2026, 9, 17),
        "voucher": "BillQuery",
        "values": {"PayNo": "R1"},
    }
    return frames.Letter(**(fields | changes))


def resealed(old: str, new: str, of: frames.Letter | None = None) -> frames.Frame:
    """A frame whose XML was altered by somebody who has the token."""
    xml = frames.split(frames.seal(of or letter(), TOKEN)).xml
    assert old.encode() in xml
    altered = xml.replace(old.encode(), new.encode("gbk"))
    return frames.Frame("8997", altered, frames.mac(TOKEN, altered))


def with_voucher(document: bytes) -> frames.Frame:
    frame = frames.split(frames.seal(letter(), TOKEN))
    before, _, rest = frame.xml.partition(b"<Voucher>")
    xml = before + b"<Voucher>" + base64.b64encode(document) + b"</Voucher>" + rest.partition(b"</Voucher>")[2]
    return frames.Frame(frame.number, xml, frames.mac(TOKEN, xml))


# --- whole or nothing ----------------------------------------------------------------------------------------------


@given(information=TEXT, number=st.from_regex(r"[0-9A-Z]{4}", fullmatch=True), ident=st.uuids(), day=DAYS)
def test_what_was_sealed_is_opened_again(information: str, number: str, ident: Any, day: date) -> None:
    values = {"OriMsgNo": number, "Result": "00000", "Information": information}
    sealed = letter(
        number="5001", id=ident.hex, answers=ident.hex[::-1] + "0", work_date=day, voucher="Reply", values=values
    )
    frame = frames.split(frames.seal(sealed, TOKEN))
    assert frame.genuine(TOKEN)
    opened = frames.open_letter(frame)
    told = information.strip(" \t\r\n\u00a0\u3000")
    assert opened.values == {"OriMsgNo": number, "Result": "00000", **({"Information": told} if told else {})}
    assert replace(opened, values=values) == sealed


@given(st.data())
def test_a_frame_cut_anywhere_is_never_a_whole_one(data: st.DataObject) -> None:
    sealed = frames.seal(letter(), TOKEN)
    start = data.draw(st.integers(0, len(sealed) - 1))
    end = data.draw(st.integers(start, len(sealed) - 1))
    for cut in (sealed[:end], sealed[:start] + sealed[end + 1 :]):
        with pytest.raises(ValueError, match=r"."):
            frames.split(cut)


@given(st.data())
def test_no_byte_can_be_altered_unnoticed(data: st.DataObject) -> None:
    sealed = bytearray(frames.seal(letter(), TOKEN))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    try:
        frame = frames.split(bytes(sealed))
        if not frame.genuine(TOKEN):
            return
        opened = frames.open_letter(frame)
    except (ValueError, ContractError):
        return
    assert opened == letter()  # the case of a letter of the MAC


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_no_frame(content: bytes) -> None:
    for body in (content, f"{len(content) + 8:<8}".encode() + content):
        with pytest.raises(ValueError, match=r"."):
            frames.split(body)


def test_a_mac_counts_in_either_case_and_for_one_token_only() -> None:
    frame = frames.split(frames.seal(letter(), TOKEN))
    assert frame.mac == frame.mac.lower()
    upper = frames.split(frames.join(frame.number, frame.xml, frame.mac.upper()))
    assert upper.genuine(TOKEN)
    assert not frame.genuine(TOKEN + b"x")
    assert not frames.Frame(frame.number, frame.xml, frames.UNSIGNED).genuine(TOKEN)


def extended(digest: str, length: int, suffix: bytes) -> tuple[bytes, str]:
    """An unknown message of ``length`` bytes with this SHA-256, lengthened (FIPS 180-4): the padding and the digest."""

    def primes(count: int) -> list[int]:
        found: list[int] = []
        number = 2
        while len(found) < count:
            if all(number % one for one in found):
                found.append(number)
            number += 1
        return found

    def root(number: int, power: int) -> int:
        """The first 32 bits of the fractional part of a root, by whole numbers alone."""
        target, low, high = number << (32 * power), 0, number << 32
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if middle**power <= target else (low, middle - 1)
        return low & 0xFFFFFFFF

    constants = [root(number, 3) for number in primes(64)]
    state = list(struct.unpack(">8I", bytes.fromhex(digest)))
    padding = b"\x80" + b"\0" * ((55 - length) % 64) + struct.pack(">Q", length * 8)
    whole = length + len(padding) + len(suffix)
    rest = suffix + b"\x80" + b"\0" * ((55 - whole) % 64) + struct.pack(">Q", whole * 8)
    mask = 0xFFFFFFFF

    def turned(word: int, by: int) -> int:
        return (word >> by | word << (32 - by)) & mask

    for start in range(0, len(rest), 64):
        words = list(struct.unpack(">16I", rest[start : start + 64]))
        for i in range(16, 64):
            first = turned(words[i - 15], 7) ^ turned(words[i - 15], 18) ^ words[i - 15] >> 3
            second = turned(words[i - 2], 17) ^ turned(words[i - 2], 19) ^ words[i - 2] >> 10
            words.append((words[i - 16] + first + words[i - 7] + second) & mask)
        a, b, c, d, e, f, g, h = state
        for i in range(64):
            one = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + (e & f ^ ~e & g) + constants[i] + words[i]
            two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + (a & b ^ a & c ^ b & c)
            a, b, c, d, e, f, g, h = (one + two) & mask, a, b, c, (d + one) & mask, e, f, g
        state = [(old + new) & mask for old, new in zip(state, (a, b, c, d, e, f, g, h), strict=True)]
    return padding, struct.pack(">8I", *state).hex()


def test_a_message_lengthened_without_the_token_has_a_right_mac_and_is_refused() -> None:
    frame = frames.split(frames.seal(letter(), TOKEN))
    suffix = b"<CFX/>"
    padding, code = extended(frame.mac, len(TOKEN) + len(frame.xml), suffix)
    xml = frame.xml + padding + suffix
    assert code == hashlib.sha256(TOKEN + xml).hexdigest()  # the attack on the MAC works,
    with pytest.raises(ValueError, match="ASCII"):
        frames.split(frames.join(frame.number, xml, code))  # and what it makes is no frame
    with pytest.raises(ContractError):
        frames.open_letter(frames.Frame(frame.number, xml, code))


# --- content that has no place in a frame --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("<MsgNo>8997", "<MsgNo>8994", "8994"),
        ("<CFX>", "<!DOCTYPE CFX><CFX>", "DTD"),
        ("<CFX>", '<!DOCTYPE CFX [<!ENTITY a "b">]><CFX>', "DTD"),
        ("</CFX>", "", "not XML"),
        ("</CFX>", "</CFX><CFX/>", "not XML"),
        ("<SRC>K9901000002", "<SRC>", "no SRC"),
        ("<MsgID>", "<MsgID>A</MsgID><MsgID>", "twice"),
        ("20260917", "20260230", "not a day"),
        ("<VoucherCount>1", "<VoucherCount>2", "VoucherCount"),
        ("<Voucher>", "<Voucher>*", "Base64"),
    ],
)
def test_an_authentic_envelope_that_breaks_the_contract_is_refused(old: str, new: str, reason: str) -> None:
    with pytest.raises(ContractError, match=reason):
        frames.open_letter(resealed(old, new))


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "refused"),
        (b'<?xml version="1.0" encoding="GBK"?><!DOCTYPE a><BillQuery><PayNo>1</PayNo></BillQuery>', "DTD"),
        (b'<?xml version="1.0" encoding="GBK"?><BillQuery><PayNo>1</PayNo>', "not XML"),
        (b'<?xml version="1.0" encoding="GBK"?><Surprise/>', "Surprise"),
        (b"<BillQuery><PayNo>1</PayNo><PayNo>2</PayNo></BillQuery>", "two things"),
    ],
)
def test_a_voucher_that_breaks_the_contract_is_refused(document: bytes, reason: str) -> None:
    with pytest.raises(ContractError, match=reason):
        frames.open_letter(with_voucher(document))


def test_base64_in_lines_and_comments_change_nothing() -> None:
    broken = with_voucher(b'<?xml version="1.0" encoding="GBK"?><!-- a --><BillQuery><PayNo>R1</PayNo></BillQuery>')
    lines = broken.xml.replace(b"PD94", b"PD\r\n94").replace(b"<HEAD>", b"<!-- b --><HEAD>")
    assert frames.open_letter(frames.Frame("8997", lines, "")).values == {"PayNo": "R1"}


def test_what_is_about_to_be_sent_is_held_against_the_contract() -> None:
    assert frames.complaint("BillQuery", {"PayNo": "R1"}) is None
    assert "PayNo" in str(frames.complaint("BillQuery", {"PayNo": "R" * 21}))
    assert "XML" in str(frames.complaint("BillQuery", {"PayNo": "R\x00"}))
