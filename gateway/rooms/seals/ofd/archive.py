"""The zip of an OFD file, read so that every reader of zips would see the same files.

Two programs may open one zip and find different parts in it: by the directory at its end or by the headers on the way,
by names that differ in case, by the first or the last of two entries of one name. A seal over what one of them sees
says nothing about the other. So what is ambiguous is refused; what is merely untidy (bytes before and after, names in
GBK, backslashes) is read and noted. Sizes, ratios and counts are bounded before anything is unpacked.
"""

from __future__ import annotations

import re
import struct
import unicodedata
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

MOST_BYTES: Final = 64 << 20
_MOST_PARTS: Final = 10_000
_LARGEST_PART: Final = 48 << 20
_LARGEST_SUM: Final = 128 << 20
_HIGHEST_RATIO: Final = 250
_RATIO_FROM: Final = 1 << 20
_LONGEST_NAME: Final = 300
_KEPT_SIZE: Final = 1 << 20
_KEPT_PARTS: Final = 32

_END: Final = struct.Struct("<4s4H2LH")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_FOUR: Final = 0xFFFFFFFF
_ENCRYPTED: Final = 0x2041
_STREAMED, _UTF8 = 0x08, 0x0800
_STORED, _DEFLATED = 0, 8
_SYMBOLIC_LINK: Final = 0o120000
_UNICODE_PATH: Final = 0x7075
_NEVER_IN_NAMES: Final = re.compile(r'[\x00-\x1f:*?"<>|\x7f\ufffd]')
_NO_DATE: Final = (0, 1 << 5 | 1)
_LOCAL_HEAD, _CENTRAL_HEAD, _END_HEAD = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


