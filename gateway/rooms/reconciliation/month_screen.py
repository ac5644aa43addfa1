"""Reconciliation 对账日历 on the console: days and sides of a month, each with its sign; files, reports, the close."""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from gateway.foundation.acts import by_name
from gateway.foundation.narrowing import day
from gateway.foundation.screens import (
    ActPage,
    Beside,
    Block,
    Calendar,
    Choice,
    Code,
    Day,
    Done,
    Fact,
    Facts,
    Field,
    FileOf,
    Files,
    Form,
    Group,
    Head,
    Look,
    Many,
    Moment,
    Named,
    Note,
    Page,
    Row,
    Screen,
    Served,
    Table,
    Tag,
    To,
    Tone,
    Value,
    Waits,
    Yuan,
    reason_for,
)
from gateway.foundation.sheets import XLSX
from gateway.rooms.reconciliation import report, report_files
from gateway.rooms.reconciliation.acts import ACTS
from gateway.rooms.reconciliation.balance import Balance, chinese, month_days
from gateway.rooms.reconciliation.matching import Side
from gateway.rooms.reconciliation.month_records import MonthClose, month_of
from gateway.rooms.reconciliation.months import Months
from gateway.rooms.reconciliation.profiles import Profiles
from gateway.rooms.reconciliation.report import Kind
from gateway.rooms.reconciliation.run_records import Run, RunFilter
from gateway.rooms.reconciliation.screens import NAME as BREAKS
from gateway.rooms.reconciliation.service import MonthOfDays, Reconciliation, StatementFile
from gateway.rooms.reconciliation.statement import Statement, StatementRefusedError
from gateway.rooms.reconciliation.states import MonthState, RunState
from gateway.rooms.reconciliation.totals import require_told
from gateway.rooms.reconciliation.whose import channels_of, serves
from gateway.words.clock import SHANGHAI, to_micros
from gateway.words.errors import InvalidProblem, NotFoundProblem
from gateway.words.money import format_sum
from gateway.words.saying import Both, Sentence, Word, say

_NAME: Final = "reconciliation"
_ACTS: Final = by_name(*ACTS)
_READ: Final = "reconciliation:read"
_SHOWN: Final = 8
"""So many lines of a file are shown before it counts."""
_LEFT: Final = 200
"""So many bills that are not paid are shown, the largest."""
_BACK: Final = 60
"""So far back days are looked for that nobody has reconciled."""
_REPORTS: Final[dict[Kind, Sentence]] = {
    "month": say("reconciliation.report_month"),
    "balance": say("reconciliation.report_balance"),
    "ledger": say("reconciliation.report_ledger"),
    "authority": say("reconciliation.report_authority"),
    "unit": say("reconciliation.report_unit"),
}
_STATES: Final[dict[MonthState, Tone]] = {MonthState.CLOSED: "good", MonthState.REOPENING: "wait"}


# --- the calendar -----------------------------------------------------------------------------------------------------


async def _channels(look: Look) -> list[str]:
    """The channels whose sums who looks may see."""
    return sorted(await channels_of(look.base, look.who))


async def _page(look: Look) -> Page:
    only = look.asked.get("only")
    if only in _ONLY:
        return await _ONLY[only](look)
    month = look.asked.get("month") or month_of(look.today)
    first, last = month_days(month)
    channels = await _channels(look)
    rows: list[tuple[Value, Sequence[Day]]] = []
    missed: list[tuple[str, date]] = []
    for channel in channels:
        found = await look.get(Reconciliation).month(channel, first, last)
        missed += [(channel, day) for day in found.missed]
        sides = [side for side in Side if side is Side.PLATFORM or any(of is side for _, of in found.runs)]
        for side in sides:
            days = [_day(look, channel, side, first + timedelta(days=n), found) for n in range((last - first).days + 1)]
            rows.append((Many((Word(side), Code(channel))), days))
    title = say("reconciliation.screen_month", month=month)
    calendar: Block = Calendar(title, rows, say("reconciliation.screen_signs"))
    if not channels:
        calendar = Note(say("reconciliation.screen_no_channel"))
    blocks = [
        calendar,
        *([_missed(missed)] if missed else []),
        *([await _sums(look, channels, month)] if channels else []),
    ]
    return Page(
        title=title,
        blocks=blocks,
        lead=To(say("reconciliation.report_ledger"), _NAME, asked={"only": "receivables"}) if channels else None,
        acts=["run", "file"] if channels else [],
        before=_month(month_of(first - timedelta(days=1))),
        after=_month(month_of(last + timedelta(days=1))) if last < look.today else None,
    )


