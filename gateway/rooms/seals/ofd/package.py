"""What is in an OFD file: its documents (several in one file are allowed), and all parts that they are made of.

Elements are matched by local name, since files of different years use different namespaces. A location is followed as
writers mean it: from the root, from the part that names it, or from the folder of its resources; where two files could
be meant, both count as parts of the document. Nothing here trusts a name: every part is looked up in the archive.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from gateway.foundation.wire.xml import XmlBounds, XmlRefusedError, parse_xml
from gateway.rooms.seals.ofd.archive import Archive, OfdError, fold

ROOT: Final = "OFD.xml"
_XML: Final = XmlBounds(bytes=16 << 20, elements=400_000, depth=64)
_MOST_DOCUMENTS: Final = 50
_MOST_PAGES: Final = 5_000
_MOST_LOCATIONS: Final = 20_000
_MOST_TAGS: Final = 2_000_000
_KEPT, _KEPT_SIZE = 8, 256 << 10

ROLES: Final[dict[str, tuple[str, str]]] = {
    "OFD": ("主入口", "entry"),
    "DocRoot": ("文档", "document"),
    "Page": ("页面", "page"),
    "TemplatePage": ("模板页", "template"),
    "PublicRes": ("公共资源", "public resources"),
    "DocumentRes": ("文档资源", "document resources"),
    "PageRes": ("页面资源", "resources of a page"),
    "FontFile": ("字体", "font"),
    "MediaFile": ("图像等媒体", "picture or other medium"),
    "Profile": ("颜色配置", "colour profile"),
    "Annotations": ("注释列表", "list of annotations"),
    "Annotation": ("注释", "annotation"),
    "Attachments": ("附件列表", "list of attachments"),
    "Attachment": ("附件", "attachment"),
    "CustomTags": ("自定义标引", "custom tags"),
    "CustomTag": ("自定义标引", "custom tag"),
    "Extensions": ("扩展列表", "list of extensions"),
    "ExtendData": ("扩展数据", "data of an extension"),
    "Version": ("版本", "version"),
    "Versioned": ("版本内文件", "file of a version"),
    "Signatures": ("签名列表", "list of signatures"),
    "Other": ("其他文件", "other file"),
}
"""What parts are to a document, by the element that names them."""

_READ_ON: Final = frozenset(
    {
        "DocRoot",
        "Page",
        "TemplatePage",
        "PublicRes",
        "DocumentRes",
        "PageRes",
        "Annotations",
        "Annotation",
        "Attachments",
        "CustomTags",
        "Extensions",
        "Version",
    }
)
"""Parts that name further parts."""

_BY_TEXT: Final = (
    "DocRoot",
    "PublicRes",
    "DocumentRes",
    "PageRes",
    "Annotations",
    "Attachments",
    "CustomTags",
    "Extensions",
    "FontFile",
    "MediaFile",
    "ExtendData",
)
"""Elements whose text is a location, and whose name is the part's role."""

_NAMING: Final = tuple(
    "{*}" + name for name in (*_BY_TEXT, "Page", "TemplatePage", "ColorSpace", "FileLoc", "SchemaLoc", "File")
)
_FILE_OF: Final = {"Annotations": "Annotation", "Attachments": "Attachment", "CustomTags": "CustomTag"}


Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Page:
    """One page: its identifier, its part, and its size in millimetres (0 where the file does not say).

    ``left`` and ``top``: where its upper-left corner lies in the coordinates of what stands on it.
    """

    identity: str
    part: str
    width: float
    height: float
    left: float = 0.0
    top: float = 0.0


@dataclass
class Document:
    """One document of the file. ``parts``: what it is made of, with the role of each; ``lists`` its signature lists.

    ``missing``: roles and locations that lead nowhere. ``active``: what in it acts by itself or plays; ``stamps``:
    annotations that look like seals and are none.
    """

    root: str
    lists: tuple[str, ...]
    parts: dict[str, str] = field(default_factory=dict)
    pages: tuple[Page, ...] = ()
    boxes: dict[str, Box | None] = field(default_factory=dict)
    missing: list[tuple[str, str]] = field(default_factory=list)
    active: set[str] = field(default_factory=set)
    stamps: int = 0
    versions: bool = False


