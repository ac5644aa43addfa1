"""What the public must not read in a text: pure functions.

Full-width digits and letters hide nothing: texts are searched in half-width and cut in the original. Nothing that
identifies the decision is touched: decision numbers, unified codes, amounts and payment codes stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gateway.rooms.decisions import Officer, Party, PartyKind
from gateway.words.masking import mask_published

REMOVED = "（已隐去）"

_HALF_WIDTH = {full: full - 0xFEE0 for full in range(0xFF01, 0xFF5F)}
_NUMBER = r"(?<![0-9A-Za-z])"
_NUMBER_END = r"(?![0-9A-Za-z])"
_DAY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        # citizen identification number, GB 11643; a mistyped one is personal data too, so the check is not asked for
        rf"{_NUMBER}[1-9][0-9]{{5}}[ -]?(?:18|19|20)[0-9]{{2}}{_DAY}[ -]?[0-9]{{3}}[0-9Xx]{_NUMBER_END}",
        r"(?:身份证|证件)(?:号码|号)?[:为]?\s*(?P<id>[0-9]{14,17}[0-9Xx])(?![0-9A-Za-z])",
        r"护照(?:号码|号)?[:为]?\s*(?P<passport>[A-Za-z][A-Za-z0-9]{6,9})(?![0-9A-Za-z])",
        # telephones
        rf"{_NUMBER}(?:\+?86[ -]?)?1[3-9][0-9][ -]?[0-9]{{4}}[ -]?[0-9]{{4}}{_NUMBER_END}",
        rf"{_NUMBER}\(?0[0-9]{{2,3}}[) -]-?[0-9]{{7,8}}{_NUMBER_END}",
        r"(?:电话|手机)(?:号码|号)?[:为]?\s*(?P<phone>\+?[0-9][0-9 -]{5,18}[0-9])",
        # bank accounts; eighteen bare digits may be a unified code, so those need the word beside them
        rf"{_NUMBER}(?:[0-9]{{16,17}}|[0-9]{{19}}){_NUMBER_END}",
        rf"{_NUMBER}[0-9]{{4}}(?: [0-9]{{4}}){{3}}(?: [0-9]{{1,3}})?{_NUMBER_END}",
        r"(?:账号|帐号|账户|帐户|卡号|银行卡)(?:号码|号)?[:为]?\s*(?P<account>[0-9][0-9 -]{6,28}[0-9])",
        # plates, GA 36
        rf"[{_PROVINCES}][A-HJ-NP-Z][·.]?[A-HJ-NP-Z0-9]{{4,5}}[A-HJ-NP-Z0-9挂学警]{_NUMBER_END}",
        # home addresses
        r"(?:家庭住址|现住址|住址|户籍所在地|户籍地|现住)[:为]?\s*(?P<home>[^,。;\n()]{2,80})",
    )
)


def redact(text: str, party: Party, officers: Sequence[Officer] = (), *, mask_party: bool = False) -> str:
    """A text without ID numbers, telephones, bank accounts, plates and home addresses.

    What is known of the party is removed word for word. ``mask_party``: the party's own name is masked as well.
    ``officers`` lose their certificate numbers, and their names are masked; where an officer's name is part of the
    party's, it stays: the party's must be told whole.
    """
    natural = party.kind is PartyKind.NATURAL_PERSON
    known = [party.id_number, party.phone, party.address if natural else None, *(one.number for one in officers)]
    cleaned = _cut(text, known)
    for officer in officers:
        if not any(officer.name in name for name in (party.name, party.legal_representative or "")):
            cleaned = cleaned.replace(officer.name, mask_published(officer.name))
    return cleaned.replace(party.name, mask_published(party.name)) if mask_party else cleaned


def _cut(text: str, known: Iterable[str | None]) -> str:
    plain = text.translate(_HALF_WIDTH)
    spans = []
    for word in known:
        if word:
            spans += [found.span() for found in re.finditer(re.escape(word.translate(_HALF_WIDTH)), plain)]
    for pattern in _PATTERNS:
        for found in pattern.finditer(plain):
            group = found.lastgroup
            spans.append(found.span(group) if group else found.span())
    pieces, end = [], 0
    for start, stop in sorted(spans):
        if start >= end:
            pieces += [text[end:start], REMOVED]
        end = max(end, stop)
    return "".join((*pieces, text[end:]))
