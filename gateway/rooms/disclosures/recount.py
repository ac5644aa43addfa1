"""What was judged before, judged anew: its facts were amended, a rule begins or was changed, days off became known.

What must not be shown any more owes a withdrawal; days that move are told of.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Connection

from gateway.rooms.decisions import fetch as fetch_decision
from gateway.rooms.disclosures import records
from gateway.rooms.disclosures.effects import Effects
from gateway.rooms.disclosures.judging import Plan, Refusal
from gateway.rooms.disclosures.planning import Planning
from gateway.rooms.disclosures.records import NOT_LIVE, Change, Disclosure
from gateway.rooms.disclosures.states import STANDING, UNPUBLISHED
from gateway.words.clock import day_of, from_micros, to_micros
from gateway.words.errors import ConflictProblem

FOR_THE_PUBLIC = "依法不予公开"
"""Why a publication is withdrawn that the law forbids. The public reads it, so it never says why it is secret."""


def judge_again(conn: Connection, effects: Effects, planning: Planning, disclosure_id: str, now: datetime) -> bool:
    """Judge one disclosure anew, by the facts as they are and the rules of today. Whether anything has followed."""
    one, today, at = effects.lock(conn, disclosure_id), day_of(now), to_micros(now)
    if one.status not in STANDING:
        return False
    decision = fetch_decision(conn, effects.envelope, one.decision_id)
    organ = records.organ_of(conn, one.authority, today)
    assert decision is not None, "a disclosure is of a decision"
    if organ is None:
        return False
    try:
        found = planning.again(decision, organ, one, today)
    except (KeyError, ConflictProblem):
        return False  # the target is configured no more: nothing can be sent there either
    records.change(conn, one.id, at, judged_under=planning.digest(today))
    if isinstance(found, Refusal) and found.kind in ("never", "minor") and one.withdraw_wanted_at is None:
        planned_on = day_of(from_micros(one.created_at))
        begun = found.since if found.since is not None and found.since > planned_on else today
        words = found.reason if found.kind == "minor" else FOR_THE_PUBLIC
        effects.withdrawals.owe(conn, one, words, begun, at)
        return True
    plan = found.plan if isinstance(found, Refusal) else found
    return isinstance(plan, Plan) and _moved(conn, effects, one, plan, at)


def recount(conn: Connection, effects: Effects, planning: Planning, disclosure_id: str, now: datetime) -> bool:
    """Count the last days of one disclosure anew; tells ``disclosure.deadline`` of each that moved, and whether any."""
    moved = judge_again(conn, effects, planning, disclosure_id, now)
    one = effects.lock(conn, disclosure_id)
    if one.withdraw_reason_on is not None and one.withdraw_wanted_at is not None and one.status.value not in NOT_LIVE:
        last = effects.withdrawals.last_day(one, one.withdraw_reason_on)
        if (last.on, last.provisional) != (one.withdraw_by_on, one.withdraw_by_provisional):
            told = one.withdraw_due_soon_days if last.on == one.withdraw_by_on else None
            changed = Change(
                withdraw_by_on=last.on, withdraw_by_provisional=last.provisional, withdraw_due_soon_days=told
            )
            records.change(conn, one.id, to_micros(now), **changed)
            effects.want_by(conn, one.id, last.on)
            _tell(conn, effects, one, "withdraw_by_on", one.withdraw_by_on, last.on, last.provisional)
            moved = True
    return moved


def _moved(conn: Connection, effects: Effects, one: Disclosure, plan: Plan, at: int) -> bool:
    """Take over the days of a plan; whether any is another one. What is public keeps the day on which it was to be."""
    moved, by = False, plan.by
    if one.status in UNPUBLISHED and (by.on, by.provisional) != (one.submit_by_on, one.submit_by_provisional):
        same = by.on == one.submit_by_on
        changed = Change(
            submit_by_on=by.on,
            submit_by_provisional=by.provisional,
            submit_citation=by.citation,
            pass_on_by_on=by.pass_on,
            due_soon_days=one.due_soon_days if same else None,  # another day is told of anew
        )
        records.change(conn, one.id, at, **changed)
        effects.want_by(conn, one.id, by.pass_on or by.on)
        _tell(conn, effects, one, "submit_by_on", one.submit_by_on, by.on, by.provisional)
        moved = True
    if (plan.until, plan.repair_from) != (one.publish_until_on, one.repair_from_on):
        days = Change(publish_until_on=plan.until, repair_from_on=plan.repair_from, citation=plan.citation)
        records.change(conn, one.id, at, **days)
        if one.look_on is not None:
            records.look_next(conn, one.id, day_of(from_micros(at)))
        if plan.until != one.publish_until_on:
            _tell(conn, effects, one, "publish_until_on", one.publish_until_on, plan.until, False)
        moved = True
    return moved


def _tell(
    conn: Connection, effects: Effects, one: Disclosure, name: str, was: date | None, last: date, provisional: bool
) -> None:
    days = {name: str(last), f"{name}_before": None if was is None else str(was)}
    effects.tell(conn, one, "deadline", **days, provisional=provisional)
