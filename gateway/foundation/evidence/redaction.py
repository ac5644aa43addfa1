"""The copy of an exchange that people may read: structure kept, secrets and personal data masked. Pure.

Masked are the values of fields whose name an adapter declares ``sensitive`` or that sound like a credential, wherever
they stand (header, query, form, JSON, XML, plain text), and in all other text whatever is shaped like a resident ID
(GB 11643-1999), a mainland mobile number or a bank card. A value once masked is masked wherever it shows up again in
the same exchange. What cannot be read safely is not shown: only its size and SM3. Nothing here ever raises.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from lxml import etree

from gateway.foundation.crypto.sm import sm3
from gateway.foundation.evidence.chain import Exact
from gateway.foundation.wire.xml import XmlRefusedError, parse_xml
from gateway.ports.base import RawExchange
from gateway.words.encodings import EncodingRefusedError, from_gb18030, in_utf8, trimmed

MASK: Final = "***"
SHOWN_CHARACTERS: Final = 16 * 1024
_READ_BYTES: Final = 256 * 1024
_DECRYPTED: Final = "\n\n-- decrypted\n"
_NESTED: Final = 3
_WORD: Final = 40

# Names that always hide a value, after lower-casing and dropping punctuation: containing one of the first, being one
# of the second.
_SECRET_PARTS: Final = (
    "authorization",
    "signature",
    "secret",
    "token",
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "apikey",
    "cookie",
    "credential",
    "privatekey",
    "密码",
    "口令",
    "密钥",
)
_SECRET_NAMES: Final = frozenset({"sign", "sig", "mac", "pin", "auth", "jwt"})
_LABELS: Final = frozenset({"name", "key", "field"})

# \d is any Unicode digit here on purpose: full-width digits hide nothing.
_RESIDENT_ID: Final = re.compile(r"(?<!\d)\d{6}[ -]?(\d{4})(\d\d)(\d\d)[ -]?\d{3}[\dXxＸ](?!\d)")
_CARD: Final = re.compile(r"(?<!\d)\d(?:[ -]?\d){15,18}(?!\d)")
_MOBILE: Final = re.compile(r"(?<!\d)(?:\+?86[ -]?|0)?[1１][3-9３-９]\d[ -]?\d{4}[ -]?\d{4}(?!\d)")
_SCHEME: Final = re.compile(r"(?i)\b(bearer|basic|digest)(\s+)[^\s\"'<>,;]+")
_TOKEN: Final = re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*|\bgw[kot]_[0-9a-f]{32}_\w+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{64,}={0,2}")
_PAIR: Final = re.compile(r"(?<![\w.\-])([\w.\-]{2,60})[\"']?\s{0,8}[:=：]\s{0,8}")
_VALUE: Final = re.compile(r"\"[^\"]*(?:\"|$)|'[^']*(?:'|$)|[^\s\"'&,;，；。<>}\])]*")
_FORM: Final = re.compile(r"[\w.%\-\[\]]+=(?!=)[^&\s<>{}]*(?:&[\w.%\-\[\]]+=[^&\s<>{}]*)*")
_TAG: Final = re.compile(r"<(?:[\w.\-]+:)?([\w.\-]+)")
_MEMBER: Final = re.compile(r"\"((?:[^\"\\]|\\.){1,100})\"\s*:\s*")
_ESCAPED_DIGIT: Final = re.compile(r"(?:&#[xX]0*3|\\u003)([0-9]);?|&#0*(4[89]|5[0-7]);")
# What every text has that any of the above could find, or that is a document: most values have none of it.
_TELLING: Final = re.compile(
    r"^\s*[<{\[\"]|=|[^\W\d][\w.\-]{0,60}[\"']?\s{0,8}[:：]"
    r"|(?:\d[ -]?){11}|eyJ|gw[kot]_|(?i:bearer|basic|digest)\s|[A-Za-z0-9+/_-]{64}"
)
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_BINARY: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_CHARSET: Final = re.compile(r"charset=[\"']?([\w-]+)", re.IGNORECASE)
_DECLARED: Final = re.compile(rb"^\s*<\?xml[^>]*encoding=[\"']([\w-]+)")


@dataclass(frozen=True)
class Redacted:
    """What people see of one exchange: the address, and head and body of both sides."""

    url: str
    request: str
    response: str


def redact(exchange: RawExchange | Exact) -> Redacted:
    """The readable copy of an exchange, as it was just made or as it was kept."""
    mask = _Masker(exchange.sensitive)
    url = mask.safely(mask.url, exchange.url)
    request = _message(*mask.message(exchange.request_headers, exchange.request_body))
    if exchange.decrypted:
        request += _DECRYPTED + mask.safely(lambda text: mask.body(text, ""), exchange.decrypted)
    lines, shown = mask.message(exchange.response_headers, exchange.response_body)
    if isinstance(exchange, Exact) and exchange.read is not None:
        shown = "<long: {} bytes, SM3 {}>".format(*exchange.read)
    return Redacted(*(mask.finish(part) for part in (url, request, _message(lines, shown))))


def masked(raw: RawExchange) -> RawExchange:
    """The exchange itself with nothing left in it that its readable copy would not show."""
    mask = _Masker(raw.sensitive)
    url = mask.safely(mask.url, raw.url)
    sides = [
        mask.message(raw.request_headers, raw.request_body),
        mask.message(raw.response_headers, raw.response_body),
    ]
    decrypted = mask.safely(lambda text: mask.body(text, ""), raw.decrypted)
    (asked, request), (told, response) = (
        ([mask.finish(line) for line in lines], mask.finish(shown).encode()) for lines, shown in sides
    )
    return replace(
        raw,
        url=mask.finish(url),
        request_headers=tuple(_pair(line) for line in asked),
        request_body=request,
        response_headers=tuple(_pair(line) for line in told),
        response_body=response,
        decrypted=mask.finish(decrypted).encode(),
    )


def redact_text(text: str, sensitive: frozenset[str] = frozenset()) -> str:
    """A readable copy of one piece of text, such as the message of an error."""
    if text.isascii() and text.isalpha() and len(text) < _WORD:
        return text  # the name of an action, a method, an outcome
    mask = _Masker(sensitive)
    return mask.finish(mask.safely(mask.text, text))


def _message(lines: list[str], shown: str) -> str:
    return "\n".join([*lines, "", shown] if shown and lines else [*lines, shown] if shown else lines)


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ")
    return name, value


class _Raw(str):
    """A JSON number exactly as it was written."""

    __slots__ = ()


class _Members(list[tuple[str, Any]]):
    """A JSON object's members as they were written, repeated names included."""


