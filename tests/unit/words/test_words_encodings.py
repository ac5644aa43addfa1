"""Labels that lie: what can be read without guessing is read, and nothing is guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.words.encodings import EncodingRefusedError, from_gb18030, in_utf8, trimmed

CHINESE = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=20)
GB = st.sampled_from(["gb2312", "GBK", "gb18030", "x-gbk", "cp936"])


@given(CHINESE, GB)
def test_every_label_of_the_family_is_read_by_one_decoder(text: str, label: str) -> None:
    assert in_utf8(text.encode("gb18030"), (label,)) in (text.encode(), text.encode("gb18030"))
    assert in_utf8(f"罚款{text}".encode("gb18030"), (label,)).decode() == f"罚款{text}"


@given(CHINESE, st.sampled_from(["gbk", "gb2312", "iso-8859-1", "utf-16", "utf-8", "ebcdic", ""]))
def test_utf8_wins_over_a_label_that_says_something_else(text: str, label: str) -> None:
    noted: list[str] = []
    assert in_utf8(text.encode(), (label,), noted.append).decode() == text
    assert noted == ([f"encoding: {label} declared, UTF-8 sent"] if label not in ("utf-8", "") else [])


@pytest.mark.parametrize("text", ["通", "莫小", "小通"])
def test_chinese_in_gbk_that_passes_for_two_byte_letters_is_chinese(text: str) -> None:
    assert text.encode("gbk").decode(), "well-formed UTF-8 by accident"
    assert in_utf8(text.encode("gbk"), ("gbk",)).decode() == text


def test_the_media_type_helps_where_the_declaration_is_wrong() -> None:
    noted: list[str] = []
    assert in_utf8("望川区".encode("gbk"), ("utf-8", "GBK"), noted.append).decode() == "望川区"
    assert noted == ["encoding: utf-8 declared, gbk sent"]
    assert in_utf8("望川区".encode("gbk"), ("utf-16", "GBK")).decode() == "望川区"
    assert in_utf8("望川区".encode("gbk"), ("", "GBK")).decode() == "望川区"


@pytest.mark.parametrize("labels", [("utf-16",), ("koi8-r",), ("utf-8", "utf-8"), ("utf-16", "utf-8")])
def test_what_nobody_claimed_is_not_tried(labels: tuple[str, ...]) -> None:
    with pytest.raises(EncodingRefusedError):
        in_utf8("望川区".encode("gbk"), labels)


def test_an_unknown_label_over_plain_letters_is_refused_for_they_may_mean_others() -> None:
    with pytest.raises(EncodingRefusedError, match="utf-7"):
        in_utf8(b"+ADw-b/+AD4-", ("utf-7",))


def test_characters_that_moved_in_2022_are_where_they_are_now() -> None:
    moved = bytes.fromhex("FE59FE61FE66FE67FE6DFE7EFE90FEA0A6D9A6DAA6DBA6DCA6DDA6DEA6DFA6ECA6EDA6F3")
    text = from_gb18030(moved)
    assert text == "龴龵龶龷龸龹龺龻︐︒︑︓︔︕︖︗︘︙"
    assert len(set(text)) == 18
    assert not [letter for letter in text if "\ue000" <= letter <= "\uf8ff"]


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Co")), max_size=30))
def test_gb18030_holds_every_character(text: str) -> None:
    assert from_gb18030(text.encode("gb18030")) == text


@given(
    st.binary(max_size=6).map(lambda junk: bytes(b" \t\r\n"[one % 4] for one in junk)),
    st.binary(max_size=6).map(lambda junk: bytes(b" \r\n\0\x1a"[one % 5] for one in junk)),
    st.booleans(),
)
def test_only_what_stands_around_a_document_is_taken_off(before: bytes, after: bytes, mark: bool) -> None:
    noted: list[str] = []
    content = trimmed(before + b"\xef\xbb\xbf" * mark + b"<a> \0 </a>" + after, noted.append)
    assert content.rstrip(b" \r\n") == b"<a> \0 </a>"
    assert ("byte order mark" in noted) == mark
    assert ("blanks before the document" in noted) == bool(before)
    assert ("NUL or Ctrl-Z behind the document" in noted) == (b"\0" in after or b"\x1a" in after)
