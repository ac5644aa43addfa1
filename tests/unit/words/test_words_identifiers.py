"""Codes are judged by their standards, refused with a reason, and ids of our own never repeat."""

from __future__ import annotations

import ast
import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric, uscc
from stdnum.iso7064 import mod_11_2, mod_11_10

from gateway.words import identifiers
from gateway.words.identifiers import (
    USCC_ALPHABET,
    USCC_PLACEHOLDER,
    check_encodable,
    check_payment_code,
    check_registration_number,
    check_resident_id,
    check_uscc,
    claim_prefix,
    clean_text,
    new_id,
    new_reference,
    organisation_check_digit,
    registration_check_digit,
    resident_check_character,
    uscc_check_character,
)

VALID_CODES = [
    "91350100M000100Y43",
    "91110108MA01A2B32G",
    "92440106MA5C9XYTXY",
    "11320602014123458B",
    "513301005012345694",
    "91320582MA1MABCD63",
    "12460100MB0Y12344U",
    "93510100MA6C7D8E88",
]


# --- unified code --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", VALID_CODES)
def test_a_right_unified_code_passes_without_warning_and_falls_into_its_parts(code: str) -> None:
    checked = check_uscc(code)
    assert (checked.department, checked.category, checked.region) == (code[0], code[1], code[2:8])
    assert checked.organisation == code[8:17]
    assert checked.warnings == ()
    assert checked.individual_business == code.startswith("92")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("91350100M000100Y44", "require '3'"),
        ("91110108MA01A2B32H", "require 'G'"),
        ("92440106MA5C9XYTX0", "require 'Y'"),
        ("11320602014123458C", "require 'B'"),
        ("513301005012345695", "require '4'"),
        ("91320582MA1MABCD64", "require '3'"),
        ("12460100MB0Y12344W", "require 'U'"),
        ("93510100MA6C7D8E89", "require '8'"),
        ("91350100M900100Y43", "check character"),
        ("91110108M901A2B32G", "check character"),
        ("92440106M95C9XYTXY", "check character"),
        ("11320602094123458B", "check character"),
        ("513301005912345694", "check character"),
        ("91320582M91MABCD63", "check character"),
        ("12460100M90Y12344U", "check character"),
        ("93510100M96C7D8E88", "check character"),
        ("91350100MO00100Y43", "character 10, 'O', is one of I, O, S, V, Z"),
        ("91350100M000100Y4", "this has 17"),
        ("", "this has 0"),
        ("9135A100M000100Y43", "character 5, 'A', lies in the region code"),
        ("91350100m000100Y43", "lower case"),
        ("91350100M000100Y4３", "character 18"),
        ("91350100M000100Y4\n", r"U\+000A"),
        (USCC_PLACEHOLDER, "identify nobody"),
    ],
)
def test_a_wrong_unified_code_is_refused_with_its_precise_reason(code: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_uscc(code)


def test_a_wrong_embedded_organisation_code_is_a_warning_because_old_codes_deviate() -> None:
    assert tuple(map(str, check_uscc("91350100M000100Y56").warnings)) == (
        "the embedded organisation code M000100Y5 should end in '4' (GB 11714)",
    )


def test_seventeen_zeros_and_x_pass_only_by_explicit_exemption() -> None:
    checked = check_uscc(USCC_PLACEHOLDER, allow_placeholder=True)
    assert checked.placeholder
    assert not check_uscc(VALID_CODES[0], allow_placeholder=True).placeholder


regions = st.from_regex(r"[1-9][0-9]{5}", fullmatch=True)
bodies = st.builds(
    lambda head, region, organisation: head + region + organisation + organisation_check_digit(organisation),
    st.sampled_from(["11", "12", "51", "52", "91", "92", "93", "A1", "N2", "Y1"]),
    regions,
    st.text(USCC_ALPHABET, min_size=8, max_size=8),
)


@given(bodies, st.integers(0, 17), st.sampled_from(USCC_ALPHABET))
def test_one_mistyped_character_in_a_unified_code_is_always_noticed(body: str, at: int, wrong: str) -> None:
    code = body + uscc_check_character(body)
    assert check_uscc(code).warnings == ()
    damaged = code[:at] + wrong + code[at + 1 :]
    if damaged != code:
        with pytest.raises(ValueError):
            check_uscc(damaged)


@given(bodies.filter(lambda body: body[:2].isdigit()))
def test_python_stdnum_agrees_wherever_it_knows_the_department(body: str) -> None:
    code = body + uscc_check_character(body)
    assert uscc.is_valid(code)
    assert uscc.calc_check_digit(body) == code[17]


# --- resident identity number --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number", ["11010519491231002X", "440106200012314536", "110108198506150021", "320682199001011231"]
)
def test_a_right_resident_number_passes_even_if_its_region_was_renumbered_later(number: str) -> None:
    checked = check_resident_id(number)
    assert checked.born_on == date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    assert checked.sex == ("male" if number[16] in "13579" else "female")


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("110105194912310021", "check character"),
        ("320682199002301230", "not a day"),
        ("32068219900230123", "this has 17"),
        ("11010519491231002x", "capital X"),
        ("1101051949123100２X", "17 digits"),
        ("01010519491231002X", "begins with 0"),
    ],
)
def test_a_wrong_resident_number_is_refused_without_being_repeated(number: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        check_resident_id(number)
    assert number not in str(caught.value)


def test_nobody_is_born_in_the_future() -> None:
    body = "99010020270101001"
    number = body + resident_check_character(body)
    assert check_resident_id(number).born_on == date(2027, 1, 1)
    with pytest.raises(ValueError, match="future"):
        check_resident_id(number, today=date(2026, 12, 31))


@given(st.dates(date(1985, 1, 1), date(2020, 12, 31)), st.integers(1, 999))
def test_python_stdnum_agrees_on_resident_numbers_of_a_region_it_knows(born: date, serial: int) -> None:
    body = f"110101{born:%Y%m%d}{serial:03d}"
    number = body + resident_check_character(body)
    assert ric.is_valid(number)
    assert check_resident_id(number).born_on == ric.get_birth_date(number)


@given(st.from_regex(r"[1-9][0-9]{16}", fullmatch=True))
def test_the_resident_check_character_is_iso_7064_mod_11_2(body: str) -> None:
    assert resident_check_character(body) == mod_11_2.calc_check_digit(body)


# --- registration number -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "kind"),
    [("110108000000016", "domestic"), ("440106000012344", "domestic"), ("320602000056784", "domestic")],
)
def test_a_right_registration_number_passes(number: str, kind: str) -> None:
    checked = check_registration_number(number)
    assert (checked.organ, checked.kind) == (number[:6], kind)