class Package:
    """An archive read as OFD. Raises OfdError where it is none, or where its documents cannot be found."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        if ROOT not in archive:
            raise OfdError("不是 OFD 文件（没有 OFD.xml）", "this is no OFD file: it has no OFD.xml")
        self._roots: dict[str, etree._Element] = {}
        self._tags = 0
        entry = self.xml(ROOT)
        bodies = children(entry, "DocBody")
        if local(entry) != "OFD" or not 0 < len(bodies) <= _MOST_DOCUMENTS:
            raise OfdError("OFD.xml 不含文档", "OFD.xml names no document, or too many")
        self.documents = tuple(self._document(body) for body in bodies)

    def xml(self, part: str) -> etree._Element:
        """The root element of a part. Raises OfdError naming it."""
        if part in self._roots:
            return self._roots[part]
        content = self.archive.read(part)
        self._tags += content.count(b"<")
        if self._tags > _MOST_TAGS:
            raise OfdError("文件的 XML 内容过多", f"{part}: the XML of the file has more than {_MOST_TAGS} tags")
        try:
            root = parse_xml(content, _XML)
        except XmlRefusedError as error:
            raise OfdError(f"{part} 不是可读的 XML", f"{part} is no XML that can be read: {error}") from None
        if len(content) <= _KEPT_SIZE and len(self._roots) < _KEPT:
            self._roots[part] = root
        return root

    def find(self, location: str, within: str, folder: str = "") -> tuple[str, ...]:
        """The parts that a location in part ``within`` may mean, the likeliest first; () if there is none."""
        location = location.strip().replace("\\", "/")
        bare = location.lstrip("/")
        if bare != location and bare in self.archive:
            return (bare,)
        here = within[: within.rfind("/") + 1]
        tries = [bare] if bare != location else []
        tries += [posixpath.join(here, folder, bare)] if folder else []
        tries += [here + bare, bare]
        found: dict[str, None] = {}
        for path in tries:
            name = path if path in self.archive else posixpath.normpath(path).lstrip("/")
            known = name if name in self.archive else self.archive.folded.get(fold(name))
            if known is not None:
                found[known] = None
        return tuple(found)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _document(self, body: etree._Element) -> Document:
        located = [element.text or "" for element in children(body, "DocRoot")]
        roots = self.find(located[0], ROOT) if len(located) == 1 else ()
        if not roots:
            raise OfdError("OFD.xml 指向的文档不存在", "OFD.xml names a document that is not there")
        lists = [part for one in children(body, "Signatures") for part in self.find(one.text or "", ROOT)]
        document = Document(roots[0], tuple(dict.fromkeys(lists)), {ROOT: "OFD"})
        waiting = [("DocRoot", part) for part in roots]
        waiting += [
            ("Version", part)
            for one in descendants(body, "Version")
            for part in self.find(one.get("BaseLoc") or "", ROOT)
        ]
        document.versions = bool(descendants(body, "Version"))
        while waiting:
            role, part = waiting.pop()
            if part in document.parts or part in lists:
                continue
            document.parts[part] = role
            if role in _READ_ON:
                waiting += self._named_by(part, role, document)
        document.pages = self._pages(roots[0], document.boxes)
        return document

    def _named_by(self, part: str, role: str, document: Document) -> list[tuple[str, str]]:
        """The parts that a part names, with their roles; what leads nowhere is kept as missing."""
        root = self.xml(part)
        folder = (root.get("BaseLoc") or "") if local(root) == "Res" else ""
        found = []
        named = ((kind, location) for kind, location in _locations(root, role) if location)
        for count, (kind, location) in enumerate(named):
            if count == _MOST_LOCATIONS:
                raise OfdError(f"{part} 引用的文件过多", f"{part} names more than {_MOST_LOCATIONS} files")
            parts = self.find(location, part, folder)
            if not parts:
                document.missing.append((kind, location[:200]))
            found += [(kind, one) for one in parts]
        for element in root.iter("{*}Actions", "{*}Sound", "{*}Movie", "{*}GotoA", "{*}Video", "{*}Audio"):
            document.active.add(local(element))
        if role == "Page":
            document.boxes[part] = _box(next(iter(children(root, "Area")), None))
        if role == "Annotation":
            document.stamps += sum(one.get("Type") in ("Stamp", "Watermark") for one in root.iter("{*}Annot"))
        return found

    def _pages(self, root: str, boxes: Mapping[str, Box | None]) -> tuple[Page, ...]:
        document = self.xml(root)
        usual = _box(next(iter(descendants(document, "PageArea")), None))
        listed = [one for pages in children(document, "Pages") for one in children(pages, "Page")]
        if not 0 < len(listed) <= _MOST_PAGES:
            raise OfdError("文档没有页面，或页面过多", f"a document has no page, or more than {_MOST_PAGES}")
        pages = []
        for one in listed:
            parts = self.find(one.get("BaseLoc") or "", root)
            if not parts:
                raise OfdError(f"页面 {one.get('BaseLoc')} 不存在", f"the page {one.get('BaseLoc')} is not there")
            left, top, width, height = boxes.get(parts[0]) or usual or (0.0, 0.0, 0.0, 0.0)
            pages.append(Page(one.get("ID") or "", parts[0], width, height, left, top))
        return tuple(pages)


def local(element: etree._Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def children(element: etree._Element, name: str) -> list[etree._Element]:
    """The children of this local name."""
    return [child for child in element if local(child) == name]


def descendants(element: etree._Element, name: str) -> list[etree._Element]:
    """All elements of this local name below."""
    return [one for one in element.iter("{*}" + name) if one is not element]


def numbers(text: str | None, count: int) -> tuple[float, ...] | None:
    """So many numbers apart by blanks; None if it is anything else."""
    try:
        found = tuple(float(one) for one in (text or "").split())
    except ValueError:
        return None
    return found if len(found) == count and all(abs(one) < 100_000 for one in found) else None


def _locations(root: etree._Element, role: str) -> Iterator[tuple[str, str]]:
    """Roles and locations that an element tree names."""
    for element in root.iter(*_NAMING):
        name, text = local(element), (element.text or "").strip()
        if name in ("Page", "TemplatePage"):
            yield name, element.get("BaseLoc") or ""
        elif name == "ColorSpace":
            yield "Profile", element.get("Profile") or ""
        elif name in ("FileLoc", "SchemaLoc"):
            yield _FILE_OF.get(role, "Other"), text
        elif name == "File":
            yield "Versioned", text
        else:
            yield name, text


def _box(area: etree._Element | None) -> Box | None:
    """The physical box of an area in millimetres: left, top, width, height."""
    for one in [] if area is None else children(area, "PhysicalBox"):
        box = numbers(one.text, 4)
        if box is not None and box[2] > 0 and box[3] > 0:
            return box[0], box[1], box[2], box[3]
    return None
