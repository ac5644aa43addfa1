"""What the public must not read in a text: found with its place, and cut. Pure functions.

Found are shapes of numbers, what follows a word that announces it (电话, 住址, 证人 …), who is said to be under
eighteen, and whatever the case itself knows of persons. Full-width digits and letters hide nothing: texts are searched
in half-width and cut in the original. Nothing that identifies the decision is touched: decision numbers, unified codes,
amounts and payment codes stay. Rules find too little or too much, so a full text is seen by a person (``full_text``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gateway.rooms.decisions import Officer, Party, PartyKind
from gateway.words.in_texts import ADDRESS, HALF_WIDTH, PLATE
from gateway.words.law import read_toml
from gateway.words.masking import Public, is_mask, mask_published

REMOVED = "（已隐去）"


class Kind(StrEnum):
    """What was found."""

    ID_NUMBER = "id_number"
    CONTACT = "contact"
    ACCOUNT = "account"
    PLATE = "plate"
    ADDRESS = "address"
    PARTY = "party"
    OFFICER = "officer"
    THIRD_PERSON = "third_person"
    MINOR = "minor"

    @property
    def chinese(self) -> str:
        """The word on pages."""
        return _CHINESE[self]


_CHINESE = {
    Kind.ID_NUMBER: "证件号码",
    Kind.CONTACT: "联系方式",
    Kind.ACCOUNT: "银行账号",
    Kind.PLATE: "车牌号",
    Kind.ADDRESS: "住址",
    Kind.PARTY: "当事人姓名",
    Kind.OFFICER: "执法人员",
    Kind.THIRD_PERSON: "第三人姓名",
    Kind.MINOR: "未成年人",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One place in a text, as a slice of its characters, and what stands there afterwards."""

    kind: Kind
    start: int
    end: int
    becomes: str


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of persons beside the text: words to be removed, and names to be masked, each with its kind."""

    words: Sequence[tuple[str, Kind]] = ()
    names: Sequence[tuple[str, Kind]] = ()


_NUMBER = r"(?<![0-9A-Za-z])"
_NUMBER_END = r"(?![0-9A-Za-z])"
_DAY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_NUMBERS = (
    # citizen identification number, GB 11643; a mistyped one is personal data too, so the check is not asked for
    (
        Kind.ID_NUMBER,
        rf"{_NUMBER}[1-9][0-9]{{5}}[ -]?(?:18|19|20)[0-9]{{2}}{_DAY}[ -]?[0-9]{{3}}[0-9Xx]{_NUMBER_END}",
    ),
    (Kind.ID_NUMBER, r"(?:身份证|证件)(?:号码|号)?[:为]?\s*(?P<id>[0-9]{14,17}[0-9Xx])(?![0-9A-Za-z])"),
    (Kind.ID_NUMBER, r"护照(?:号码|号)?[:为]?\s*(?P<passport>[A-Za-z][A-Za-z0-9]{6,9})(?![0-9A-Za-z])"),
    (Kind.CONTACT, rf"{_NUMBER}(?:\+?86[ -]?)?1[3-9][0-9][ -]?[0-9]{{4}}[ -]?[0-9]{{4}}{_NUMBER_END}"),
    (Kind.CONTACT, rf"{_NUMBER}\(?0[0-9]{{2,3}}[) -]-?[0-9]{{7,8}}{_NUMBER_END}"),
    (Kind.CONTACT, r"(?:电话|手机)(?:号码|号)?[:为]?\s*(?P<phone>\+?[0-9][0-9 -]{5,18}[0-9])"),
    (Kind.CONTACT, r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{2,63}){1,4}"),
    (Kind.CONTACT, r"(?:微信|QQ)(?:号码|号)?[:为]?\s*(?P<chat>[A-Za-z0-9][A-Za-z0-9_-]{4,19})"),
    # bank accounts; eighteen bare digits may be a unified code, so those need the word beside them
    (Kind.ACCOUNT, rf"{_NUMBER}(?:[0-9]{{16,17}}|[0-9]{{19}}){_NUMBER_END}"),
    (Kind.ACCOUNT, rf"{_NUMBER}[0-9]{{4}}(?: [0-9]{{4}}){{3}}(?: [0-9]{{1,3}})?{_NUMBER_END}"),
    (Kind.ACCOUNT, r"(?:账号|帐号|账户|帐户|卡号|银行卡)(?:号码|号)?[:为]?\s*(?P<account>[0-9][0-9 -]{6,28}[0-9])"),
)
_PATTERNS = (
    *((kind, re.compile(pattern)) for kind, pattern in _NUMBERS),
    (Kind.PLATE, PLATE),
    (Kind.ADDRESS, ADDRESS),
)

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蒋蔡杜叶程苏魏吕丁沈姚卢姜崔"
    "钟谭陆汪范石廖贾韦付邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵覃武戴莫孔汤岑齐祁柯殷"
)
"""Common ones, without those that begin other words as well (于, 向, 万, 钱 …): a person adds such a name by hand."""
_NO_NAMES = frozenset(
    word for row in read_toml(Path(__file__).with_name("no_names.toml"))["words"] for word in row["are"]
)
_NAME = rf"(?:欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|[{_SURNAMES}])[\u4e00-\u9fff]{{1,2}}?"
_ROLES = (
    "证人|投诉人|举报人|被害人|受害人|被侵害人|见证人|监护人|代理人|委托人|邻居|消费者|顾客|购买人|承租人|出租人|房东"
    "|员工|店员|厨师|司机|驾驶员|驾驶人|乘客|患者|伤者|死者|同事|同案人"
    "|其子|其女|其妻|其夫|其父|其母|儿子|女儿|妻子|丈夫|父亲|母亲"
)
_YOUNG = "未成年人|未成年|学生|儿童|幼儿|孩子|少年"
_AFTER = (
    r"(?=[,.;:、。()\s]|$|称|说|证实|陈述|反映|举报|投诉|提供|签字|确认"
    "|电话|手机|身份证|证件|住址|持"
    "|系|是|在|于|与|和|及|的|等|向|对|到|被|曾|已|未|将|因|所)"
)
_AGE = r"(?:[0-9]|1[0-7]|[一二三四五六七八九]|十[一二三四五六七]?)"
_AGED = re.compile(rf"(?P<name>{_NAME})[(,]?(?:[男女][,、]?)?(?:现年|时年|年仅|年龄|年)?{_AGE}(?:周)?岁")
_PERSONS = (
    (Kind.MINOR, re.compile(rf"(?:{_YOUNG}):?(?P<name>{_NAME}){_AFTER}")),
    (Kind.MINOR, _AGED),
    (Kind.THIRD_PERSON, re.compile(rf"(?:{_ROLES}):?(?P<name>{_NAME}){_AFTER}")),
)


def look(text: str, known: Known = Known()) -> list[Finding]:  # immutable
    """What the public must not read, in order, no two at one place."""
    plain = text.translate(HALF_WIDTH)
    found: list[Finding] = []
    for word, kind in known.words:
        found += [_removed(kind, place) for place in _places(plain, word)]
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(plain):
            found.append(_removed(kind, match.span(match.lastgroup or 0)))
    names = dict(_read_names(plain))
    for name, kind in (*names.items(), *known.names):
        if not is_mask(name):
            found += [Finding(kind, start, end, mask_published(name)) for start, end in _places(plain, name)]
    return _apart(found)


def cut(text: str, found: Iterable[Finding]) -> Public:
    """The text with what was found cut or masked."""
    pieces, end = [], 0
    for one in found:
        pieces += [text[end : one.start], one.becomes]
        end = one.end
    return Public("".join((*pieces, text[end:])))


def known_of(party: Party, officers: Sequence[Officer] = (), *, mask_party: bool = False) -> Known:
    """What a case knows of its persons. ``mask_party``: the party's own name is hidden as well.

    An officer's name that is part of the party's stays: the party's must be told whole.
    """
    natural = party.kind is PartyKind.NATURAL_PERSON
    kinds = {"phone": Kind.CONTACT, "address": Kind.ADDRESS}
    words = [
        (value.for_official_use(), kinds.get(name, Kind.ID_NUMBER))
        for name, value in party.personal()
        if natural or name != "address"
    ]
    words += [(one.number, Kind.OFFICER) for one in officers]
    told = (party.name, party.legal_representative or "")
    names = [(one.name, Kind.OFFICER) for one in officers if not any(one.name in name for name in told)]
    if mask_party:
        names.append((party.name, Kind.PARTY))
    return Known(words, names)


def redact(text: str, party: Party, officers: Sequence[Officer] = (), *, mask_party: bool = False) -> Public:
    """A text without what the rules find and what is known of the case's persons; see ``known_of``."""
    return cut(text, look(text, known_of(party, officers, mask_party=mask_party)))


def _removed(kind: Kind, place: tuple[int, int]) -> Finding:
    return Finding(kind, *place, REMOVED)


def _places(plain: str, word: str) -> list[tuple[int, int]]:
    return [found.span() for found in re.finditer(re.escape(word.translate(HALF_WIDTH)), plain)]


def _read_names(plain: str) -> Iterable[tuple[str, Kind]]:
    """Names that the text itself says are those of minors or third persons; a minor's wins."""
    for kind, pattern in reversed(_PERSONS):
        if pattern is _AGED and "岁" not in plain:
            continue  # it would be tried at each surname
        for match in pattern.finditer(plain):
            if match["name"] not in _NO_NAMES:
                yield match["name"], kind


def _apart(found: list[Finding]) -> list[Finding]:
    """In order; of two at one place the one that begins first, or is longer."""
    apart: list[Finding] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if not apart or one.start >= apart[-1].end:
            apart.append(one)
        elif one.end > apart[-1].end:
            before = apart.pop()
            apart.append(Finding(before.kind, before.start, one.end, REMOVED))
    return apart
