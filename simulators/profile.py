"""What a province has otherwise than a contract: names, codes, words, fields, manners of the wire. Data, not code.

A profile makes a system of its own out of one that is there: the same books and the same behaviour, spoken otherwise.
Its file says whose contract it is (``system``), what it is called, and below ``profile`` what differs; for portals that
part is also what the gateway's channel has as its setting ``profile``. Everything else of the simulators knows the
contract's words alone: what comes is turned into them at the door, and what leaves is turned back.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lxml import etree

from simulators import scenario
from simulators.leeway import Leeway
from simulators.naming import mistakes, unknown
from simulators.signing import PARTS, Scheme
from simulators.state import Document
from simulators.xml import parse_xml

if TYPE_CHECKING:
    from simulators.system import System

FOLDER = Path(__file__).with_name("profiles")
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_SLASHED = re.compile(r"(\d{4})/(\d{2})/(\d{2})")
#: Where a result code stands, and its words beside it.
_CODES = {"code": "message", "Result": "Information", "Code": "Message"}
_RESPONSE = "Response"

_TEXT: Document = {"type": "string", "minLength": 1}
_TEXTS: Document = {"type": "object", "additionalProperties": _TEXT}
_NAMES: Document = {"type": "object", "additionalProperties": {"type": "string", "pattern": r"^[A-Za-z_][\w.-]{0,63}$"}}
_BY_OPERATION: Document = {"type": "object", "additionalProperties": {"type": "object"}}


def _members(**properties: Document) -> Document:
    return {"type": "object", "additionalProperties": False, "properties": properties}


_PROFILE = _members(
    paths={"type": "object", "additionalProperties": {"type": "string", "pattern": r"^/[\w.~/{}-]{1,200}$"}},
    names=_NAMES,
    absent={"type": "array", "items": _TEXT},
    codes=_TEXTS,
    states=_TEXTS,
    marks=_TEXTS,
    joined={"type": "object", "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 3}},
    days={"enum": ["dashed", "slashed"]},
    signing=_members(
        **dict.fromkeys(("text", "node", "timestamp", "nonce", "signature"), _TEXT),
        digest={"enum": ["sm3", "sha256"]},
        stamp={"enum": ["millis", "seconds"]},
        written={"enum": ["hex", "base64"]},
    ),
    search=_TEXTS,
    pages={
        **_members(page=_TEXT, size=_TEXT, rows={"type": "integer"}, most={"type": "integer"}),
        "required": ["page"],
    },
    mask={"enum": ["none", "first", "last"]},
)
SCHEMA: Document = {
    **_members(
        name={"type": "string", "pattern": "^[a-z][a-z0-9-]*$"},
        system=_TEXT,
        title=_TEXT,
        settings={"type": "object"},
        profile=_PROFILE,
        words={"type": "object", "additionalProperties": _TEXTS},
        texts=_TEXTS,
        asked=_BY_OPERATION,
        answered=_BY_OPERATION,
        wire=_members(
            encoding={"enum": ["UTF-8", "GBK", "GB18030"]},
            status={"type": "integer", "minimum": 200, "maximum": 599},
            media_type=_TEXT,
            namespaces=_TEXTS,
            within=_members(asked=_TEXT, answered=_TEXT),
        ),
    ),
    "required": ["name", "system", "title"],
}
"""The JSON schema of a profile's file."""