def _month(month: str) -> To:
    return To(month, _NAME, asked={"month": month})


def _day(look: Look, channel: str, side: Side, on: date, found: MonthOfDays) -> Day:
    """One day of one side: a sign, a word and a tone, and where it leads."""
    run, number = found.runs.get((on, side)), found.open.get((on, side), 0)
    to = To("", _NAME, f"{channel}:{on}")
    if run is None:
        if side is Side.PLATFORM and on in found.missed:
            return Day(on, "?", say("reconciliation.day_missed"), "bad", to)
        return Day(on, "", "", "plain", to if on <= look.today else None)
    if number:
        return Day(on, f"!{number}", say("reconciliation.day_breaks"), "warn", to)
    if run.state is not RunState.DONE:
        return Day(on, "×", say("reconciliation.day_failed"), "bad", to)
    if run.provisional:
        return Day(on, "…", say("reconciliation.day_provisional"), "wait", to)
    return Day(on, "✓", say("reconciliation.day_done"), "good", to)


def _missed(found: Sequence[tuple[str, date]]) -> Table:
    heads = (Head(Named("day")), Head(Named("channel")))
    rows = [Row(None, (To(day, _NAME, f"{channel}:{day}"), Code(channel))) for channel, day in found]
    return Table(say("reconciliation.screen_missed"), heads, rows, say("reconciliation.screen_none_missed"))


async def _sums(look: Look, channels: Sequence[str], month: str) -> Table:
    """Each channel's month: both balances, what stands between them, whether it is closed."""
    heads = (
        Head(Named("channel")),
        Head(say("reconciliation.screen_books"), number=True),
        Head(say("reconciliation.screen_statements"), number=True),
        Head(say("reconciliation.screen_items"), number=True),
        Head(Named("state")),
    )
    rows = []
    for channel in channels:
        balance = await look.get(Months).balance(channel, month)
        close = await look.get(Months).closed(channel, month)
        to = To(Code(channel), _NAME, f"{channel}:{month}")
        cells = (to, Yuan(balance.books), Yuan(balance.statements), len(balance.items), _state(close, balance))
        rows.append(Row(None, cells))
    return Table(say("reconciliation.screen_sums"), heads, rows, "")


def _state(close: MonthClose | None, balance: Balance) -> Tag:
    if close is not None:
        return Tag(close.state, _STATES.get(close.state, "plain"))
    return Tag(say("reconciliation.month_balanced" if balance.balanced else "reconciliation.month_apart"), "plain")


# --- a day, a month ---------------------------------------------------------------------------------------------------


async def _told(look: Look, id: str) -> tuple[str, str]:
    """The channel, and the day or month, of an address. Raises NotFoundProblem."""
    channel, _, when = id.rpartition(":")
    await serves(look.base, look.who, channel)
    return channel, when


async def _one(look: Look, id: str) -> Page:
    channel, when = await _told(look, id)
    return await (_one_month if len(when) == len("2026-06") else _one_day)(look, channel, when)


def _as_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NotFoundProblem(say("reconciliation.none")) from None


async def _one_day(look: Look, channel: str, when: str) -> Page:
    on = _as_day(when)
    found = await look.get(Reconciliation).month(channel, on, on)
    runs = await look.get(Reconciliation).find(RunFilter(channel=channel, day_on=on))
    sides = [_side(channel, on, side, found) for side in Side]
    closed = await look.get(Months).closed(channel, month_of(on))
    notes: list[Block] = []
    if closed is not None:
        notes.append(Note(say("reconciliation.screen_frozen", month=month_of(on)), "good"))
    elif on in found.missed:
        notes.append(Note(say("reconciliation.screen_day_missed"), "bad"))
    return Page(
        title=say("reconciliation.screen_day", channel=channel, day=on),
        blocks=[*notes, Beside(say("reconciliation.screen_sides"), sides), _runs(runs)],
        side=[_files({"day": say("reconciliation.report_day")})],
        acts=[] if closed is not None else ["run-day", "file-day"],
        lead=To(month_of(on), _NAME, asked={"month": month_of(on)}),
        before=To(on - timedelta(days=1), _NAME, f"{channel}:{on - timedelta(days=1)}"),
        after=To(on + timedelta(days=1), _NAME, f"{channel}:{on + timedelta(days=1)}") if on < look.today else None,
    )


