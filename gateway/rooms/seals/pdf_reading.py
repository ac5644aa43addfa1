"""Reading PDF files of strangers, within bounds: pages, signature fields, and what in the file acts by itself.

References may lead anywhere and back: each object is visited once, depth and number are bounded, and a file beyond the
bounds is refused by name. The process around it has limits of its own (``warden``), for what a parser does before.
"""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from pyhanko.pdf_utils.generic import (
    ArrayObject,
    ByteStringObject,
    DictionaryObject,
    IndirectObject,
    NullObject,
    StreamObject,
    TextStringObject,
)
from pyhanko.pdf_utils.reader import PdfFileReader

from gateway.foundation.crypto.sm import sm3
from gateway.rooms.seals.placement import Page
from gateway.rooms.seals.report import Words

MOST_OBJECTS: Final = 100_000
MOST_PAGES: Final = 10_000
MOST_FIELDS: Final = 2_000
MOST_ANNOTATIONS: Final = 20_000
_DEEPEST: Final = 40
_LONGEST_NAME: Final = 200
_HEX: Final = re.compile(rb"[0-9A-Fa-f]*")
_ACTING: Final = {
    "/JavaScript": Words(zh="JavaScript 脚本", en="JavaScript"),
    "/Launch": Words(zh="启动外部程序", en="an action that launches a program"),
    "/ImportData": Words(zh="导入数据的动作", en="an action that imports data"),
    "/SubmitForm": Words(zh="提交表单的动作", en="an action that submits the form"),
    "/Rendition": Words(zh="播放媒体的动作", en="an action that plays media"),
}


class PdfError(ValueError):
    """The file cannot be read as a PDF, or not within the bounds."""


@dataclass(frozen=True)
class Embedded:
    """A signature dictionary found in a file. ``contents`` None: it is not there, or not a string.

    ``reference``: the object that it is; ``widgets``: where its field is drawn.
    """

    field: str
    filter: str
    sub_filter: str
    byte_range: tuple[int, ...] | None
    contents: bytes | None
    widgets: tuple[Any, ...] = dataclasses.field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class Coverage:
    """What a signature covers. ``reason`` is empty if that is the file up to ``end`` but the signature's own value.

    ``value``: the bytes between the brackets; ``digest``: SM3 of what is covered.
    """

    reason: str
    value: bytes = b""
    digest: bytes = b""
    start: int = 0
    after: int = 0
    end: int = 0