class OfdError(ValueError):
    """The file cannot be read as an OFD, or not as one that can be sealed. ``zh`` and ``en`` say why."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


@dataclass(frozen=True)
class Entry:
    """One file of the zip: its name as it is used here and as it was written, and where its bytes lie."""

    name: str
    written: bytes
    flags: int
    method: int
    stamp: tuple[int, int]
    crc: int
    packed: int
    size: int
    attributes: int
    start: int
    data: int = 0
    end: int = 0

    @property
    def is_folder(self) -> bool:
        """Whether it is only a folder."""
        return self.name.endswith("/")


class Archive:
    """The parts of an OFD file by name. ``notes``: untidy, but read; pairs of Chinese and English."""

    def __init__(self, content: bytes) -> None:
        """Reads the directory and holds it against the headers. Raises OfdError."""
        if len(content) > MOST_BYTES:
            raise OfdError(f"文件超过 {MOST_BYTES >> 20} MB", f"the file has more than {MOST_BYTES >> 20} MB")
        self._content = content
        self.notes: list[tuple[str, str]] = []
        end, start, shift = _directory(content)
        listed = list(_listed(content, start, end, shift))
        self._note_spelling(listed)
        self._note_rest(listed, start, end)
        self.folded = _folded(listed)
        self._entries = {entry.name: entry for entry in listed if not entry.is_folder}
        self._unpacked: dict[str, bytes] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def directory(self) -> int:
        """Where the directory begins: behind the last part."""
        return max((entry.end for entry in self._entries.values()), default=0)

    def read(self, name: str) -> bytes:
        """One part, unpacked. Raises OfdError naming it when it is broken."""
        if name in self._unpacked:
            return self._unpacked[name]
        entry = self._entries[name]
        raw = self._content[entry.data : entry.data + entry.packed]
        if entry.method == _DEFLATED:
            unpack = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                raw = unpack.decompress(raw, entry.size + 1)
            except zlib.error as error:
                raise OfdError(f"{name} 无法解压", f"{name} cannot be unpacked: {error}") from None
            if not unpack.eof or unpack.unused_data or unpack.unconsumed_tail:
                raise OfdError(f"{name} 的压缩数据与其长度不符", f"{name}: its packed data and its size differ")
        if len(raw) != entry.size or zlib.crc32(raw) != entry.crc:
            raise OfdError(f"{name} 的长度或校验码不符", f"{name}: size or checksum differ")
        if entry.size <= _KEPT_SIZE and len(self._unpacked) < _KEPT_PARTS:
            self._unpacked[name] = raw
        return raw

    def written(self, changes: Mapping[str, bytes]) -> bytes:
        """The archive with some parts changed or added; the packed bytes of all others are copied as they are.

        What is written bears no date, so that the same changes give the same bytes.
        """
        out, directory = bytearray(), bytearray()
        entries = [*self._entries.values(), *(_fresh(name) for name in changes if name not in self._entries)]
        for entry in entries:
            if entry.name in changes:
                packed, made = _packed(entry, changes[entry.name])
            else:
                packed, made = self._content[entry.data : entry.data + entry.packed], entry
            flags = made.flags & ~_STREAMED
            common = (20, flags, made.method, *made.stamp, made.crc, made.packed, made.size, len(made.written), 0)
            directory += _CENTRAL.pack(_CENTRAL_HEAD, 20, *common, 0, 0, 0, made.attributes, len(out)) + made.written
            out += _LOCAL.pack(_LOCAL_HEAD, *common) + made.written + packed
        count, start = len(entries), len(out)
        return bytes(out + directory) + _END.pack(_END_HEAD, 0, 0, count, count, len(directory), start, 0)

    def _note_spelling(self, listed: list[Entry]) -> None:
        listed = [entry for entry in listed if entry.written != entry.name.encode()]
        for there, zh, en in (
            (any(b"\\" in entry.written for entry in listed), "路径使用反斜杠", "paths are written with backslashes"),
            (any(entry.written[:1] in (b"/", b"\\") for entry in listed), "路径以斜杠开头", "paths begin with a slash"),
            (any(not _is_utf8(entry.written) for entry in listed), "文件名为 GBK 编码", "names are written in GBK"),
        ):
            if there:
                self.notes.append((f"压缩包内{zh}", f"in the archive, {en}"))

    def _note_rest(self, listed: list[Entry], start: int, end: int) -> None:
        """Bytes that belong to no entry are noted; refused where entries overlap, or where another archive hides."""
        at = 0
        rest = []
        for entry in sorted(listed, key=lambda one: one.start):
            if entry.start < at:
                raise OfdError(f"{entry.name} 与其他条目重叠", f"{entry.name} lies upon another entry")
            rest.append((at, entry.start))
            at = entry.end
        rest += [(at, start), (end + _END.size, len(self._content))]
        for first, last in rest:
            between = self._content[first:last]
            if any(head in between for head in (_LOCAL_HEAD, _CENTRAL_HEAD, _END_HEAD)):
                raise OfdError(
                    "压缩包内藏有目录之外的条目", "the archive hides entries that its directory does not list"
                )
            if between:
                self.notes.append(
                    (f"{len(between)} 字节不属于任何条目", f"{len(between)} bytes belong to no entry of the archive")
                )


# --- inside -----------------------------------------------------------------------------------------------------------


def _directory(content: bytes) -> tuple[int, int, int]:
    """Where the record at the end and the directory stand, and by how much offsets are shifted."""
    at = content.rfind(_END_HEAD)
    if at < 0 or at + _END.size > len(content):
        raise OfdError("不是 OFD 文件（不是 zip 压缩包）", "this is no OFD file: not a zip archive")
    _, disk, first_disk, here, count, size, offset, comment = _END.unpack_from(content, at)
    if disk or first_disk or here != count or count > _MOST_PARTS:
        raise OfdError("压缩包分卷或条目过多", f"the archive has several volumes or more than {_MOST_PARTS} entries")
    start = at - size
    if _FOUR in (size, offset) or start < offset:
        raise OfdError("压缩包目录位置不符", "the directory of the archive is not where it says")
    if comment > len(content) - at - _END.size:
        raise OfdError("压缩包被截断", "the archive is cut short")
    return at, start, start - offset


def _listed(content: bytes, start: int, end: int, shift: int) -> Iterator[Entry]:
    """The entries of the directory, folders among them, each held against the header before its data."""
    at, seen, total = start, 0, 0
    (count,) = struct.unpack_from("<H", content, end + 10)
    while at < end:
        if at + _CENTRAL.size > end:
            raise OfdError("压缩包目录损坏", "the archive's directory is broken")
        head, _, _, flags, method, time, date, crc, packed, size, name, extra, comment, disk, _, attributes, offset = (
            _CENTRAL.unpack_from(content, at)
        )
        fields = at + _CENTRAL.size + name
        at, seen = fields + extra + comment, seen + 1
        if head != _CENTRAL_HEAD or disk or at > end or seen > count:
            raise OfdError("压缩包目录损坏", "the archive's directory is broken")
        written = content[fields - name : fields]
        called = _name(written, flags)
        total += size
        _refuse_size(called, packed, size, total)
        if any(found != written for found in _unicode_paths(content[fields : fields + extra])):
            raise OfdError(f"{called} 有两个名称", f"{called} bears two names")
        if attributes >> 16 & 0o170000 == _SYMBOLIC_LINK:
            raise OfdError(f"{called} 是符号链接", f"{called} is a symbolic link")
        entry = Entry(called, written, flags, method, (time, date), crc, packed, size, attributes, offset + shift)
        yield _placed(content, entry, start)
    if seen != count:
        raise OfdError("压缩包条目数不符", f"the archive says {count} entries and lists {seen}")


def _refuse_size(name: str, packed: int, size: int, total: int) -> None:
    if _FOUR in (packed, size):
        raise OfdError(f"{name} 使用 zip64", f"{name} is a zip64 entry")
    if size > _LARGEST_PART or total > _LARGEST_SUM:
        raise OfdError("解压后过大", f"unpacked, {name} or all parts together are too large")
    if size > _RATIO_FROM and size > packed * _HIGHEST_RATIO:
        raise OfdError(f"{name} 的压缩比异常", f"{name} would grow more than {_HIGHEST_RATIO} times")
    if name.endswith("/") and size:
        raise OfdError(f"目录 {name} 含有数据", f"the folder {name} holds data")


def _placed(content: bytes, entry: Entry, directory: int) -> Entry:
    """The entry with the place of its data, if the header before the data says the same as the directory."""
    name = entry.name
    if entry.flags & _ENCRYPTED:
        raise OfdError(f"{name} 已加密", f"{name} is encrypted")
    if entry.method not in (_STORED, _DEFLATED):
        raise OfdError(f"{name} 的压缩方法不支持", f"{name} is packed by method {entry.method}")
    if not 0 <= entry.start <= directory - _LOCAL.size:
        raise OfdError(f"{name} 的位置不符", f"{name} is not where the directory says")
    head, _, flags, method, _, _, crc, packed, size, named, extra = _LOCAL.unpack_from(content, entry.start)
    fields = entry.start + _LOCAL.size + named
    data = fields + extra
    streamed = bool(entry.flags & _STREAMED)
    sizes = {(entry.crc, entry.packed, entry.size)} | ({(0, 0, 0), (entry.crc, 0, 0)} if streamed else set())
    if (
        head != _LOCAL_HEAD
        or content[fields - named : fields] != entry.written
        or method != entry.method
        or (crc, packed, size) not in sizes
        or (flags ^ entry.flags) & (_STREAMED | _ENCRYPTED | _UTF8)
        or any(found != entry.written for found in _unicode_paths(content[fields:data]))
    ):
        raise OfdError(f"{name} 的两处文件头不一致", f"{name}: its header and the directory differ")
    end = data + entry.packed
    if streamed:
        values = struct.pack("<3L", entry.crc, entry.packed, entry.size)
        signed = content.startswith(b"PK\x07\x08" + values, end)
        if not signed and not content.startswith(values, end):
            raise OfdError(f"{name} 的数据描述不符", f"{name}: what stands behind its data differs")
        end += len(values) + 4 * signed
    if end > directory:
        raise OfdError(f"{name} 的数据越界", f"{name} reaches into the directory")
    return replace(entry, data=data, end=end)


def _name(written: bytes, flags: int) -> str:
    """The name as parts are called here. Refuses what leads out of the archive or means different files elsewhere."""
    try:
        name = written.decode()
    except UnicodeDecodeError:
        name = "\ufffd" if flags & _UTF8 else written.decode("gbk", "replace")
    name = name.replace("\\", "/").removeprefix("/")
    steps = name.removesuffix("/").split("/")
    if (
        len(name) > _LONGEST_NAME
        or not all(steps)
        or any(step[0] == " " or step[-1] in " ." for step in steps)
        or _NEVER_IN_NAMES.search(name)
    ):
        raise OfdError(
            f"压缩包内有不允许的路径 {name[:60]!r}", f"a path in the archive that must not be: {name[:60]!r}"
        )
    return name


def _is_utf8(written: bytes) -> bool:
    try:
        written.decode()
    except UnicodeDecodeError:
        return False
    return True


def _folded(listed: list[Entry]) -> dict[str, str]:
    """Names without regard to case. Refuses those that some reader would take for one another."""
    files: dict[str, str] = {}
    folders: set[str] = set()
    for entry in listed:
        key = fold(entry.name.removesuffix("/"))
        if not entry.is_folder:
            if key in files:
                raise OfdError(
                    f"压缩包内有两个 {entry.name}（或仅大小写不同）",
                    f"the archive holds {entry.name} twice, or in two spellings",
                )
            files[key] = entry.name
            key = key.rpartition("/")[0]
        while key and key not in folders:
            folders.add(key)
            key = key.rpartition("/")[0]
    both = folders & files.keys()
    if both:
        name = files[both.pop()]
        raise OfdError(f"{name} 既是文件又是目录", f"{name} is a file and a folder")
    return files


def fold(name: str) -> str:
    """What a name is on a system that does not tell cases and widths apart."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFKC", name).casefold()


def _unicode_paths(fields: bytes) -> Iterator[bytes]:
    """The names in Info-ZIP's extra field for Unicode paths."""
    at = 0
    while at + 4 <= len(fields):
        kind, length = struct.unpack_from("<2H", fields, at)
        if kind == _UNICODE_PATH:
            yield fields[at + 9 : at + 4 + length]
        at += 4 + length


def _fresh(name: str) -> Entry:
    return Entry(name, name.encode(), 0 if name.isascii() else _UTF8, _DEFLATED, _NO_DATE, 0, 0, 0, 0, 0)


def _packed(entry: Entry, content: bytes) -> tuple[bytes, Entry]:
    squeeze = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = squeeze.compress(content) + squeeze.flush()
    crc = zlib.crc32(content)
    return packed, replace(entry, method=_DEFLATED, stamp=_NO_DATE, crc=crc, packed=len(packed), size=len(content))