def _side(channel: str, on: date, side: Side, found: MonthOfDays) -> Facts:
    run = found.runs.get((on, side))
    if run is None:
        return Facts(Word(side), [(Named("state"), say("reconciliation.screen_no_run"))])
    number = found.open.get((on, side), 0)
    asked = {"state": "open", "day": str(on), "side": side.value, "channel": channel}
    facts: list[Fact] = [
        (Named("state"), _run_state(run)),
        (say("reconciliation.screen_matched"), Many((run.matched, Yuan(run.matched_amount)))),
        (say("reconciliation.screen_open"), To(number, BREAKS, asked=asked) if number else 0),
        (say("reconciliation.screen_healed"), run.healed),
        (Named("ran_at"), Moment(run.ran_at)),
    ]
    if run.waiting:
        facts.append((Named("waiting"), run.waiting))
    if run.not_ours:
        facts.append((Named("not_ours"), Many((run.not_ours, Yuan(run.not_ours_amount)))))
    facts += [(say("reconciliation.screen_remark"), one.sentence) for one in run.remarks]
    return Facts(Word(side), facts)


def _run_state(run: Run) -> Tag:
    if run.state is not RunState.DONE:
        return Tag(run.state, "bad")
    return Tag(say("reconciliation.day_provisional"), "wait") if run.provisional else Tag(run.state, "good")


def _runs(found: Sequence[Run]) -> Table:
    heads = (
        Head(Named("ran_at")),
        Head(Named("side")),
        Head(Named("state")),
        Head(say("reconciliation.screen_matched"), number=True, small=True),
        Head(say("reconciliation.screen_open"), number=True),
        Head(say("reconciliation.screen_ran_by"), small=True),
        Head(Named("reason"), small=True),
    )
    rows = [
        Row(
            None,
            (
                Moment(one.ran_at),
                Word(one.side),
                _run_state(one),
                one.matched,
                one.breaks,
                Word(one.ran_by),
                one.reason,
            ),
        )
        for one in found
    ]
    return Table(say("reconciliation.screen_runs"), heads, rows, say("reconciliation.screen_no_run"))


def _files(reports: dict[Kind, Sentence]) -> Files:
    return Files(
        say("reconciliation.screen_reports"), [FileOf(f"{kind}.xlsx", words) for kind, words in reports.items()]
    )


async def _one_month(look: Look, channel: str, month: str) -> Page:
    months = look.get(Months)
    first, last = month_days(month)
    balance, close = await months.balance(channel, month), await months.closed(channel, month)
    found = await look.get(Reconciliation).month(channel, first, last)
    notes: list[Block] = [_missed([(channel, day) for day in found.missed])] if found.missed else []
    acts = ["close"] if close is None and last < look.today else []
    if close is not None:
        notes.insert(0, _close(close))
        acts = ["reopen"] if close.state is MonthState.CLOSED else []
        if close.state is MonthState.REOPENING:
            elsewhere = await look.second_word(close.id, _ACTS["confirm_reopening"], "")
            notes[:0] = [] if elsewhere is None else [elsewhere]
            acts = ["confirm-reopening"] if elsewhere is None else []
    return Page(
        title=say("reconciliation.screen_one_month", channel=channel, month=month),
        tags=[_state(close, balance)],
        lead=_month(month),
        blocks=[*notes, _balance(balance), _items(balance)],
        side=[_files(_REPORTS)],
        acts=acts,
    )


def _close(close: MonthClose) -> Facts:
    facts: list[Fact] = [
        (say("reconciliation.screen_closed_by"), Many((close.closed_name, Moment(close.closed_at)))),
        ("SM3", Code(close.digest.hex())),
    ]
    if close.asked_name is not None:
        facts += [(Named("asked_by"), close.asked_name), (Named("reason"), close.reason)]
    return Facts(say("reconciliation.screen_close"), facts)