class PdfFile:
    """One PDF, opened to look at. Everything raises PdfError for what cannot be read within the bounds."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        if content.count(b" obj") > MOST_OBJECTS:
            raise PdfError(f"more than {MOST_OBJECTS} objects")
        try:
            self.reader = PdfFileReader(io.BytesIO(content))
            self.encrypted = bool(self.reader.encrypted)
            self.root: Any = self.reader.root
        except Exception as error:  # pyHanko raises errors of many kinds for files of many kinds of brokenness
            raise _unreadable(error) from error

    @cached_property
    def pages(self) -> tuple[Page, ...]:
        """The pages in their order, with what they inherit; linear in their number."""
        return tuple(page for page, _ in self.page_objects)

    @cached_property
    def page_objects(self) -> tuple[tuple[Page, Any], ...]:
        """The pages with their dictionaries."""
        try:
            return tuple(self._walk_pages())
        except PdfError:
            raise
        except Exception as error:
            raise _unreadable(error) from error

    @cached_property
    def fields(self) -> tuple[tuple[str, Any, Any], ...]:
        """Every field at the end of a branch of the form: its full name, its kind, its dictionary."""
        try:
            return tuple(self._walk_fields())
        except PdfError:
            raise
        except Exception as error:
            raise _unreadable(error) from error

    @cached_property
    def signatures(self) -> tuple[Embedded, ...]:
        """Every filled signature field, in the order in which their signatures cover the file."""
        found = []
        try:
            for name, kind, holder in self.fields:
                value = at(holder, "/V")
                if kind == "/Sig" and isinstance(value, DictionaryObject):
                    found.append(_embedded(name, value, _widgets(holder)))
        except PdfError:
            raise
        except Exception as error:
            raise _unreadable(error) from error
        return tuple(sorted(found, key=lambda one: sum(one.byte_range[2:4]) if one.byte_range else 0))

    @cached_property
    def annotations(self) -> tuple[tuple[int, Any], ...]:
        """Every annotation with the number of its page, from 0."""
        found: list[tuple[int, Any]] = []
        try:
            for number, (_, page) in enumerate(self.page_objects):
                for one in _array(at(page, "/Annots")):
                    if len(found) == MOST_ANNOTATIONS:
                        raise PdfError(f"more than {MOST_ANNOTATIONS} annotations")
                    holder = _object(one)
                    if isinstance(holder, DictionaryObject):
                        found.append((number, holder))
        except PdfError:
            raise
        except Exception as error:
            raise _unreadable(error) from error
        return tuple(found)

    @cached_property
    def acting(self) -> tuple[Words, ...]:
        """What makes a file show or do something else than what was signed: refused for sealing, reported else."""
        try:
            return tuple(dict.fromkeys(self._acting()))
        except PdfError:
            raise
        except Exception as error:
            raise _unreadable(error) from error

    @cached_property
    def remarkable(self) -> tuple[Words, ...]:
        """What is worth a warning: attachments, layers, fields that can be filled in."""
        try:
            return tuple(dict.fromkeys(self._remarkable()))
        except PdfError:
            raise
        except Exception as error:
            raise _unreadable(error) from error

    def coverage(self, found: Embedded) -> Coverage:
        """Hold a signature's ``/ByteRange`` against the file: from its first byte, with one gap that is its value."""
        ranges, content = found.byte_range, self.content
        if ranges is None or len(ranges) != 4:
            return Coverage("there is no ByteRange of two ranges")
        first, start, after, rest = ranges
        if first != 0 or start <= 0 or after <= start or rest <= 0:
            return Coverage(f"ByteRange {list(ranges)} does not begin at the first byte, or is not in order")
        end = after + rest
        if end > len(content):
            return Coverage("ByteRange reaches beyond the end of the file")
        if content[start : start + 1] != b"<" or content[after - 1 : after] != b">":
            return Coverage("the gap of ByteRange is not the value of Contents")
        between = content[start + 1 : after - 1]
        if len(between) % 2 or not _HEX.fullmatch(between):
            return Coverage("the gap of ByteRange holds more than a hexadecimal string")
        value = bytes.fromhex(between.decode("ascii"))
        if value != found.contents:
            return Coverage("the gap of ByteRange is not the Contents of this signature")
        if end < len(content) and not re.search(rb"%%EOF\r?\n?\Z", content[max(0, end - 8) : end]):
            return Coverage(f"{len(content) - end} bytes were added after sealing, not as a revision")
        return Coverage("", value, sm3(content[:start] + content[after:end]), start, after, end)

    # --- walking ------------------------------------------------------------------------------------------------------

    def _walk_pages(self) -> Iterator[tuple[Page, Any]]:
        seen: set[Any] = set()
        inherited = {"/MediaBox": None, "/CropBox": None, "/Rotate": 0}
        waiting = [(self.root.raw_get("/Pages"), inherited, 0)]
        number = 0
        while waiting:
            reference, above, depth = waiting.pop()
            if not _first(reference, seen):
                raise PdfError("the tree of pages leads back to itself")
            node = _object(reference)
            if not isinstance(node, DictionaryObject):
                continue
            own = {key: at(node, key, value) for key, value in above.items()}
            if "/Kids" in node:
                kids = _array(node["/Kids"])
                if depth == _DEEPEST or len(kids) > MOST_PAGES or len(waiting) > 2 * MOST_PAGES:
                    raise PdfError(f"the tree of pages is too deep, or has more than {MOST_PAGES} pages")
                waiting += ((kid, own, depth + 1) for kid in reversed(kids))
                continue
            number += 1
            if number > MOST_PAGES:
                raise PdfError(f"more than {MOST_PAGES} pages")
            yield _page(node, own, number), node

    def _walk_fields(self) -> Iterator[tuple[str, Any, Any]]:
        form = at(self.root, "/AcroForm")
        if not isinstance(form, DictionaryObject):
            return
        seen: set[Any] = set()
        waiting = [(one, "", None, 0) for one in _array(at(form, "/Fields"))]
        count = 0
        while waiting:
            if len(waiting) > MOST_FIELDS * 4:
                raise PdfError(f"more than {MOST_FIELDS} form fields")
            reference, above, kind, depth = waiting.pop()
            if not _first(reference, seen):
                raise PdfError("a form field stands twice in the form, or leads back to itself")
            holder = _object(reference)
            if not isinstance(holder, DictionaryObject):
                continue
            count += 1
            if count > MOST_FIELDS or depth > _DEEPEST:
                raise PdfError(f"more than {MOST_FIELDS} form fields, or nested too deep")
            name = (above + str(at(holder, "/T", "")))[:_LONGEST_NAME]
            kind = at(holder, "/FT", kind)
            kids = [one for one in _array(at(holder, "/Kids")) if _is_field(one)]
            if len(kids) > MOST_FIELDS:
                raise PdfError(f"more than {MOST_FIELDS} form fields")
            waiting += ((kid, f"{name}.", kind, depth + 1) for kid in kids)
            if not kids:
                yield name, kind, holder

    def _acting(self) -> Iterator[Words]:
        form = at(self.root, "/AcroForm")
        if isinstance(form, DictionaryObject):
            if "/XFA" in form:
                yield Words(zh="XFA 表单", en="an XFA form")
            if at(form, "/NeedAppearances") is True or str(at(form, "/NeedAppearances")) == "True":
                yield Words(zh="NeedAppearances：由阅读器重绘外观", en="NeedAppearances: the reader redraws")
        if _names_tree(self.root, "/JavaScript"):
            yield _ACTING["/JavaScript"]
        holders = [at(self.root, "/OpenAction"), *_actions(self.root)]
        for _, page in self.page_objects:
            holders += _actions(page)
        for _, note in self.annotations:
            holders += [at(note, "/A"), *_actions(note)]
        for _, _, holder in self.fields:
            holders += [at(holder, "/A"), *_actions(holder)]
        for holder in holders:
            yield from _kinds_of_action(holder)

    def _remarkable(self) -> Iterator[Words]:
        if _names_tree(self.root, "/EmbeddedFiles") or any(
            str(at(note, "/Subtype")) == "/FileAttachment" for _, note in self.annotations
        ):
            yield Words(zh="含附件", en="files are attached")
        if "/OCProperties" in self.root:
            yield Words(zh="含可选内容（图层）", en="optional content (layers)")
        fillable = [
            name
            for name, kind, holder in self.fields
            if kind in ("/Tx", "/Btn", "/Ch") and not int(at(holder, "/Ff", 0)) & 1
        ]
        if fillable:
            shown = "、".join(fillable[:5])
            yield Words(zh=f"含 {len(fillable)} 个可填写的域：{shown}", en=f"{len(fillable)} fields can be filled in")