class _Unreadable(Exception):
    """Not the structure it seemed to be."""


class _Masker:
    """Masks one exchange, and remembers what it masked so that the same value shows nowhere else."""

    def __init__(self, sensitive: Iterable[str]) -> None:
        self._sensitive = frozenset(sensitive)
        self._learnt: set[str] = set()

    # --- whole messages

    def message(self, headers: Sequence[tuple[str, str]], body: bytes) -> tuple[list[str], str]:
        """Head, line by line, and body."""
        kind = next((value for name, value in headers if name.lower() == "content-type"), "")
        lines = [f"{name}: {self._header(name, value)}" for name, value in headers]
        return lines, self.safely(lambda data: self.body(data, kind), body)

    def body(self, body: bytes, content_type: str) -> str:
        if not body:
            return ""
        if len(body) > _READ_BYTES:
            return _described(body, "long")
        kind = content_type.partition(";")[0].strip().lower()
        if kind.startswith("multipart/"):
            return self._multipart(body, content_type)
        text = _decoded(body, content_type)
        if text is None:
            return _described(body, "binary")
        if kind.endswith("x-www-form-urlencoded"):
            return self._form(text)
        return self._document(text, 0) or self._rough(text)

    def url(self, url: str) -> str:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        if parts.username is not None:
            self._learn(unquote(parts.username), unquote(parts.password or ""))
            host = f"{MASK}@{host}"
        shown = f"{parts.scheme}://{host}" if parts.scheme else host
        # step by step, since a slash is a letter of base64 and a long path would look like one blob
        shown += "/".join(self.text(unquote(step)) for step in parts.path.split("/"))
        if parts.query:
            shown += "?" + self._form(parts.query)
        return shown + (f"#{MASK}" if parts.fragment else "")

    def finish(self, text: str) -> str:
        """Hide what was learnt, keep it storable, and cap it."""
        for value in sorted(self._learnt, key=len, reverse=True):
            text = text.replace(value, MASK)
        text = _UNPRINTABLE.sub("\ufffd", text)
        if len(text) > SHOWN_CHARACTERS:
            text = f"{text[:SHOWN_CHARACTERS]}\n… ({len(text)} characters in all)"
        return text

    def safely(self, show: Callable[[Any], str], value: bytes | str) -> str:
        try:
            return show(value)
        except Exception:
            return _described(value if isinstance(value, bytes) else value.encode("utf-8", "replace"), "unreadable")

    # --- text

    def text(self, text: str, depth: int = 0) -> str:
        """Free text: documents inside it are opened, pairs with secret names and telling shapes are masked."""
        if not _TELLING.search(text):
            return text
        if depth < _NESTED and len(text) > 1:
            nested = self._document(text, depth + 1)
            if nested is not None:
                return nested
        if len(text) < 3:
            return text
        text = _TOKEN.sub(MASK, _SCHEME.sub(rf"\1\2{MASK}", text))
        text = _BASE64.sub(_base64_run, text)
        text = self._cut(text, _PAIR, _pair_end)
        text = _RESIDENT_ID.sub(_resident, text)
        text = _CARD.sub(_card, text)
        return _MOBILE.sub(_ends, text)

    def _header(self, name: str, value: str) -> str:
        """Most headers are the same in every exchange."""
        if self._secret(name) or len(value) > 100:
            return self._field(name, value)
        shown, learnt = _shown_header(value, self._sensitive)
        self._learnt |= learnt
        return shown

    def _field(self, name: str, value: str) -> str:
        if self._secret(name):
            self._learn(value, value.rpartition(" ")[2])
            return MASK
        return self.safely(self.text, value)

    def _secret(self, name: str) -> bool:
        return _hides(name, self._sensitive)

    def _learn(self, *values: str) -> None:
        for value in values:
            value = value.strip()
            if len(value) >= (6 if value.isascii() else 2) and value != MASK and len(self._learnt) < 256:
                self._learnt.add(value)

    # --- structures

    def _document(self, text: str, depth: int) -> str | None:
        """JSON, XML or a form inside ``text``; None if it is none of them."""
        start = text.lstrip()[:1]
        try:
            if start and start in '{["':
                return self._json(_loads(text), depth)
            if start == "<":
                return self._xml(text, depth)
        except (_Unreadable, RecursionError):
            return None
        return self._form(text) if _FORM.fullmatch(text.strip()) and "=" in text else None

    def _form(self, text: str) -> str:
        pairs = parse_qsl(text.strip(), keep_blank_values=True, errors="replace")
        return "&".join(f"{self.text(name, _NESTED)}={self._field(name, value)}" for name, value in pairs)

    def _json(self, value: Any, depth: int) -> str:
        if isinstance(value, _Members):
            label = any(_plain(key) in _LABELS and isinstance(v, str) and self._secret(v) for key, v in value)
            shown = []
            for key, member in value:
                if self._secret(key) or (label and _plain(key) == "value"):
                    self._learn(*_strings(member))
                    inner = _quoted(MASK)
                else:
                    inner = self._json(member, depth)
                shown.append(f"{_quoted(self.text(key, _NESTED))}: {inner}")
            return "{" + ", ".join(shown) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(self._json(member, depth) for member in value) + "]"
        if isinstance(value, _Raw):
            masked = self.text(value, _NESTED)
            return value if masked == value else _quoted(masked)
        if isinstance(value, str):
            return _quoted(self.text(value, depth))
        return json.dumps(value)

    def _xml(self, text: str, depth: int) -> str:
        root = _parsed_xml(text)
        hidden: set[Any] = set()
        for element in list(root.iter()):
            if element in hidden:
                continue
            if element.tail and element is not root:
                element.tail = self.text(element.tail, depth)
            if self._secret(etree.QName(element).localname):
                hidden.update(element.iterdescendants())
                self._hide(element)
                continue
            label = any(
                _plain(etree.QName(name).localname) in _LABELS and self._secret(str(value))
                for name, value in element.attrib.items()
            )
            for name, value in element.attrib.items():
                plain = etree.QName(name).localname
                secret = self._secret(plain) or (label and _plain(plain) == "value")
                if secret:
                    self._learn(str(value))
                element.attrib[name] = MASK if secret else self.text(str(value), depth)
            if label and (element.text or len(element)):
                hidden.update(element.iterdescendants())
                self._hide(element, attributes=False)
            elif element.text:
                element.text = self.text(element.text, depth)
        return str(etree.tostring(root, encoding="unicode", with_tail=False))

    def _hide(self, element: Any, *, attributes: bool = True) -> None:
        for name, value in element.attrib.items() if attributes else ():
            self._learn(str(value))
            element.attrib[name] = MASK
        self._learn(*element.itertext())
        for child in list(element):
            element.remove(child)
        element.text = MASK

    def _multipart(self, body: bytes, content_type: str) -> str:
        found = re.search(r'boundary="?([^";]+)', content_type)
        if not found:
            raise _Unreadable("no boundary")
        shown = []
        for part in body.split(b"--" + found[1].encode())[1:-1]:
            head, _, content = part.strip(b"\r\n").partition(b"\r\n\r\n")
            lines = [line.partition(":") for line in head.decode("utf-8", "replace").splitlines()]
            fields = {name.strip().lower(): value.strip() for name, _, value in lines}
            name = re.search(r'\bname="([^"]*)"', fields.get("content-disposition", ""))
            if name and self._secret(name[1]):
                self._learn(content.decode("utf-8", "replace"))
                inner = MASK
            else:
                inner = self.body(content, fields.get("content-type", "text/plain"))
            shown.append(f"-- {self.text(name[1], _NESTED) if name else 'part'}\n{inner}")
        return "\n".join(shown)

    def _rough(self, text: str) -> str:
        """Broken structures and plain text: after a secret name, rather too much is hidden than too little."""
        text = _ESCAPED_DIGIT.sub(lambda match: match[1] or chr(int(match[2])), text)
        text = text.replace("&lt;", "<").replace("&gt;", ">")
        text = self._cut(text, _TAG, _tag_end)
        text = self._cut(text, _MEMBER, _member_end)
        return self.text(text, _NESTED)

    def _cut(self, text: str, names: re.Pattern[str], end: Callable[[str, re.Match[str]], int]) -> str:
        """Mask from each secret name that ``names`` finds to where ``end`` says that its value ends."""
        shown, at = [], 0
        for match in names.finditer(text):
            if match.start() < at or not self._secret(match[1]):
                continue
            stop = end(text, match)
            hidden = text[match.end() : stop].strip("\"'> ")
            self._learn(hidden)
            opened = self._opened(match[1], hidden)
            shown += [text[at : match.end()], MASK if opened is None else f">{opened}"]
            at = stop
        return "".join([*shown, text[at:]])

    def _opened(self, name: str, hidden: str) -> str | None:
        """XML that stands in base64 under a secret name, as a voucher in a frame does: shown by its own other names."""
        run = "".join(hidden.split())
        if not _BASE64.fullmatch(run):
            return None
        try:
            text = _decoded(base64.b64decode(run, validate=True), "")
        except ValueError:
            return None
        if not text or not text.lstrip().startswith("<"):
            return None
        within = _Masker(one for one in self._sensitive if _plain(one) != _plain(name))
        within._learnt = self._learnt
        return within._document(text, _NESTED)


