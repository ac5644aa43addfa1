"""Evidence bundles 证据包: one file per case that proves itself to whoever has it, without us and without our keys.

The list of all files is signed with the key of the evidence heads; each exchange comes with its proof
(``foundation.evidence.proofs``). The verifier is inside, one file of plain Python (``verify_bundle``).
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, bindparam, select

from gateway.foundation import rooms as all_rooms
from gateway.foundation.base import Foundation
from gateway.foundation.case_files import CaseFile, CaseFiles, CasePart
from gateway.foundation.crypto.keys import HEAD_KEY
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.delivery import event_records
from gateway.foundation.delivery.tables import operation
from gateway.foundation.evidence import Evidence, records
from gateway.foundation.evidence.proofs import UnprovenError
from gateway.foundation.evidence.records import Dictionaries
from gateway.foundation.evidence.tables import exchange
from gateway.foundation.handovers import DataKind, HandsOver, note
from gateway.foundation.rooms import Services
from gateway.rooms.decisions import Decisions, Party, PartyKind
from gateway.words.clock import from_micros, rfc3339, to_micros
from gateway.words.identifiers import claim_prefix, new_id

claim_prefix("bdl", "an evidence bundle")

FORMAT: Final = "gateway-evidence-bundle-1"
SIGNED: Final = b"evidence bundle\n"
"""What is signed begins so: no line of heads does."""
_ROW: Final = ("id", "node", "seq", "channel", "direction", "action", "operation_id", "subject", "authority", "method")
_TOLD: Final = ("status", "outcome", "started_at", "ended_at")
_EXCHANGES: Final = (
    select(exchange.c.id)
    .outerjoin(operation, operation.c.id == exchange.c.operation_id)
    .where(
        exchange.c.channel.not_like("(%"),
        exchange.c.subject.in_(bindparam("of", expanding=True))
        | operation.c.subject.in_(bindparam("of", expanding=True)),
    )
    .order_by(exchange.c.started_at, exchange.c.id)
)


@dataclass(frozen=True)
class BundleAsk:
    """Which case, for whom (a court, a reconsideration organ), and why. ``exact``: with exact bytes and plain facts."""

    authority: str
    number: str
    recipient: str
    reason: str
    by: str
    exact: bool = False


class Bundles:
    """Makes evidence bundles."""

    def __init__(self, base: Foundation, rooms: Services) -> None:
        self._base, self._rooms = base, rooms

    async def make(self, ask: BundleAsk) -> bytes:
        """The bundle as a ZIP file. Raises NotFoundProblem for a decision that is not there.

        What this node has not signed yet is signed before; exchanges of others may be newer than their last head,
        and are then listed as not proved yet.
        """
        decision = await self._rooms.get(Decisions).get(ask.authority, ask.number)
        parts = [await of(self._base, self._rooms, decision.id, ask.exact) for of in _case_files()]
        await self._base.evidence.flush()
        await self._base.evidence.sign_head()
        files, known = await self._base.store.read(lambda conn: self._read(conn, parts, ask))
        made_at, bundle_id = self._base.clock.now(), new_id("bdl")
        files = [one for part in parts for one in part.files] + files
        index = await asyncio.to_thread(_index, ask, decision.number, files, known, made_at)
        files += [CaseFile("index.pdf", index, "目录"), CaseFile("verify.py", _verifier(), "验证程序")]
        keys = self._base.keys
        manifest = {
            "format": FORMAT,
            "id": bundle_id,
            "authority": ask.authority,
            "number": decision.number,
            "made_at": rfc3339(made_at),
            "made_by": ask.by,
            "recipient": ask.recipient,
            "reason": ask.reason,
            "exact": ask.exact,
            "exchanges": known.proved,
            "unproved": known.unproved,
            "shredded": known.shredded,
            "key": keys.public(HEAD_KEY).hex(),
            "head_keys": [one.hex() for one in keys.publics(HEAD_KEY)],
            "files": {
                one.path: {
                    "title": one.title,
                    "length": len(one.content),
                    "sha256": hashlib.sha256(one.content).hexdigest(),
                }
                for one in files
            },
        }
        text = json.dumps(manifest, ensure_ascii=False, indent=1).encode()
        signature = await asyncio.to_thread(keys.sign, HEAD_KEY, SIGNED + text)
        made = await asyncio.to_thread(_zipped, files, text, signature, made_at)
        handed = _hands_over(decision.facts.party, ask.exact)
        if handed is not None:
            handed = handed.on(self._base.settings.handovers.basis, "bundle")
        about = {"subject": decision.id, "authority": ask.authority, "by": ask.by}
        at = to_micros(made_at)
        await self._base.store.write(lambda conn: note(conn, handed, at, "bundle", ask.recipient, **about))
        return made

    def _read(self, conn: Connection, parts: Sequence[CasePart], ask: BundleAsk) -> tuple[list[CaseFile], _Known]:
        evidence, subjects = self._base.evidence, [one for part in parts for one in part.subjects]
        events = sorted(
            (event for subject in subjects for event in event_records.timeline(conn, subject)),
            key=lambda one: (one.at, one.id),
        )
        told = [{**asdict(one), "at": rfc3339(from_micros(one.at))} for one in events]
        files, known = [CaseFile.of_json("events.json", told, "事件记录")], _Known([], [], [])
        for exchange_id in conn.execute(_EXCHANGES, {"of": subjects}).scalars():
            opened = evidence.open(conn, exchange_id)
            one = opened.exchange
            title = f"交互 {one.channel} {one.action} {rfc3339(from_micros(one.started_at))}"
            shown = {name: getattr(one, name) for name in (*_ROW, *_TOLD, "url", "request", "response")}
            files.append(CaseFile.of_json(f"exchanges/{one.id}.json", shown, title))
            if opened.exact is None:
                known.shredded.append(one.id)
            try:
                (proof,) = evidence.proofs(conn, [one.id])
            except UnprovenError:
                known.unproved.append(one.id)
                continue
            known.proved.append(one.id)
            files.append(CaseFile.of_json(f"proofs/{one.id}.json", proof.as_json(), f"证明 {one.id}"))
            if ask.exact and opened.exact is not None:
                files.append(
                    CaseFile(f"exchanges/{one.id}.exact", _container(conn, evidence, one.id), f"{title}（原文）")
                )
        return files, known


@dataclass(frozen=True)
class _Known:
    """Exchanges that are proved, that no head has signed yet, and whose exact bytes retention has shredded."""

    proved: list[str]
    unproved: list[str]
    shredded: list[str]


def _hands_over(party: Party, exact: bool) -> HandsOver | None:
    """What a bundle tells of natural persons: papers and answers name the party; exact bytes have all of it."""
    if party.kind is not PartyKind.NATURAL_PERSON:
        return HandsOver((DataKind.REPRESENTATIVE,)) if party.legal_representative else None
    plain = ((DataKind.NUMBER, party.id_number), (DataKind.PHONE, party.phone), (DataKind.ADDRESS, party.address))
    told = tuple(kind for kind, value in plain if value and exact)
    return HandsOver((DataKind.NAME, DataKind.DOCUMENT, *told))


def _container(conn: Connection, evidence: Evidence, exchange_id: str) -> bytes:
    return records.kept(conn, exchange_id).container(evidence.envelope, Dictionaries(conn))


def _case_files() -> list[CaseFiles]:
    return [room.place(room.case_files) for room in all_rooms.found() if room.case_files is not None]


def _verifier() -> bytes:
    return Path(__file__).with_name("verify_bundle.py").read_bytes()


def _zipped(files: Sequence[CaseFile], manifest: bytes, signature: bytes, at: datetime) -> bytes:
    out = io.BytesIO()
    own = [("manifest.json", manifest), ("manifest.sig", signature.hex().encode())]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in [*own, *((one.path, one.content) for one in files)]:
            info = zipfile.ZipInfo(path, (at.year, at.month, at.day, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return out.getvalue()


def _index(ask: BundleAsk, number: str, files: Sequence[CaseFile], known: _Known, at: datetime) -> bytes:
    """The readable index, as PDF."""
    from gateway.typography.letter import Block, Letter, render

    whole = "含原文与未脱敏的决定事实" if ask.exact else "交互与决定事实均已脱敏；文书与票据为原件"
    told = [
        Block(f"执法机关：{ask.authority}。决定书文号：{number}。制作时间：{rfc3339(at)}。制作人：{ask.by}。"),
        Block(f"接收方：{ask.recipient}。理由：{ask.reason}。内容：{whole}。"),
        Block(
            f"交互共{len(known.proved) + len(known.unproved)}次，其中{len(known.proved)}次附有存证链证明，"
            f"{len(known.unproved)}次尚未签名，{len(known.shredded)}次原文因保存期满已销毁。"
        ),
        Block(
            "验证方法：python verify.py 证据包文件 --key 公布的公钥。验证程序不依赖本系统，宜使用另行取得的同一程序。"
        ),
        Block("文件目录", heading=True),
    ]
    told += [
        Block(f"{place}. {one.title}：{one.path}，SM3 {sm3(one.content).hex()[:16]}…", indent=False)
        for place, one in enumerate(files, start=1)
    ]
    return render(
        Letter("证据包目录", number, tuple(Block(_printable(one.text), one.heading, one.indent) for one in told))
    )


def _printable(text: str) -> str:
    """Text of which the font has every character; another one is shown as 〓, as printers do."""
    from gateway.typography.letter import check_glyphs

    try:
        check_glyphs([text])
    except ValueError:
        return "".join(one if _has(one) else "〓" for one in text)
    return text


def _has(character: str) -> bool:
    from gateway.typography.letter import check_glyphs

    try:
        check_glyphs([character])
    except ValueError:
        return False
    return True