# --- inside -----------------------------------------------------------------------------------------------------------


def at(holder: Any, key: str, default: Any = None) -> Any:
    """The value under a key, followed to its object; pyHanko's ``get`` leaves references as they are."""
    if not isinstance(holder, DictionaryObject) or key not in holder:
        return default
    found = holder[key]
    return default if isinstance(found, NullObject) else found


def _unreadable(error: Exception) -> PdfError:
    return PdfError(f"not a PDF that can be read: {str(error)[:200]}")


def _object(value: Any) -> Any:
    return value.get_object() if isinstance(value, IndirectObject) else value  # type: ignore[no-untyped-call]


def _array(value: Any) -> list[Any]:
    """The entries of an array as they stand, references not followed."""
    found = _object(value)
    return list(found) if isinstance(found, ArrayObject) else []


def _first(value: Any, seen: set[Any]) -> bool:
    """Whether a reference was not followed before."""
    if not isinstance(value, IndirectObject):
        return True
    key = (value.idnum, value.generation)
    if key in seen:
        return False
    seen.add(key)
    return True


def _is_field(kid: Any) -> bool:
    """Kids of a field are fields if they have a name; others are places where it is drawn."""
    holder = _object(kid)
    return isinstance(holder, DictionaryObject) and ("/T" in holder or "/Kids" in holder or "/V" in holder)