def _balance(balance: Balance) -> Beside:
    """Both balances, and what they come to."""
    ours: list[Fact] = [
        (say("reconciliation.screen_books"), Yuan(balance.books)),
        (say("reconciliation.screen_added"), Yuan(balance.adjusted_books - balance.books)),
        (say("reconciliation.screen_adjusted"), Yuan(balance.adjusted_books)),
    ]
    theirs: list[Fact] = [
        (say("reconciliation.screen_statements"), Yuan(balance.statements)),
        (say("reconciliation.screen_added"), Yuan(balance.adjusted_statements - balance.statements)),
        (say("reconciliation.screen_adjusted"), Yuan(balance.adjusted_statements)),
    ]
    return Beside(
        say("reconciliation.report_balance"),
        (Facts(say("reconciliation.screen_ours"), ours), Facts(say("reconciliation.screen_their_books"), theirs)),
    )


def _items(balance: Balance) -> Table:
    heads = (
        Head(Named("kind")),
        Head(Named("code"), small=True),
        Head(Named("bank_serial"), small=True),
        Head(say("reconciliation.screen_to_books"), number=True),
        Head(say("reconciliation.screen_to_statements"), number=True),
    )
    rows = []
    for one in balance.items:
        words = Both(chinese(one.kind), one.kind.replace("_", " "))
        kind: Value = words if one.break_id is None else To(words, BREAKS, one.break_id)
        cells = (kind, Code(one.code), Code(one.bank_serial), Yuan(one.books), Yuan(one.statements))
        rows.append(Row(None, cells))
    return Table(say("reconciliation.screen_items"), heads, rows, say("reconciliation.screen_no_items"))


async def _file(look: Look, id: str, name: str) -> Served:
    channel, when = await _told(look, id)
    kind = name.removesuffix(".xlsx")
    days = month_days(when) if len(when) == len("2026-06") else (_as_day(when), _as_day(when))
    if kind not in ("day", *_REPORTS):
        raise NotFoundProblem(say("reconciliation.no_report", kind=kind))
    made = await look.get(Months).report(kind, channel, *days)
    out = io.BytesIO()
    await look.base.audit.taken(look.who, f"GET /v1/reports/{kind}", f"channel={channel}, period={when}")
    await asyncio.to_thread(report_files.to_xlsx, made, out, look.who.name)
    return Served(out.getvalue(), XLSX, f"{made.zh}-{channel}-{when}.xlsx")


# --- acts: days -------------------------------------------------------------------------------------------------------


async def _of(look: Look, id: str) -> tuple[str, str]:
    """What a form begins with: the channel and day of its address, if it is of a day."""
    if id != "-":
        return await _told(look, id)
    channels = await _channels(look)
    return channels[0] if len(channels) == 1 else "", ""


async def _run_form(look: Look, id: str) -> Form:
    channel, on = await _told(look, id)
    facts: list[Fact] = [(Named("channel"), Code(channel)), (Named("day"), _as_day(on))]
    return Form(say("reconciliation.act_run_button"), (Facts(None, facts), Note(say("reconciliation.act_run_note"))))


async def _run(look: Look, id: str) -> None:
    channel, on = await _told(look, id)
    await look.get(Reconciliation).run(channel, _as_day(on), by=look.who.name, once=look.once)


async def _file_form(look: Look, id: str) -> Form:
    """What is asked of a file; and what its profile reads of it, as soon as there is one."""
    channel, on = await _of(look, id)
    profiles = look.get(Profiles)
    choices = [Choice(name, _format(name, one.side)) for name, one in profiles.items()]
    channels = [Choice(one, one) for one in await _channels(look)]
    fields = (
        Field("channel", Named("channel"), "choice", choices=channels, value=channel),
        Field("day", Named("day"), "day", value=on or str(look.today - timedelta(days=1))),
        Field(
            "profile", Named("profile"), "choice", choices=choices, value=choices[0].value if len(choices) == 1 else ""
        ),
        Field("file", say("reconciliation.act_file"), "file"),
        Field("count", say("reconciliation.act_count"), required=False, hint=say("reconciliation.act_totals_hint")),
        Field("paid", say("reconciliation.act_paid"), "amount", required=False),
        Field("refunded", say("reconciliation.act_refunded"), "amount", required=False),
    )
    if "file" not in look.files:
        what: Sequence[Block] = [
            Note(say("reconciliation.act_file_note" if choices else "reconciliation.act_no_profile"))
        ]
        return Form(say("reconciliation.act_look_button"), what, fields, reviewed=True)
    with tempfile.TemporaryDirectory(prefix="statement-") as folder:
        channel, day, file = await _chosen(look, folder)
        try:
            told = await look.get(Reconciliation).look_at(channel, day, file)
        except StatementRefusedError as refused:
            raise InvalidProblem(refused.said, field="file", cure=refused.what_to_do) from refused
    if not told.proven:
        require_told(look.asked, told.beside.made)
    button = say("reconciliation.act_file_button", count=len(told.lines), yuan=format_sum(told.amount))
    return Form(button, preview(told), fields, reviewed=True)


