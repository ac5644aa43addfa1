"""A credit platform that takes files: workbooks out of a folder, receipts and a list into it (creditfolder/v1).

It works at night. Each cycle, at ``at`` by its own clock, gives the verdicts on what an earlier one took in, takes in
what lies in ``inbox``, and writes the list of what is shown. ``POST /_sim/credit-folder/cycle`` has one now;
``POST /_sim/credit-folder/judge`` gives verdicts at once (``{"sourceId": …}`` for one, ``"reject": "words"`` to refuse
it). Settings over ``POST /_sim/credit-folder/settings``: ``folder``, an absolute path (null: it has none, and does
nothing), ``at`` (``"02:00"``), ``closed`` (true: it leaves ``closed.txt`` there).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import python_calamine
from starlette.requests import Request
from starlette.routing import BaseRoute

import contracts
from simulators.credit.register import CONTRACT, Register, judging
from simulators.frame import (
    SHANGHAI,
    Act,
    Document,
    Entry,
    Foundation,
    Page,
    Service,
    Settings,
    Shadowed,
    System,
    Transaction,
    rfc3339,
)

_TITLES = {
    name: one["title"] for name, one in CONTRACT.document["components"]["schemas"]["Penalty"]["properties"].items()
}
_COLUMNS = {row["name"]: row["title"] for row in contracts.code_table("creditfolder", "v1", "columns")}
_KINDS = {row["sheet"]: row["action"].upper() for row in contracts.code_table("creditfolder", "v1", "sheets")}
_WORDS = {row["state"].upper(): row["word"] for row in contracts.code_table("creditfolder", "v1", "shown")}
_VERDICTS = {"ACCEPTED": "通过", "REJECTED": "不通过"}
_RECEIPT = ("reference", "verdict", "receipt", "column", "code", "message")
_LISTED = ("CF_WSH", "CF_CFJGDM", "CF_XDR_MC", "CF_XDR_SHXYM", "CF_WFXW", "CF_NR", "CF_JDRQ", "CF_GSJZQ", "CF_CFJG")
_PLACES = ("inbox", "taken", "receipts")
_KEPT = ("CF_WSH", "CF_CFJGDM", "CF_XDR_MC")


class UnreadableError(Exception):
    """A file is no submission; says why."""


class FolderShadowed(Shadowed):
    """Never asked again: what came is a file."""

    def place(self, method: str, path: str) -> str | None:
        return None


class CreditFolder(Service):
    """Takes files in, has them judged later, tells in files."""

    contract = CONTRACT
    keeps_hours = True

    def __init__(self, base: Foundation, system: System) -> None:
        super().__init__(base, system)
        self.shadowed = FolderShadowed(self)
        self.register = Register(self)
        self._looked: datetime | None = None

    def routes(self) -> list[BaseRoute]:
        """There are none: nobody calls it."""
        return []

    def acts(self) -> list[Act]:
        """A cycle, or verdicts, now; and what it could not read."""
        return [
            Act("cycle", "/cycle", "立即处理一夜", "a night now", self._cycle_now),
            judging(self._judge_now),
            Act("taken", "/taken", "立即收件", "take in what lies there, and tell what is unreadable", self._take_now),
        ]

    # --- the night --------------------------------------------------------------------------------------------------

    def set_up(self, tx: Transaction) -> None:
        """Its nights are counted from the first day on."""
        tx.put(self.name, "night", "looked", {"at": rfc3339(self.base.clock.now())})

    def forget(self) -> None:
        """When it last looked at the clock."""
        self._looked = None

    def clock_moved(self) -> None:
        """A cycle for each hour ``at`` that has passed since it last looked; two at most, which is what a file needs
        to be taken in and judged."""
        now = self.base.clock.now()
        with self.base.state.transaction() as tx:
            kept = tx.get(self.name, "night", "looked") or {"at": rfc3339(now)}
            looked = self._looked or datetime.fromisoformat(kept["at"])
            nights = _nights(looked, now, time.fromisoformat(self.settings(tx)["at"]))
            for _ in range(min(nights, 2)):
                self._cycle(tx)
            if nights or now < looked:
                tx.put(self.name, "night", "looked", {"at": rfc3339(now)})
        self._looked = now

    def _cycle(self, tx: Transaction) -> None:
        """Verdicts on what lay here, then what is new is taken in: a receipt comes a night after its file."""
        folder = self._folder(tx)
        if folder is None:
            return
        for _, one in tx.list(self.name, "submission", "PENDING"):
            self._judge(tx, folder, one, None)
        self._take_in(tx, folder)
        self._write_list(tx, folder)

    def _take_in(self, tx: Transaction, folder: Path) -> None:
        for path in sorted((folder / "inbox").glob("*.xlsx")):
            if path.name.startswith("."):
                continue
            reference, content = path.stem, path.read_bytes()
            if tx.get(self.name, "submission", reference) is None:
                try:
                    kind, told = _read(reference, content)
                except UnreadableError as wrong:
                    tx.put(self.name, "unreadable", reference, {"why": str(wrong)})
                else:
                    self._take(tx, reference, kind, told)
            path.replace(folder / "taken" / path.name)

    def _take(self, tx: Transaction, reference: str, kind: str, told: Document) -> None:
        now = self.base.clock.now()
        submission: Document = {
            "sourceId": reference,
            "kind": kind,
            "state": "PENDING",
            "receiptNo": f"R{now:%Y%m%d}{tx.next(self.name, 'receipt'):08d}",
            "receivedAt": rfc3339(now.replace(microsecond=0)),
            "fieldErrors": [],
            "content": told,
            "due": None,
        }
        tx.put(self.name, "submission", reference, submission, group="PENDING")
        tx.effect(self.name, kind.lower(), reference)

    def _judge(self, tx: Transaction, folder: Path, submission: Document, refuse: str | None) -> None:
        self.register.decide(tx, submission, refuse)
        head = (submission["sourceId"], _VERDICTS[submission["state"]], submission["receiptNo"])
        errors = [
            (*head, _TITLES.get(one["field"], one["field"]), one["code"], one["message"])
            for one in submission["fieldErrors"]
        ]
        lines = errors or [(*head, "", "", submission.get("reason", ""))]
        columns = [_COLUMNS[one] for one in _RECEIPT]
        _put(folder / "receipts" / f"{submission['sourceId']}.csv", [columns, *lines])

    def _write_list(self, tx: Transaction, folder: Path) -> None:
        columns = [*(_TITLES[one] for one in _LISTED), _COLUMNS["state"], _COLUMNS["published_on"]]
        lines = [
            [*(face.get(one, "") for one in _LISTED), _WORDS[face["state"]], face.get("publishedOn", "")]
            for face in self._faces(tx)
        ]
        _put(folder / "published.csv", [columns, *lines])

    # --- on demand --------------------------------------------------------------------------------------------------

    def _cycle_now(self, request: Request, body: Any) -> Any:
        with self.base.state.transaction() as tx:
            self._cycle(tx)
        return {}

    def _take_now(self, request: Request, body: Any) -> Any:
        with self.base.state.transaction() as tx:
            if (folder := self._folder(tx)) is not None:
                self._take_in(tx, folder)
            unreadable = {name: one["why"] for name, one in tx.list(self.name, "unreadable")}
        return {"unreadable": unreadable}

    def _judge_now(self, request: Request, body: Any) -> Any:
        body = body or {}
        with self.base.state.transaction() as tx:
            folder = self._folder(tx)
            if folder is None:
                return {"judged": []}
            self._take_in(tx, folder)
            pending = [one for _, one in tx.list(self.name, "submission", "PENDING")]
            chosen = [one for one in pending if body.get("sourceId") in (None, one["sourceId"])]
            for one in chosen:
                self._judge(tx, folder, one, body.get("reject"))
            self._write_list(tx, folder)
        return {"judged": [one["sourceId"] for one in chosen]}

    def _folder(self, tx: Transaction) -> Path | None:
        """The folder, with its places; None while it has none or is said to be closed."""
        settings = self.settings(tx)
        if settings["folder"] is None:
            return None
        folder = Path(settings["folder"])
        for place in _PLACES:
            (folder / place).mkdir(parents=True, exist_ok=True)
        sign = folder / "closed.txt"
        if settings["closed"]:
            sign.write_text("夜间处理中\n", encoding="utf-8")
            return None
        sign.unlink(missing_ok=True)
        return folder

    # --- what people see --------------------------------------------------------------------------------------------

    def pages(self) -> list[Page]:
        """All publications."""
        return [Page("/public", "行政处罚信息公示", self._entries, "暂无公示信息。")]

    def _entries(self, tx: Transaction, request: Request) -> Sequence[Entry]:
        entries: list[Entry] = []
        for face in self._faces(tx):
            rows = [(_TITLES[name], face[name]) for name in face if name in _TITLES]
            rows += [("状态", _WORDS[face["state"]])]
            more = (("publishedOn", "公示日期"), ("explanation", "说明"))
            entries.append(rows + [(words, face[name]) for name, words in more if name in face])
        return entries

    def _faces(self, tx: Transaction) -> list[Document]:
        return [self.register.face(one) for _, one in tx.list(self.name, "record")]

    def credentials(self) -> dict[str, Any]:
        """The page to look at."""
        return {"public": f"{self.url}/public"}


def _nights(after: datetime, until: datetime, hour: time) -> int:
    """How many times it became that hour in Asia/Shanghai after an instant, up to another."""
    first = datetime.combine(after.astimezone(SHANGHAI).date(), hour, SHANGHAI)
    first += timedelta(days=1) if first <= after else timedelta(0)
    return 0 if until < first else (until - first).days + 1


def _read(reference: str, content: bytes) -> tuple[str, Document]:
    """The kind of a workbook and what it says, in the words of the register. UnreadableError."""
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        (name,) = book.sheet_names
        rows = book.get_sheet_by_name(name).to_python()
    except Exception as problem:  # calamine raises many kinds
        raise UnreadableError(f"no workbook with one sheet: {problem}") from problem
    if name not in _KINDS or len(rows) != 2:
        raise UnreadableError(f"the sheet {name!r} with {len(rows)} rows is none of the contract's")
    told = {str(title): str(value) for title, value in zip(*rows, strict=True) if value != ""}
    if told.pop(_COLUMNS["reference"], None) != reference:
        raise UnreadableError("the file's name is not its 报送编号")
    reason, repair = told.pop(_COLUMNS["reason"], None), told.pop(_COLUMNS["repair"], None)
    by_title = {title: wire for wire, title in _TITLES.items()}
    row = {by_title.get(title, title): value for title, value in told.items()}
    kind = _KINDS[name]
    content_of: Document = {"penalty": row} if kind in ("SUBMIT", "CORRECT") else {"key": row}
    if kind not in ("SUBMIT", "CORRECT") and set(row) != set(_KEPT):
        raise UnreadableError(f"the columns {', '.join(told)} do not name a publication")
    if (kind in ("CORRECT", "WITHDRAW")) != (reason is not None) or (kind == "REPAIR") != (repair is not None):
        raise UnreadableError("原因 or 修复决定文号 is missing, or not of this sheet")
    return kind, content_of | {"reason": reason, "repairNumber": repair}


def _put(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """A CSV, whole, under its name."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode())
    part.replace(path)


SYSTEM = System(
    name="credit-folder",
    contract="creditfolder/v1",
    title="市公共信用信息平台（文件报送）",
    build=CreditFolder,
    operations=frozenset(),
    settings=Settings(
        {"folder": None, "at": "02:00", "closed": False, "callbacks": False, "table": "2018", "publish_seconds": 0},
        {
            "folder": {"type": ["string", "null"], "pattern": "^/"},
            "at": {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"},
            "closed": {"type": "boolean"},
            "callbacks": {"const": False},
            "table": {"const": "2018"},
            "publish_seconds": {"type": "number", "minimum": 0},
        },
    ),
)