def _widgets(holder: Any) -> tuple[Any, ...]:
    if "/Rect" in holder:
        return (holder,)
    kids = (_object(one) for one in _array(at(holder, "/Kids")))
    return tuple(one for one in kids if isinstance(one, DictionaryObject) and "/Rect" in one)


def _actions(holder: Any) -> list[Any]:
    more = at(holder, "/AA")
    return [at(more, str(key)) for key in more] if isinstance(more, DictionaryObject) else []


def _kinds_of_action(action: Any) -> Iterator[Words]:
    waiting, seen = [action], 0
    while waiting and seen < 50:
        one = _object(waiting.pop())
        seen += 1
        if not isinstance(one, DictionaryObject):
            continue
        kind = str(at(one, "/S", ""))
        if kind in _ACTING:
            yield _ACTING[kind]
        following = at(one, "/Next")
        waiting += _array(following) or [following]


def _names_tree(root: Any, key: str) -> bool:
    tree = at(at(root, "/Names"), key)
    return isinstance(tree, DictionaryObject) and bool(_array(at(tree, "/Names")) or _array(at(tree, "/Kids")))


def _page(node: Any, own: dict[str, Any], number: int) -> Page:
    media = _box(own["/MediaBox"])
    if media is None:
        raise PdfError(f"page {number} has no size")
    crop = _box(own["/CropBox"]) or media
    left, bottom = max(media[0], crop[0]), max(media[1], crop[1])
    right, top = min(media[2], crop[2]), min(media[3], crop[3])
    if right <= left or top <= bottom:
        left, bottom, right, top = media
    unit = float(at(node, "/UserUnit", 1))
    if not 0.001 <= unit <= 1000:
        raise PdfError(f"page {number} has units of {unit}")
    return Page(left, bottom, right, top, int(own["/Rotate"] or 0) % 360, unit)


def _box(value: Any) -> tuple[float, float, float, float] | None:
    sides = [float(_object(side)) for side in _array(value)]
    if len(sides) != 4:
        return None
    return min(sides[0], sides[2]), min(sides[1], sides[3]), max(sides[0], sides[2]), max(sides[1], sides[3])


def _embedded(name: str, value: DictionaryObject, widgets: tuple[Any, ...]) -> Embedded:
    contents, ranges = at(value, "/Contents"), at(value, "/ByteRange")
    if isinstance(contents, ByteStringObject):
        found: bytes | None = bytes(contents)
    elif isinstance(contents, TextStringObject):
        found = bytes(contents.original_bytes)
    else:
        found = None
    numbers = None
    if isinstance(ranges, ArrayObject) and len(ranges) <= 8 and all(isinstance(one, int) for one in ranges):
        numbers = tuple(int(one) for one in ranges)
    return Embedded(
        field=name,
        filter=str(at(value, "/Filter", "")).removeprefix("/"),
        sub_filter=str(at(value, "/SubFilter", "")).removeprefix("/"),
        byte_range=numbers,
        contents=found,
        widgets=widgets,
    )


def is_stream(value: Any) -> bool:
    """Whether this is a stream object."""
    return isinstance(value, StreamObject)