@dataclass(frozen=True)
class Profile:
    """What is said otherwise. Names and words of the contract are ``ours``, the province's ``theirs``."""

    paths: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    joined: Mapping[str, str] = field(default_factory=dict)
    slashed: bool = False
    #: Member, by our name → their word → ours.
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: Result code, ours → what is said with it.
    texts: Mapping[str, str] = field(default_factory=dict)
    #: Operation → path of a member that it needs besides → the JSON schema of its value.
    asked: Mapping[str, Mapping[str, Document]] = field(default_factory=dict)
    #: Operation (``*``: each) → path of a member that its answers have besides → value.
    answered: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    signing: Scheme | None = None
    search: Mapping[str, str] = field(default_factory=dict)
    pages: Mapping[str, Any] = field(default_factory=dict)
    mask: str = "none"
    encoding: str = "UTF-8"
    #: The HTTP status of every answer; None: that of the contract.
    status: int | None = None
    media_type: str = ""
    #: Namespaces of XML, ours → theirs.
    namespaces: Mapping[str, str] = field(default_factory=dict)
    #: ``asked``, ``answered``: the member in which everything stands, of answers all but code and words.
    within: Mapping[str, str] = field(default_factory=dict)

    def theirs(self, name: str) -> str:
        """What a member of ours is called."""
        base = name.removesuffix(_RESPONSE)
        if name not in self.names and name.endswith(_RESPONSE) and base in self.names:
            return self.names[base] + _RESPONSE
        return self.names.get(name, name)

    def ours(self, name: str) -> str:
        """What a member of theirs is called in the contract."""
        known = {theirs: ours for ours, theirs in self.names.items()}
        base = name.removesuffix(_RESPONSE)
        if name not in known and name.endswith(_RESPONSE) and base in known:
            return known[base] + _RESPONSE
        return known.get(name, name)

    # --- JSON --------------------------------------------------------------------------------------------------------

    def bytes_of(self, value: Any, operation: str) -> bytes:
        """A JSON message of the contract as the province writes it."""
        told = self._outward(value)
        if isinstance(told, dict):
            kept = {self.theirs(name) for name in ("code", "message")}
            if within := self.within.get("answered"):
                inner = {name: one for name, one in told.items() if name not in kept}
                told = {name: one for name, one in told.items() if name in kept} | {within: inner}
            for path, one in self._besides(operation):
                holder, last = _reached(told, path)
                holder[last] = one
        return json.dumps(told, ensure_ascii=False).encode(self.encoding)

    def content_of(self, body: bytes, operation: str) -> tuple[Any, list[str]]:
        """A JSON message of the province in the contract's words, and what is wrong with its additions. ValueError."""
        told = json.loads(body.decode(self.encoding))
        if (within := self.within.get("asked")) and isinstance(told, dict):
            told = told.get(within)
        wrong = []
        for path, schema in self.asked.get(operation, {}).items():
            holder, last = _reached(told, path) if isinstance(told, dict) else ({}, path)
            wrong += mistakes(schema, holder.pop(last), path) if last in holder else [f"{path}: is missing"]
        return self._inward(told), wrong

    def answer_of(self, body: bytes) -> Any:
        """A JSON answer of the province in the contract's words. ValueError."""
        told = json.loads(body.decode(self.encoding))
        within = self.within.get("answered", "")
        if isinstance(told, dict) and isinstance(inner := told.get(within), dict):
            told = {name: one for name, one in told.items() if name != within} | inner
        return self._inward(told)

    def in_our_words(self, body: bytes) -> bytes:
        """An answer in the contract's words; as it came where it is neither JSON nor XML."""
        try:
            if body.lstrip()[:1] == b"<":
                return etree.tostring(self._renamed(parse_xml(body), outward=False))
            return json.dumps(self.answer_of(body), ensure_ascii=False).encode()
        except ValueError:
            return body

    def _besides(self, operation: str) -> Iterator[tuple[str, Any]]:
        yield from {**self.answered.get("*", {}), **self.answered.get(operation, {})}.items()

    def _outward(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {
                self.theirs(ours): self._outward(self._said(value, ours), ours)
                for ours in value
                if ours not in self.absent
            }
        if name in self.joined and isinstance(value, list):
            return self.joined[name].join(value)
        if isinstance(value, list):
            return [self._outward(one, name) for one in value]
        return self._told(name, value) if isinstance(value, str) else value

    def _said(self, value: Document, name: str) -> Any:
        """The value of a member, with the province's words where it goes with a result code."""
        code = next((code for code, words in _CODES.items() if words == name and code in value), "")
        return self.texts.get(str(value.get(code)), value[name])

    def _told(self, name: str, text: str) -> str:
        for theirs, ours in self.words.get(name, {}).items():
            if ours == text:
                return theirs
        return "/".join(day.groups()) if self.slashed and (day := _DAY.fullmatch(text)) else text

    def _inward(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            read = {self.ours(str(theirs)): one for theirs, one in value.items()}
            return {ours: self._inward(one, ours) for ours, one in read.items()}
        if name in self.joined and isinstance(value, str):
            return value.split(self.joined[name])
        if isinstance(value, list):
            return [self._inward(one, name) for one in value]
        return self._meant(name, value) if isinstance(value, str) else value

    def _meant(self, name: str, text: str) -> str:
        if text in (words := self.words.get(name, {})):
            return words[text]
        return "-".join(day.groups()) if self.slashed and (day := _SLASHED.fullmatch(text)) else text

    # --- XML ---------------------------------------------------------------------------------------------------------

    def written(self, root: etree._Element, operation: str) -> bytes:
        """An XML document of the contract as the province writes it; of a SOAP envelope, what stands in it."""
        made = self._renamed(root, outward=True)
        for path, value in self._besides(operation):
            *above, last = path.split(".")
            payload = _payload(made)
            holder = payload.find("/".join(f"{{*}}{one}" for one in above)) if above else payload
            if holder is not None:
                space = etree.QName(holder).namespace
                etree.SubElement(holder, f"{{{space}}}{last}" if space else last).text = str(value)
        written: bytes = etree.tostring(made, xml_declaration=True, encoding=cast(Any, self.encoding))
        return written

    def read(self, body: bytes) -> tuple[bytes, list[str]]:
        """An XML document of the province in the contract's words, and what is wrong with its additions. ValueError."""
        root = parse_xml(body)
        payload, wrong = _payload(root), []
        for path, schema in self.asked.get(self.ours(etree.QName(payload).localname), {}).items():
            found = payload.find("/".join(f"{{*}}{one}" for one in path.split(".")))
            if found is None:
                wrong.append(f"{path}: is missing")
                continue
            wrong += mistakes(schema, found.text or "", path)
            if (holder := found.getparent()) is not None:
                holder.remove(found)
        return etree.tostring(self._renamed(root, outward=False), xml_declaration=True, encoding="UTF-8"), wrong

    def described(self, text: str) -> str:
        """A WSDL or XML schema of the contract with the province's names and namespaces."""
        for ours, theirs in self.namespaces.items():
            text = text.replace(f'"{ours}"', f'"{theirs}"')
        return re.sub(r'(?<=")((?:\w+:)?)(\w+)(?=")', lambda found: found[1] + self.theirs(found[2]), text)

    def _renamed(self, root: etree._Element, *, outward: bool) -> etree._Element:
        spaces = self.namespaces if outward else {theirs: ours for ours, theirs in self.namespaces.items()}
        made = _copied(root, spaces)
        for element in made.iter(etree.Element):
            name = etree.QName(element)
            if name.namespace == _SOAP:
                continue
            ours = name.localname if outward else self.ours(name.localname)
            other = self.theirs(ours) if outward else ours
            element.tag = f"{{{name.namespace}}}{other}" if name.namespace else other
            if not len(element) and element.text:
                element.text = self._told(ours, element.text) if outward else self._meant(ours, element.text)
        if outward and self.texts:
            _spoken(root, made, self.texts)
        for element in [one for one in made.iter(etree.Element) if outward and self.ours(_local(one)) in self.absent]:
            if (holder := element.getparent()) is not None:
                holder.remove(element)
        return made


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname


def _copied(root: etree._Element, spaces: Mapping[str, str]) -> etree._Element:
    """A copy with other namespaces."""
    if not spaces:
        return copy.deepcopy(root)
    text = etree.tostring(root, encoding="unicode")
    for before, behind in spaces.items():
        text = text.replace(f'"{before}"', f'"{behind}"')
    return parse_xml(text.encode())


def _spoken(ours: etree._Element, made: etree._Element, texts: Mapping[str, str]) -> None:
    """Put the province's words where a result code of the contract has some."""
    for was, now in zip(ours.iter(etree.Element), made.iter(etree.Element), strict=True):
        words = _CODES.get(_local(was), "")
        if not words or (told := texts.get(was.text or "")) is None:
            continue
        beside, there = was.getparent(), now.getparent()
        for place, one in enumerate(beside if beside is not None and there is not None else ()):
            if _local(one) == words and there is not None:
                there[place].text = told


def _payload(root: etree._Element) -> etree._Element:
    """What stands in a SOAP body, or the root of any other document."""
    body = root.find(f"{{{_SOAP}}}Body")
    return root if body is None or not len(body) else body[0]


def _reached(value: Document, path: str) -> tuple[Document, str]:
    """The object in which the last step of a path stands; made where it is not there."""
    *above, last = path.split(".")
    for step in above:
        inner = value.get(step)
        if not isinstance(inner, dict):
            inner = value[step] = {}
        value = inner
    return value, last


# --- from a file to a system ---------------------------------------------------------------------------------------


def is_one(file: Path) -> bool:
    """Whether a file is meant as a profile, and not as a scenario."""
    return file.exists() and "system" in scenario.read(file.read_text(encoding="utf-8"))


def shipped() -> dict[str, Path]:
    """The profiles that come with the simulators, by name."""
    return {file.stem: file for file in sorted(FOLDER.glob("*.toml"))}


def load(named: Path) -> System:
    """The system that a profile makes, a file or the name of one that is shipped. ValueError names each wrong place."""
    from simulators import systems

    file = named if named.exists() else shipped().get(str(named), named)
    try:
        told = scenario.read(file.read_text(encoding="utf-8"))
        if wrong := mistakes(SCHEMA, told):
            raise ValueError("\n  ".join(wrong))
        (base,) = systems.load([told["system"]])
        return system_of(told, base)
    except OSError as missing:
        raise ValueError(f"{missing}; shipped profiles are {', '.join(shipped())}") from None
    except ValueError as wrong_places:
        raise ValueError(f"{file}: {wrong_places}") from None


def system_of(told: Document, base: System) -> System:
    """The system that a profile makes of another. ValueError names each place that is wrong."""
    profile, wire = told.get("profile", {}), told.get("wire", {})
    if wrong := list(_wrong(told, base)):
        raise ValueError("\n  ".join(wrong))
    words: dict[str, Mapping[str, str]] = {**dict.fromkeys(_CODES, profile.get("codes", {}))}
    words |= {"state": profile.get("states", {})} | dict.fromkeys(("marks", "mark"), profile.get("marks", {}))
    made = Profile(
        **{name: profile[name] for name in ("paths", "names", "joined", "search", "pages", "mask") if name in profile},
        **{name: wire[name] for name in ("encoding", "status", "media_type", "namespaces", "within") if name in wire},
        **{name: told[name] for name in ("texts", "asked", "answered") if name in told},
        absent=tuple(profile.get("absent", ())),
        slashed=profile.get("days") == "slashed",
        words=words | told.get("words", {}),
        signing=Scheme(**profile["signing"]) if "signing" in profile else None,
    )
    settings = replace(base.settings, defaults={**base.settings.defaults, **told.get("settings", {})})
    return replace(base, name=told["name"], title=told["title"], settings=settings, profile=made)


def _wrong(told: Document, base: System) -> Iterator[str]:
    """What the contract and the system say against a profile."""
    leeway, profile = Leeway(base.contract), told.get("profile", {})
    names = profile.get("names", {})
    known = leeway.declared | base.operations
    if base.streams and (more := sorted(set(told) - _OF_ANY)):
        yield f"{base.name} speaks frames: their manners are its settings, and it has no {', '.join(more)}"
    named = [("profile.names", names), ("profile.absent", profile.get("absent", ())), ("words", told.get("words", {}))]
    for place, ours in [*named, ("profile.joined", profile.get("joined", {}))]:
        yield from (f"{place}: {unknown('member', one, known)}" for one in ours if one not in known)
    yield from _doubled(names, leeway.declared)
    for place, codes in (("profile.codes", profile.get("codes", {}).values()), ("texts", told.get("texts", {}))):
        yield from (f"{place}: {unknown('code', one, leeway.results)}" for one in codes if one not in leeway.results)
    for place in ("asked", "answered"):
        for operation in told.get(place, {}):
            if operation not in (*base.operations, "*"):
                yield f"{place}: {unknown('operation', operation, sorted(base.operations))}"
    places = {place: operation for operation, place in base.places.items()} or {one: one for one in base.operations}
    templates = {place: leeway.paths.get(operation, "") for place, operation in places.items()}
    for name, path in profile.get("paths", {}).items():
        if name not in templates:
            yield f"profile.paths: {unknown('path', name, sorted(templates))}"
        elif lacking := sorted(set(re.findall(r"{\w+}", templates[name])) ^ set(re.findall(r"{\w+}", path))):
            differ = f"{path!r} and the contract's {templates[name]!r} differ in {', '.join(lacking)}"
            yield f"profile.paths.{name}: {differ}"
    yield from _unsigned(profile.get("signing", {}).get("text"))
    if not base.searched and (more := sorted({"search", "pages", "mask"} & profile.keys())):
        yield f"profile: {', '.join(more)} are of portals; {base.name} has no public search"
    for name in told.get("settings", {}):
        if name not in base.settings.defaults:
            yield f"settings: {unknown('setting', name, base.settings.defaults)}"
    yield from mistakes({"properties": dict(base.settings.schemas)}, told.get("settings", {}), "settings")


_OF_ANY = frozenset({"name", "system", "title", "settings"})


def _doubled(names: Mapping[str, str], declared: set[str]) -> Iterator[str]:
    """Two members under one name could not be told apart."""
    seen: dict[str, str] = {}
    for ours, theirs in names.items():
        other = seen.setdefault(theirs, ours)
        if other != ours:
            yield f"profile.names: {other} and {ours} are both called {theirs!r}"


def _unsigned(text: str | None) -> Iterator[str]:
    if text is None:
        return
    parts = re.findall(r"{([^{}]*)}", text)
    yield from (f"profile.signing.text: {unknown('part', one, PARTS)}" for one in parts if one not in PARTS)
    if not any(one.startswith("body") for one in parts):
        yield "profile.signing.text: has no {body}, so that nothing would be signed"