async def _chosen(look: Look, folder: str) -> tuple[str, date, StatementFile]:
    """The channel, the day and the file of a form, which is written below ``folder``. Raises NotFoundProblem."""
    asked, upload = look.asked, look.files["file"]
    channel, on = asked.get("channel", ""), day(look, "day")
    await serves(look.base, look.who, channel)
    profile = look.get(Profiles).get(asked.get("profile", ""))
    if profile is None or on is None:
        raise NotFoundProblem(say("reconciliation.no_profile", profile=asked.get("profile", "")), field="profile")
    path = Path(folder, "body")
    await asyncio.to_thread(path.write_bytes, upload.content)
    return channel, on, StatementFile(path, profile, Path(upload.name).name)


def _format(name: str, side: Side) -> Sentence:
    return say("reconciliation.act_profile", name=name, side=Word(side))


def preview(told: Statement) -> Sequence[Block]:
    """What a profile has read of a file, before it counts."""
    made, beside = told.beside.made, told.beside
    passed = Counter(why for _, why in beside.passed).most_common()
    days = sorted({one.paid_at.astimezone(SHANGHAI).date() for one in told.lines})
    facts: list[Fact] = [
        (say("reconciliation.look_rows"), len(told.lines)),
        (say("reconciliation.look_paid"), Many((made["paid_count"], Yuan(made["amount"])))),
        (say("reconciliation.look_refunded"), Many((made["refunded_count"], Yuan(made["refunded"])))),
        (
            say("reconciliation.look_days"),
            Many((days[0], days[-1]) if len(days) > 1 else tuple(days)) if days else None,
        ),
        (say("reconciliation.look_totals"), say("profiles.proven" if told.proven else "profiles.unproven")),
        (
            say("reconciliation.look_passed"),
            Many([f"{many} {why}" for why, many in passed]) if passed else 0,
        ),
        (say("reconciliation.look_not_ours"), len(beside.strangers)),
    ]
    if beside.balance is not None:
        first, last = map(format_sum, beside.balance)
        facts.append((say("reconciliation.look_balance"), say("profiles.balance_runs", first=first, last=last)))
    blocks: list[Block] = [Facts(say("reconciliation.look_title"), facts)]
    blocks += [Note(one) for one in beside.remarks]
    if beside.unread:
        heads = (Head(say("reconciliation.look_line"), number=True), Head(Named("why")))
        rows = [Row(None, (one.number, one.why)) for one in beside.unread[:_SHOWN]]
        note = say("reconciliation.look_more", number=len(beside.unread), shown=_SHOWN)
        title = say("reconciliation.look_unread")
        blocks.append(Table(title, heads, rows, "", note if len(beside.unread) > _SHOWN else None))
    return [*blocks, _lines(told)]


def _lines(told: Statement) -> Table:
    heads = (
        Head(Named("code")),
        Head(Named("kind")),
        Head(Named("amount"), number=True),
        Head(Named("paid_at")),
        Head(Named("bank_serial"), small=True),
    )
    rows = [
        Row(
            None,
            (Code(one.code), Word(one.kind), Yuan(one.amount), Moment(to_micros(one.paid_at)), Code(one.bank_serial)),
        )
        for one in told.lines[:_SHOWN]
    ]
    return Table(say("reconciliation.look_first"), heads, rows, say("reconciliation.look_empty"))


async def _take_file(look: Look, _id: str) -> Done:
    runs = look.get(Reconciliation)
    with tempfile.TemporaryDirectory(prefix="statement-") as folder:
        channel, day, file = await _chosen(look, folder)
        await runs.run_file(channel, day, replace(file, typed=look.asked), by=look.who.name, once=look.once)
    return Done(To("", _NAME, f"{channel}:{day}"))


# --- acts: months -----------------------------------------------------------------------------------------------------


async def _held(look: Look, id: str) -> MonthClose:
    channel, month = await _told(look, id)
    found = await look.get(Months).closed(channel, month)
    if found is None:
        raise NotFoundProblem(say("reconciliation.no_close"))
    return found