@lru_cache(maxsize=1024)
def _shown_header(value: str, sensitive: frozenset[str]) -> tuple[str, frozenset[str]]:
    """What is shown of a header's value, and which values are hidden elsewhere because of it."""
    mask = _Masker(sensitive)
    return mask.safely(mask.text, value), frozenset(mask._learnt)


@lru_cache(maxsize=4096)
def _hides(name: str, sensitive: frozenset[str]) -> bool:
    """Whether a name always hides its value."""
    plain = _plain(name)
    return (
        plain in _SECRET_NAMES
        or any(part in plain for part in _SECRET_PARTS)
        or any(plain == _plain(other) for other in sensitive)
    )


@lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _described(body: bytes, why: str) -> str:
    return f"<{why}: {len(body)} bytes, SM3 {sm3(body).hex()}>"


def _decoded(body: bytes, content_type: str) -> str | None:
    """The text of a body; None for binary data."""
    declared = _CHARSET.search(content_type)
    inside = _DECLARED.match(body[:200])
    labels = (inside[1].decode() if inside else "", declared[1] if declared else "")
    try:
        content = in_utf8(body, labels)
        document = content.lstrip(b" \t\r\n\xef\xbb\xbf")[:1] in (b"<", b"{", b"[")
        text = (trimmed(content) if document else content).decode("utf-8-sig")
    except (EncodingRefusedError, UnicodeDecodeError):  # shown as well as it can be: people look at it
        try:
            text = from_gb18030(body)
        except UnicodeDecodeError:
            return None
    return None if _BINARY.search(text) else text


