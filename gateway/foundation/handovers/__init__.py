"""Supply log 个人信息提供记录: each handing over of personal data of natural persons to others.

To whom, which kinds, on what basis; none of the data itself. Kept for three years at least: 个人信息保护法 arts 55-56,
网络数据安全管理条例 art. 12. What an organisation is called is no personal data; who represents it is a person.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Literal

from sqlalchemy import Connection, String, cast, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.foundation.handovers.tables import handover
from gateway.foundation.store.prepared import HELD
from gateway.foundation.store.rows import columns, reader
from gateway.words.errors import SettingsError
from gateway.words.identifiers import new_id
from gateway.words.saying import say

DUTY: Final = "《个人信息保护法》第十三条第一款第三项：履行法定职责所必需"
"""The basis of what a public organ hands over within its duty."""
OCCASIONS: Final = ("entities.by_name", "notice.resolve_user", "bundle", "exact")
"""When personal data is handed over otherwise than by an operation."""


class DataKind(StrEnum):
    """A kind of personal data. ``number``: of an identity document, or of an officer's certificate.

    ``account``: at a bank or a messenger. ``representative``: the name of who represents an organisation.
    ``document``: all that stands in the papers of a case.
    """

    NAME = "name"
    NUMBER = "number"
    PHONE = "phone"
    ADDRESS = "address"
    ACCOUNT = "account"
    REPRESENTATIVE = "representative"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class HandsOver:
    """What a call hands over: kinds of personal data, and the duty on which it is done, with its citation."""

    kinds: tuple[DataKind, ...]
    basis: str = DUTY

    def on(self, bases: Mapping[str, str], occasion: str) -> HandsOver:
        """The same, on the basis that the organ has set for this occasion, if it has (``[handovers.basis]``)."""
        return replace(self, basis=bases.get(occasion, self.basis))


def check_bases(bases: Mapping[str, str], operations: Collection[str]) -> None:
    """Every occasion in the settings is one on which something is handed over. Raises SettingsError."""
    known = sorted({*OCCASIONS, *operations})
    for occasion in bases:
        if occasion not in known:
            raise SettingsError("handovers.basis", say("handovers.no_occasion", occasion=occasion, known=known))


Way = Literal["channel", "bundle", "exact"]


@dataclass(frozen=True, slots=True)
class Handover:
    """One handing over. ``recipient``: a channel, whose adapter is ``system``, or the organ or person who got it.

    ``by``: who had it handed over, where it is no operation of ours. ``at`` in microseconds.
    """

    id: str
    at: int
    way: Way
    recipient: str
    kinds: tuple[DataKind, ...]
    basis: str
    authority: str | None = None
    subject: str | None = None
    system: str | None = None
    operation_id: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class HandoverFilter:
    """Which of them: all of None are any. ``since`` and ``until`` in microseconds; ``before``: an id, to page on."""

    recipient: str | None = None
    subject: str | None = None
    authority: str | None = None
    kind: DataKind | None = None
    since: int | None = None
    until: int | None = None
    before: str | None = None
    limit: int = 50


_row = handover.c
_read = reader(Handover)
_ONCE = {
    "sqlite": sqlite.insert(handover).on_conflict_do_nothing().execution_options(**{HELD: True}),
    "postgresql": postgresql.insert(handover).on_conflict_do_nothing().execution_options(**{HELD: True}),
}


def note(conn: Connection, handed: HandsOver | None, at: int, way: Way, recipient: str, **known: Any) -> None:
    """Write down what was handed over otherwise than by an operation; ``known``: the other fields of ``Handover``."""
    if handed is not None:
        one = Handover(new_id("hov"), at, way, recipient, handed.kinds, handed.basis, **known)
        conn.execute(insert(handover), columns(one))


def note_operation(
    conn: Connection,
    handed: HandsOver,
    at: int,
    *,
    operation_id: str,
    subject: str,
    authority: str,
    to: tuple[str, str],
) -> None:
    """Write down what an operation hands over, once for all its attempts. ``to``: the channel and its system."""
    values = {
        "id": f"hov{operation_id[operation_id.index('_') :]}",
        "at": at,
        "way": "channel",
        "recipient": to[0],
        "system": to[1],
        "kinds": list(handed.kinds),
        "subject": subject,
        "authority": authority,
        "basis": handed.basis,
        "operation_id": operation_id,
    }
    conn.execute(_ONCE[conn.dialect.name], values)


def find(conn: Connection, wanted: HandoverFilter) -> list[Handover]:
    """Handings over, newest first."""
    query = select(handover).order_by(_row.id.desc()).limit(wanted.limit)
    if wanted.recipient is not None:
        query = query.where(_row.recipient == wanted.recipient)
    if wanted.subject is not None:
        query = query.where(_row.subject == wanted.subject)
    if wanted.authority is not None:
        query = query.where(_row.authority == wanted.authority)
    if wanted.kind is not None:
        query = query.where(cast(_row.kinds, String).contains(f'"{wanted.kind.value}"'))
    if wanted.since is not None:
        query = query.where(_row.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(_row.at < wanted.until)
    if wanted.before is not None:
        query = query.where(_row.id < wanted.before)
    return [_read(row) for row in conn.execute(query).mappings()]