async def _close_form(look: Look, id: str) -> Form:
    channel, month = await _told(look, id)
    balance = await look.get(Months).balance(channel, month)
    what: list[Block] = [_balance(balance), _items(balance), Note(say("reconciliation.act_close_note"), "warn")]
    button = say("reconciliation.act_close_button", month=month, yuan=format_sum(balance.adjusted_books))
    return Form(button, what, seen=look.get(Months).seen(balance) or "")


async def _close_it(look: Look, id: str) -> None:
    channel, month = await _told(look, id)
    await look.get(Months).close(channel, month, by=look.person, seen=look.asked.get("seen"), once=look.once)


async def _reopen_form(look: Look, id: str) -> Form:
    close = await _held(look, id)
    what = (_close(close), Note(say("reconciliation.act_reopen_note")))
    return Form(say("reconciliation.act_reopen_button"), what, (reason_for(_ACTS["ask_to_reopen_month"]),))


async def _reopen(look: Look, id: str) -> None:
    close = await _held(look, id)
    await look.get(Months).ask_to_reopen(close.id, look.asked["reason"], by=look.person, once=look.once)


async def _confirm_form(look: Look, id: str) -> Form:
    close = await _held(look, id)
    what = (_close(close), Note(say("reconciliation.act_reopened_note"), "warn"))
    button = say("reconciliation.act_reopened_button", month=close.month)
    return Form(button, what, seen=look.get(Months).seen(close) or "")


async def _confirm(look: Look, id: str) -> None:
    close = await _held(look, id)
    seen = look.asked.get("seen", "")
    await look.get(Months).confirm_reopening(close.id, by=look.person, seen=seen, once=look.once)


CALENDAR = Screen(
    name=_NAME,
    title=say("reconciliation.screen_calendar"),
    scope=_READ,
    place=8,
    group=Group.BOOKS,
    page=_page,
    one=_one,
    file=_file,
    acts=(
        ActPage(name="run-day", of=_ACTS["reconcile_day"], form=_run_form, do=_run),
        ActPage(name="file", of=_ACTS["take_statement_file"], form=_file_form, do=_take_file),
        ActPage(name="file-day", of=_ACTS["take_statement_file"], form=_file_form, do=_take_file),
        ActPage(name="close", of=_ACTS["close_month"], form=_close_form, do=_close_it),
        ActPage(name="reopen", of=_ACTS["ask_to_reopen_month"], form=_reopen_form, do=_reopen),
        ActPage(name="confirm-reopening", of=_ACTS["confirm_reopening"], form=_confirm_form, do=_confirm),
    ),
)


# --- what waits -------------------------------------------------------------------------------------------------------


async def _all_missed(look: Look) -> list[tuple[str, date]]:
    """Days of the last weeks that have ended and that nobody has reconciled."""
    found = []
    for channel in await _channels(look):
        days = await look.get(Reconciliation).missed(channel, look.today - timedelta(days=_BACK), look.today)
        found += [(channel, day) for day in days]
    return found


async def _to_close(look: Look) -> list[tuple[str, str]]:
    """Channels whose last month nobody has closed, of those that were reconciled in it."""
    last = look.today.replace(day=1) - timedelta(days=1)
    found = []
    for channel in await _channels(look):
        days = await look.get(Reconciliation).month(channel, last.replace(day=1), last)
        if days.runs and await look.get(Months).closed(channel, month_of(last)) is None:
            found.append((channel, month_of(last)))
    return found


async def _reopening(look: Look, whose: str) -> list[MonthClose]:
    """Months that wait for a second person: for who looks, or for another."""
    found = await look.get(Months).find(await _channels(look), limit=200)
    mine = look.who.client_id
    waits = [one for one in found if one.state is MonthState.REOPENING]
    return [one for one in waits if (one.asked_by == mine) == (whose == "others")]


def _only(title: Sentence, rows: Sequence[Row], heads: Sequence[Head]) -> Page:
    table = Table(title, heads, rows, say("console.today_none"))
    return Page(title=title, blocks=[table], lead=To(say("reconciliation.screen_calendar"), _NAME))


async def _only_missed(look: Look) -> Page:
    table = _missed(await _all_missed(look))
    return Page(title=table.title, blocks=[table], lead=To(say("reconciliation.screen_calendar"), _NAME), acts=["run"])