def _loads(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_Members, parse_int=_Raw, parse_float=_Raw, parse_constant=_Raw)
    except ValueError:
        raise _Unreadable("not JSON") from None


def _parsed_xml(text: str) -> Any:
    try:
        return parse_xml(text.strip())
    except XmlRefusedError as error:
        raise _Unreadable(str(error)) from None


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [str(value)]
    if isinstance(value, _Members):
        return [text for _, member in value for text in _strings(member)]
    return [text for member in value for text in _strings(member)] if isinstance(value, list) else []


def _ends(match: re.Match[str]) -> str:
    """Three characters in front and two behind, enough to compare by eye."""
    return match[0][:3] + "*" * (len(match[0]) - 5) + match[0][-2:]


def _resident(match: re.Match[str]) -> str:
    """Masked if its middle is a date of birth; the check character is not asked, a mistyped number tells as much."""
    year, month, day = (int(part) for part in match.groups())
    return _ends(match) if 1800 <= year <= 2199 and 1 <= month <= 12 and 1 <= day <= 31 else match[0]


def _card(match: re.Match[str]) -> str:
    """A number is a bank card if its digits pass Luhn's check (ISO/IEC 7812-1 annex B) and begin as cards do."""
    digits = [int(character) for character in match[0] if character.isdecimal()]
    if digits[0] not in {3, 4, 5, 6, 9}:
        return match[0]
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(digits[::-1])]
    return _ends(match) if sum(doubled) % 10 == 0 else match[0]