def test_the_serial_tells_whom_the_number_was_given_to() -> None:
    for first, kind in [("3", "domestic"), ("5", "foreign"), ("6", "individual_business")]:
        body = f"990102{first}0000123"
        assert check_registration_number(body + registration_check_digit(body)).kind == kind


@given(st.from_regex(r"[0-9]{14}", fullmatch=True))
def test_the_registration_check_digit_is_iso_7064_mod_11_10(body: str) -> None:
    assert registration_check_digit(body) == mod_11_10.calc_check_digit(body)


@pytest.mark.parametrize(
    "number", ["110108000000017", "11010800000001", "1101080000000160", "11010800000001X", "１" * 15]
)
def test_a_wrong_registration_number_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match=r"15 digits|require"):
        check_registration_number(number)


# --- payment code --------------------------------------------------------------------------------------------------


def test_a_payment_code_is_twenty_digits_with_region_and_year() -> None:
    checked = check_payment_code("32068221300000000036", region="320682")
    assert (checked.region, checked.year) == ("320682", "21")


@pytest.mark.parametrize(
    ("code", "region", "reason"),
    [
        ("3206822130000000003", None, "this has 19"),
        ("３" * 20, None, "other characters"),
        ("3206822130000000003X", None, "other characters"),
        ("32068221300000000036\n", None, "this has 21"),
        ("32068221300000000036", "990102", "expected region 990102"),
    ],
)
def test_a_wrong_payment_code_is_refused(code: str, region: str | None, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_payment_code(code, region)


def test_a_region_may_bring_its_own_rule_about_payment_codes() -> None:
    def even(code: str) -> str | None:
        return "odd codes are not issued here" if int(code) % 2 else None

    assert check_payment_code("99010226300000000036", rule=even)
    with pytest.raises(ValueError, match="odd codes"):
        check_payment_code("99010226300000000037", rule=even)


# --- our own -------------------------------------------------------------------------------------------------------


def test_ids_are_uuid_version_7_and_grow_strictly_even_across_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(lambda _: [new_id("pay") for _ in range(500)], range(8)))
    for batch in batches:
        assert batch == sorted(batch)
    ids = [one for batch in batches for one in batch]
    assert len(set(ids)) == len(ids)
    for one in ids[:50]:
        assert re.fullmatch(r"pay_[0-9a-f]{32}", one)
        assert UUID(one[4:]).version == 7
        assert UUID(one[4:]).variant == "specified in RFC 4122"


def test_no_two_kinds_of_record_share_a_prefix() -> None:
    source = Path(identifiers.__file__).read_text(encoding="utf-8")
    (table,) = (
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PREFIXES"
    )
    assert isinstance(table, ast.Dict)
    written = [key.value for key in table.keys if isinstance(key, ast.Constant)]
    prefixes = [*written, *prefixes_claimed()]
    assert len(set(prefixes)) == len(prefixes) == len(table.keys) + len(prefixes_claimed())
    assert len(set(identifiers.PREFIXES.values())) == len(identifiers.PREFIXES)
    used = prefixes_used()
    assert {prefix: files for prefix, files in used.items() if prefix not in prefixes} == {}
    assert set(prefixes) - used.keys() == set()