def _months(found: Sequence[tuple[str, str]]) -> list[Row]:
    return [Row(None, (To(month, _NAME, f"{channel}:{month}"), Code(channel))) for channel, month in found]


async def _only_receivables(look: Look) -> Page:
    """What was demanded and has not come, as the ledger 应收台账 has it today."""
    tables: list[Block] = []
    first, last = month_days(month_of(look.today))
    for channel in await _channels(look):
        made = await look.get(Months).report("ledger", channel, first, last, authorities=look.who.authorities)
        tables += [part for one in made.tables for part in (_left(channel, one), _behind(channel, one))]
    lead = To(say("reconciliation.screen_calendar"), _NAME)
    return Page(title=say("reconciliation.report_ledger"), blocks=tables, lead=lead)


def _left(channel: str, ledger: report.Table) -> Table:
    """The rows of which something is outstanding, the largest first, and the sums of all."""
    names = [one.en for one in ledger.columns]
    left = names.index("outstanding")
    rows = sorted((one for one in ledger.rows if one[left]), key=lambda one: -int(str(one[left])))
    sums = dict(zip(names, ledger.totals(), strict=True))
    heads = [Head(Both(one.zh, one.en), number=one.shape in ("fen", "number")) for one in ledger.columns]
    cells = [
        Row(None, (_payments_of(row[0]), *(_cell(*one) for one in zip(row[1:], ledger.columns[1:], strict=True))))
        for row in rows[:_LEFT]
    ]
    note = say(
        "reconciliation.ledger_sums",
        number=len(rows),
        outstanding=format_sum(sums["outstanding"] or 0),
        overdue=format_sum(sums["overdue"] or 0),
        shown=min(len(rows), _LEFT),
    )
    return Table(channel, heads, cells, say("reconciliation.ledger_none"), note)


def _payments_of(number: report.Cell) -> To:
    """Where the payments of a decision are listed."""
    return To(str(number), "payments", asked={"number": str(number)})


def _behind(channel: str, ledger: report.Table) -> Facts:
    """The sums of a channel; what is overdue leads to the list of those payments, which has every channel's."""
    sums = dict(zip((one.en for one in ledger.columns), ledger.totals(), strict=True))
    left, late = (Yuan(int(str(sums[name] or 0))) for name in ("outstanding", "overdue"))
    facts: list[Fact] = [
        (say("reconciliation.ledger_outstanding"), left),
        (say("reconciliation.ledger_overdue"), To(late, "payments", asked={"only": "overdue"})),
    ]
    return Facts(say("reconciliation.ledger_lists", channel=channel), facts)


def _cell(value: report.Cell, column: report.Column) -> Value:
    return Yuan(int(str(value))) if column.shape == "fen" and value is not None else value


_HEADS: Final = (Head(say("reconciliation.screen_the_month")), Head(Named("channel")))


async def _only_to_close(look: Look) -> Page:
    return _only(say("reconciliation.wait_to_close"), _months(await _to_close(look)), _HEADS)


async def _only_second(look: Look) -> Page:
    found = [(one.channel, one.month) for one in await _reopening(look, "second")]
    return _only(say("reconciliation.wait_reopening"), _months(found), _HEADS)


async def _only_others(look: Look) -> Page:
    found = [(one.channel, one.month) for one in await _reopening(look, "others")]
    return _only(say("reconciliation.wait_reopening"), _months(found), _HEADS)


_ONLY: Final = {
    "missed": _only_missed,
    "to-close": _only_to_close,
    "second": _only_second,
    "others": _only_others,
    "receivables": _only_receivables,
}
"""Lists that counts of Today lead to, by what stands in the address."""


async def waiting_days(look: Look) -> Sequence[Waits]:
    """Days that nobody has reconciled, months that are to be closed or wait for a second person."""
    if not look.may(_READ):
        return ()
    missed = await _all_missed(look)

    def to(only: str) -> To:
        return To("", _NAME, asked={"only": only})

    reopening = say("reconciliation.wait_reopening")
    return (
        Waits(say("reconciliation.screen_missed"), len(missed), to("missed"), tone="bad"),
        Waits(say("reconciliation.wait_to_close"), len(await _to_close(look)), to("to-close")),
        Waits(reopening, len(await _reopening(look, "second")), to("second"), whose="second", tone="wait"),
        Waits(reopening, len(await _reopening(look, "others")), to("others"), whose="others", tone="wait"),
    )
