"""操作审计 on the console: what people did, and at whom they looked unmasked, of all of them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from gateway.foundation.access.audit import AuditFilter, AuditRecord
from gateway.foundation.narrowing import day
from gateway.foundation.screens import (
    Choice,
    Code,
    Deed,
    Filter,
    Found,
    Group,
    Head,
    Listing,
    Look,
    Moment,
    Named,
    Row,
    Screen,
    Tag,
    Value,
    Wanted,
)
from gateway.words.clock import start_of, to_micros
from gateway.words.saying import Word, say

NAME: Final = "audit"
_KINDS: Final = ("act", "read")


async def _find(look: Look, wanted: Wanted) -> Found:
    asked, kind = look.asked, look.asked.get("kind")
    sought = AuditFilter(
        operator=asked.get("operator"),
        subject=asked.get("subject"),
        kind=kind if kind in _KINDS else None,
        since=_begin(day(look, "since")),
        until=_begin(day(look, "until"), after=1),
        before=wanted.cursor,
        limit=wanted.limit,
    )
    return Found.page([_row(one) for one in await look.base.audit.find(sought)], wanted)


def _begin(on: date | None, after: int = 0) -> int | None:
    """When a day begins, or the one after it, in microseconds."""
    return None if on is None else to_micros(start_of(on + timedelta(days=after)))


def _row(one: AuditRecord) -> Row:
    return Row(one.id, (Moment(one.at), one.operator or Code(one.operator_id), *deed(one)))


def deed(one: AuditRecord) -> tuple[Value, ...]:
    """What was done, at what, why and with which result, as cells under ``DEED``."""
    reason = None if one.reason is None else Word(one.reason)
    return (Deed(one.action), Code(one.subject), reason, _result(one.status))


def _result(status: int | None) -> Value:
    if status is None:
        return None
    return say("accounts.screen_went") if status < 400 else Tag(say("accounts.screen_went_not", status=status), "bad")


DEED: Final = (
    Head(Named("action")),
    Head(say("accounts.screen_subject"), small=True),
    Head(Named("reason"), small=True),
    Head(say("accounts.screen_result")),
)
AUDIT: Final = Screen(
    name=NAME,
    title=say("accounts.screen_acts"),
    scope="audit:read",
    place=95,
    group=Group.ACCESS,
    lists=Listing(
        filters=(
            Filter("operator", say("accounts.screen_who"), wide=True),
            Filter("subject", say("accounts.screen_subject")),
            Filter(
                "kind",
                say("accounts.screen_kind"),
                "choice",
                tuple(Choice(one, say(f"accounts.screen_kind_{one}")) for one in _KINDS),
            ),
            Filter("since", say("accounts.screen_since"), "day"),
            Filter("until", say("accounts.screen_until"), "day"),
        ),
        heads=(Head(Named("at")), Head(Named("operator")), *DEED),
        find=_find,
        empty=say("accounts.screen_no_acts"),
        note=say("accounts.screen_audit_note"),
    ),
)