def prefixes_claimed() -> list[str]:
    """Each prefix that a room claims for records of its own."""
    root = Path(identifiers.__file__).parents[1]
    sources = [file.read_text(encoding="utf-8") for file in sorted((root / "rooms").rglob("*.py"))]
    return [prefix for source in sources for prefix in re.findall(r"\bclaim_prefix\(\"([a-z]+)\"", source)]


def prefixes_used() -> dict[str, set[str]]:
    """Each prefix that the code makes ids with, and the rooms and parts that do."""
    root = Path(identifiers.__file__).parents[1]
    found: dict[str, set[str]] = {}
    for file in root.rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        for prefix in re.findall(r"""\bnew_id\("([^"]*)"\)|"([a-z]{3})_" \+ sm3""", source):
            prefix = "".join(prefix)
            found.setdefault(prefix, set()).add(file.relative_to(root).as_posix())
    return found


def test_the_ids_of_exchanges_and_of_exceptions_are_told_apart() -> None:
    used = prefixes_used()
    assert all(file.startswith("foundation/evidence/") for file in used["xch"])
    assert all(file.startswith("rooms/") for file in used["exc"])


def test_a_prefix_belongs_to_one_kind_of_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identifiers, "PREFIXES", dict(identifiers.PREFIXES))
    claim_prefix("msg", "message to an officer")
    claim_prefix("msg", "message to an officer")
    assert new_id("msg").startswith("msg_")
    for prefix, kind in (("msg", "something else"), ("pay", "payee"), ("M", "short"), ("pay_", "odd")):
        with pytest.raises(ValueError, match="prefix"):
            claim_prefix(prefix, kind)
    with pytest.raises(ValueError, match="no kind of record"):
        new_id("zzz")


def test_references_have_exactly_the_declared_format_and_do_not_repeat() -> None:
    references = {new_reference(20, "0123456789", prefix="99") for _ in range(2000)}
    assert len(references) == 2000
    assert all(re.fullmatch(r"99[0-9]{18}", reference) for reference in references)


@pytest.mark.parametrize(
    ("length", "alphabet", "prefix"), [(8, "0123456789", ""), (20, "0", ""), (20, "", ""), (20, "01", "AB")]
)
def test_a_format_too_narrow_to_stay_unique_is_refused(length: int, alphabet: str, prefix: str) -> None:
    with pytest.raises(ValueError, match="no room"):
        new_reference(length, alphabet, prefix)


# --- text ----------------------------------------------------------------------------------------------------------


@given(st.text())
def test_cleaned_text_is_composed_trimmed_visible_and_stays_as_it_is(text: str) -> None:
    try:
        cleaned = clean_text(text)
    except ValueError:
        return
    assert cleaned == unicodedata.normalize("NFC", text).strip()
    assert clean_text(cleaned) == cleaned
    assert not {unicodedata.category(character) for character in cleaned} & {"Cc", "Cf", "Cs", "Cn"}


@pytest.mark.parametrize(
    "character", ["\x00", "\n", "\t", "\x7f", "\x85", "\u200b", "\u202e", "\ufeff", "\u2028", "\ud800"]
)
def test_text_that_hides_something_is_refused_by_its_place(character: str) -> None:
    with pytest.raises(ValueError, match=f"character 2 \\(U\\+{ord(character):04X}\\)"):
        clean_text(f"味{character}安")


def test_line_feeds_pass_only_where_lines_are_meant() -> None:
    assert clean_text("第一行\n第二行", multiline=True) == "第一行\n第二行"


def test_a_name_that_the_other_side_cannot_write_is_named_by_its_character() -> None:
    assert check_encodable("味安副食店", "gbk") == "味安副食店"
    with pytest.raises(ValueError, match=r"character 2, '𠮷' \(U\+20BB7\), cannot be written in GBK"):
        check_encodable("张𠮷", "gbk")


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_every_line_end_of_a_text_area_is_one(end: str) -> None:
    assert clean_text(f"占道{end}堆放\t建材。{end}", multiline=True) == "占道\n堆放 建材。"
    if end != "\n":
        with pytest.raises(ValueError, match="character 3"):
            clean_text(f"占道{end}堆放")


def test_a_tab_in_a_single_line_is_refused_and_so_are_hiding_characters_in_a_text() -> None:
    with pytest.raises(ValueError, match="control"):
        clean_text("占道\t堆放")
    with pytest.raises(ValueError, match="invisible"):
        clean_text("占道\u202e堆放\r\n", multiline=True)
