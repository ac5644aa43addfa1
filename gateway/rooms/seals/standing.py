"""What the issuer of a seal says of it, held against a report: is it this seal, and was it in force when it was used.

No interface is known by which every seal can be asked about; who is asked is a setting (a channel), and what it says is
one ``Standing``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from gateway.ports.base import Message
from gateway.rooms.seals.report import CHECKS, Check, Result, SealReport, Words
from gateway.words.clock import parse_rfc3339, rfc3339

Status = Literal["active", "suspended", "cancelled", "expired", "unknown"]
STATUSES: Final[dict[str, str]] = {
    "active": "正常",
    "suspended": "已停用",
    "cancelled": "已注销",
    "expired": "已过期",
    "unknown": "印章服务无此印章",
}


class Standing(Message):
    """What a source says of one seal now. ``since``: from when; ``digest``: SM3 of the SESeal that it issues.

    ``filed``: whether the seal is filed 备案 with the authority that has to know, where the source tells.
    """

    status: Status
    since: datetime | None = None
    digest: str | None = None
    filed: bool | None = None
    source: str = "the seal service"


def with_standing(report: SealReport, standing: Standing, *, witnessed: bool = False) -> SealReport:
    """The report with the checks that only the issuer makes possible.

    ``witnessed``: we had the document sealed ourselves just now, so the time of sealing is not the signer's word alone.
    """
    checks: list[Check] = []
    if standing.digest is not None:
        same = standing.digest == report.seal_digest
        words = Words(zh="与印章服务签发的印章不一致", en="not the seal, byte for byte, that its service issues")
        checks.append(_check("seal_as_issued", "passed" if same else "failed", Words() if same else words, standing))
    checks.append(_status(report, standing, witnessed))
    if standing.filed is False:
        words = Words(zh="印章未备案", en="the seal is not filed")
        checks.append(_check("seal_filed", "not_made", words, standing, required=True))
    return _with(report, checks)


def not_asked(report: SealReport, zh: str, en: str) -> SealReport:
    """The report where its seal's issuer should have been asked and could not be: a check that is missing."""
    named = CHECKS["seal_status"]
    check = Check(name="seal_status", result="not_made", reason=Words(zh=zh, en=en), source=named.source, required=True)
    return _with(report, [check])


def _status(report: SealReport, standing: Standing, witnessed: bool) -> Check:
    said = STATUSES[standing.status]
    if standing.status == "active":
        return _check("seal_status", "passed", Words(zh=said, en=standing.status), standing)
    sealed = parse_rfc3339(report.signed_at) if report.signed_at else None
    if witnessed and (standing.since is None or sealed is None or sealed >= standing.since):
        return _check("seal_status", "failed", Words(zh=said, en=standing.status), standing)
    if standing.since is None or sealed is None or standing.status == "unknown":
        words = Words(zh=f"{said}，何时起不明", en=f"{standing.status}, it is not known since when")
        return _check("seal_status", "not_made", words, standing, required=True)
    since = rfc3339(standing.since)
    if sealed >= standing.since:
        words = Words(zh=f"{said}（{since}），用印在其后", en=f"sealed after it was {standing.status} on {since}")
        return _check("seal_status", "failed", words, standing)
    ended = said.removeprefix("已")
    if witnessed or report.time_source == "time_stamp":
        zh, en = f"用印在其{ended}（{since}）之前", f"sealed before it was {standing.status} on {since}"
        return _check("seal_status", "passed", Words(zh=zh, en=en), standing)
    words = Words(
        zh=f"签章人自述用印在其{ended}（{since}）之前，无时间戳佐证",
        en=f"{standing.status} on {since}; that it was sealed before is the signer's own word",
    )
    return _check("seal_status", "not_made", words, standing, required=True)


def _check(name: str, result: Result, reason: Words, standing: Standing, *, required: bool = False) -> Check:
    return Check(name=name, result=result, reason=reason, source=standing.source, required=required)


def _with(report: SealReport, checks: Sequence[Check]) -> SealReport:
    made = {check.name for check in checks}
    kept = tuple(check for check in report.checks if check.name not in made)
    return report.model_copy(update={"checks": (*kept, *checks)})
