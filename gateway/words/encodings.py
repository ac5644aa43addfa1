"""Bytes of others as text: labels that lie, bytes that stand around a document, characters that have moved.

Servers call GBK ``gb2312``, and UTF-8 ``GBK``; they build documents from strings, and leave blanks before them and NUL
behind. What can be read without guessing is read, and each deviation is told by a word that does not change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

Note = Callable[[str], None]
"""Is told of each deviation of an answer from what was agreed, in words that are the same each time."""

_CODECS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gb18030": "gb18030",
    "cp936": "gb18030",
    "ms936": "gb18030",
    "x-gbk": "gb18030",
    "utf-16": "utf-16",
    "iso-8859-1": "iso-8859-1",
}
"""Labels that documents of contracts have. GB 2312 and GBK are parts of GB 18030: one decoder, as browsers have it."""

_BOM8, _BOMS16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
_BLANKS: Final = b" \t\r\n"
_TAIL: Final = 1024  # so far from the end a NUL is looked for: a document is not copied for its blanks

_MOVED: Final = str.maketrans(
    dict(zip("\ue81e\ue826\ue82b\ue82c\ue832\ue843\ue854\ue864", "龴龵龶龷龸龹龺龻", strict=True))
    | dict(
        zip(
            "\ue78d\ue78e\ue78f\ue790\ue791\ue792\ue793\ue794\ue795\ue796",
            "\ufe10\ufe12\ufe11\ufe13\ufe14\ufe15\ufe16\ufe17\ufe18\ufe19",
            strict=True,
        )
    )
)
"""GB 18030-2022: 18 characters that were private use in the tables before, Python's among them."""


class EncodingRefusedError(ValueError):
    """Bytes that are no text in any encoding that they claim, or claim one that no contract uses."""


def unheard(_: str) -> None:
    """A note that nobody wants."""


def from_gb18030(content: bytes) -> str:
    """Bytes of GB 18030, GBK or GB 2312 as text, by the tables of 2022. Raises UnicodeDecodeError."""
    return content.decode("gb18030").translate(_MOVED)


def trimmed(content: bytes, note: Note = unheard) -> bytes:
    """A document in UTF-8 without what stands around it: byte order mark, blanks, NUL and Ctrl-Z."""
    begun = content.lstrip(_BLANKS)
    if len(begun) != len(content):
        note("blanks before the document")
    if begun.startswith(_BOM8):
        note("byte order mark")
        begun = begun[len(_BOM8) :].lstrip(_BLANKS)
    if begun[-_TAIL:].rstrip(_BLANKS)[-1:] in (b"\0", b"\x1a"):
        note("NUL or Ctrl-Z behind the document")
        return begun.rstrip(_BLANKS + b"\0\x1a")
    return begun


def in_utf8(content: bytes, labels: Iterable[str], note: Note = unheard) -> bytes:
    """The same document in UTF-8. ``labels`` is what is said of its encoding, the most trusted first.

    A byte order mark says more than a label, and so do bytes that are UTF-8 beyond ASCII: no text of another encoding
    looks so, but for a few Chinese characters in GBK that pass for letters of two bytes. UTF-16 is believed by its mark
    only. Raises EncodingRefusedError, which names the label.
    """
    if content.startswith(_BOMS16):
        return _decoded(content, "utf-16", "utf-16").encode()
    names = [one for one in (label.strip().lower() for label in labels) if one] or ["utf-8"]
    codecs = [_CODECS.get(name) for name in names]
    if content.isascii():
        if codecs[0] is None:
            raise EncodingRefusedError(f"the encoding {names[0][:40]}")
        return content
    if codecs[0] == "utf-8" and _is_utf8(content, 0):
        return content
    if _is_utf8(content, 0x800 if codecs[0] == "gb18030" else 0):
        note(f"encoding: {names[0][:40]} declared, UTF-8 sent")
        return content
    for name, codec in zip(names, codecs, strict=True):
        if codec in ("gb18030", "iso-8859-1"):
            text = _decoded(content, codec, name)
            if name != names[0]:
                note(f"encoding: {names[0][:40]} declared, {name} sent")
            elif name.startswith("gb") and not _fits(content, name):
                note(f"encoding: {name} declared, GB 18030 sent")
            return text.encode()
    if codecs[0] is None:
        raise EncodingRefusedError(f"the encoding {names[0][:40]}")
    if codecs == ["utf-8"]:
        return content  # the parser says where it breaks
    raise EncodingRefusedError(f"not {names[0]}")


def _is_utf8(content: bytes, beyond: int) -> bool:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return False
    return not beyond or max(text) >= chr(beyond)


def _fits(content: bytes, codec: str) -> bool:
    try:
        content.decode(codec)
    except (UnicodeDecodeError, LookupError):
        return False
    return True


def _decoded(content: bytes, codec: str, name: str) -> str:
    try:
        return from_gb18030(content) if codec == "gb18030" else content.decode(codec)
    except UnicodeDecodeError as error:
        raise EncodingRefusedError(f"not {name}: {error}") from None