def _base64_run(match: re.Match[str]) -> str:
    run = match[0]
    mixed = re.search("[A-Z]", run) and re.search("[a-z]", run) and re.search("[0-9+/_-]", run)
    return f"<base64: {len(run)} characters, SM3 {sm3(run.encode()).hex()[:16]}>" if mixed else run


def _tag_end(text: str, tag: re.Match[str]) -> int:
    """Where the element opened by ``tag`` ends: at its closing tag, or with the text."""
    bracket = text.find(">", tag.end())
    if bracket > 0 and text[bracket - 1] == "/":
        return bracket - 1
    closing = re.compile(rf"</(?:[\w.\-]+:)?{re.escape(tag[1])}", re.IGNORECASE).search(text, tag.end())
    return closing.start() if closing else len(text)


def _pair_end(text: str, name: re.Match[str]) -> int:
    """Where the plain value after ``name`` ends: with its quotes, or at a delimiter."""
    value = _VALUE.match(text, name.end())
    return value.end() if value else name.end()


def _member_end(text: str, name: re.Match[str]) -> int:
    """Where the JSON value after ``name`` ends, or with the text if it is broken."""
    depth, quoted, at = 0, False, name.end()
    while at < len(text):
        character = text[at]
        if quoted:
            if character == "\\":
                at += 1
            elif character == '"':
                quoted = False
        elif character == '"':
            quoted = True
        elif character in "{[":
            depth += 1
        elif character in "}]":
            if depth == 0:
                return at
            depth -= 1
        elif character == "," and depth == 0:
            return at
        at += 1
    return len(text)
