"""A year of a city's penalties on their way to the public: time travel over changes of law, holidays and outages.

The disclosures room on a real store, with real delivery, and three targets held here that show at once what they have
taken, are down for days, and remember all that they ever showed. One of them ends what has had its time by itself, the
others do not. What must hold is judged by ``publication_table``.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from foundation import foundation, wire
from publication_table import Told, reckon, warned, working_days_after
from sqlalchemy import Connection, bindparam, func, select, text, update

from gateway.foundation.channels import Channel, ChannelKeys, Channels
from gateway.foundation.delivery import DeliverySettings
from gateway.foundation.delivery.retry_rules import Patience
from gateway.foundation.delivery.tables import UNFINISHED, event, operation
from gateway.foundation.rooms import Opened
from gateway.foundation.store import Store
from gateway.foundation.two_persons import Person
from gateway.ports.base import AdapterInfo, FindGuarantee
from gateway.ports.credit import DisclosureKey, DisclosureRecord, FieldFault, Shown, Submission, SubmissionState
from gateway.rooms.decisions import DecisionEvent, DecisionFacts, Decisions, EventKind
from gateway.rooms.disclosures import Disclosures, Organ, Organs, Status
from gateway.rooms.disclosures.comparison import Kind
from gateway.rooms.disclosures.options import Publishing, Rounds
from gateway.rooms.disclosures.publication import key_of
from gateway.rooms.disclosures.questions import EffectRequest
from gateway.rooms.disclosures.states import SHOWN
from gateway.rooms.disclosures.tables import disclosure, disclosure_finding
from gateway.words.clock import SHANGHAI, Clock, ManualClock, day_of, from_micros
from gateway.words.errors import InvalidProblem, NotSentError

FIRST, LAST = date(2025, 10, 9), date(2026, 10, 8)
DAYS = [FIRST + timedelta(days=each) for each in range((LAST - FIRST).days + 90)]
SEALED_FROM = date(2026, 1, 1)
ADAPTERS = {"credit": "credit.creditchina", "portal": "credit.portal", "gsxt": "credit.gsxt"}
ORGAN = Organ("安澜市望川区综合行政执法局", "11990102002100216D", "安澜市信用信息中心", "119901000031003146")
MONTHS = dict(zip(range(1, 13), (0.8, 0.5, 1, 1, 1.1, 1.2, 1.1, 1.1, 1.1, 0.9, 1.2, 1.3), strict=True))
OUTAGES = {
    "credit": ((date(2025, 12, 24), date(2025, 12, 27)), (date(2026, 3, 30), date(2026, 4, 2))),
    "portal": ((date(2026, 3, 2), date(2026, 3, 20)),),
    "gsxt": ((date(2026, 5, 6), date(2026, 5, 8)),),
}
FIRMS = {False: "91990102MA0HD1233R", True: "91110108MA01A2B32G"}
ADULT, YOUNG, PHONE = "990102198803121011", "990102200903150012", "13900001111"
ENDS_BY_ITSELF = "credit"
CLERK = Person("opr_lin", "林溪", operator=True)
_SHOWN = [one.value for one in SHOWN]
_LATER = update(disclosure).where(
    disclosure.c.look_on <= bindparam("today"),
    disclosure.c.look_on < disclosure.c.publish_until_on,
    disclosure.c.status.in_(_SHOWN),
)
_LATER = _LATER.values(look_on=disclosure.c.publish_until_on)
_HELD = (
    select(disclosure.c.id)
    .join(disclosure_finding, disclosure_finding.c.disclosure_id == disclosure.c.id)
    .where(
        disclosure_finding.c.status == "OPEN",
        disclosure_finding.c.kind == Kind.UNPERFORMED.value,
        disclosure.c.end_held_at.is_not(None),
        disclosure.c.end_reason.is_(None),
    )
)
_DUE = select(func.count()).select_from(operation).where(text(UNFINISHED), operation.c.state != "parked")
_DUE = _DUE.where(operation.c.due_at <= bindparam("now"))
FIELDS = ("other", "other", "market", "food", "traffic", "fire", "drug", "work_safety", "special_equipment")


def _warnings(conn: Connection) -> dict[str, list[tuple[str, int]]]:
    """By disclosure, what was told before its last days: of what, and how many working days before."""
    found: dict[str, list[tuple[str, int]]] = {}
    for row in conn.execute(select(event).where(event.c.type == "disclosure.due_soon").order_by(event.c.seq)):
        found.setdefault(row.subject, []).append((row.data["due"], row.data["working_days"]))
    return found


class Target:
    """Shows what it has taken. ``ever``: every record that it has shown, with the days from and to which."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name, self.clock = name, clock
        self.pages: dict[DisclosureKey, tuple[DisclosureRecord, date]] = {}
        self.ever: list[tuple[DisclosureRecord, date, date | None]] = []
        self.known: dict[str, Submission] = {}

    def _up(self) -> date:
        today = day_of(self.clock.now())
        if any(first <= today <= last for first, last in OUTAGES[self.name]):
            raise NotSentError("the target is down")
        return today

    def ends(self) -> None:
        """What has had its time is shown no more, where the target sees to that by itself."""
        today = day_of(self.clock.now())
        if self.name != ENDS_BY_ITSELF:
            return
        for key in [key for key, (record, _) in self.pages.items() if record.publish_until < today]:
            record, since = self.pages.pop(key)
            self.ever.append((record, since, today))

    def _take(self, request: EffectRequest, record: DisclosureRecord | None, key: DisclosureKey) -> Submission:
        today = self._up()
        if key in self.pages:
            shown, since = self.pages.pop(key)
            self.ever.append((shown, since, today))
        if record is not None:
            self.pages[key] = record, today
        made = Submission(reference=request.reference, state=SubmissionState.ACCEPTED, receipt="R1")
        self.known[request.reference] = made
        return made

    def examine(self, _record: DisclosureRecord) -> tuple[FieldFault, ...]:
        return ()

    async def submit(self, request: Any) -> Submission:
        return self._take(request, request.record, key_of(request.record))

    async def correct(self, request: Any) -> Submission:
        return self._take(request, request.record, key_of(request.record))

    async def withdraw(self, request: Any) -> Submission:
        return self._take(request, None, request.key)

    async def repair(self, request: Any) -> Submission:
        return self._take(request, None, request.key)

    async def find(self, reference: str) -> Submission | None:
        self._up()
        return self.known.get(reference)

    async def read_back(self, key: DisclosureKey) -> Shown | None:
        self._up()
        self.ends()
        if key not in self.pages:
            return None
        record, since = self.pages[key]
        return Shown(key=key, state="published", content=record.content, published_on=since, url="http://p")

    def all_ever(self) -> list[tuple[DisclosureRecord, date, date | None]]:
        """What was shown, and from when to when."""
        return self.ever + [(record, since, None) for record, since in self.pages.values()]


@dataclass
class Case:
    """One decision of the year, as it is told; ``moved_to``: its day was corrected; ``revoked_on``.

    ``repair_on``: somebody asks for its repair; ``repairs``: whether that was taken, by target.
    """

    number: str
    told: Told
    asked_on: date
    moved_to: date | None = None
    moved_on: date | None = None
    revoked_on: date | None = None
    repair_on: date | None = None
    repairs: dict[str, bool] = field(default_factory=dict)


@dataclass
class Seen:
    """What the year showed: how many decisions, disclosures by state, warnings, alarms, and what is wrong."""

    decisions: int = 0
    states: Counter[str] = field(default_factory=Counter)
    late: int = 0
    warned: int = 0
    withdrawn: int = 0
    wrong: list[str] = field(default_factory=list)


def cases(number: int, seed: int = 7) -> list[Case]:
    """The decisions of a year, spread over its days as ``facts/stories`` has it."""
    chance, later = random.Random(seed), random.Random(-seed)
    days = [FIRST + timedelta(days=each) for each in range((LAST - FIRST).days + 1)]
    drawn = sorted(chance.choices(days, [MONTHS[day.month] for day in days], k=number))
    found = []
    for place, day in enumerate(drawn):
        person = chance.random() < 0.35
        told = Told(
            decided_on=day,
            word=chance.choices(("minor", "general", "serious"), (3, 5, 2))[0],
            field=chance.choice(FIELDS),
            simple=chance.random() < 0.3,
            person=person,
            minor=person and chance.random() < 0.05,
            police=chance.random() < 0.03,
            across=not person and chance.random() < 0.2,
        )
        one = Case(
            f"望综执罚决〔{day.year}〕第{place}号", told, day + timedelta(days=chance.choice((0, 0, 1, 2, 5, 8)))
        )
        if chance.random() < 0.03:
            one.moved_to = day - timedelta(days=chance.randint(1, 20))
            one.moved_on = one.asked_on + timedelta(days=chance.randint(1, 40))
        if chance.random() < 0.02:
            one.revoked_on = one.asked_on + timedelta(days=chance.randint(1, 90))
        elif one.moved_to is None and later.random() < 0.12:
            one.repair_on = one.asked_on + timedelta(days=later.randint(5, 300))
        found.append(one)
    return found


def facts_of(case: Case, decided_on: date) -> DecisionFacts:
    """What a case system tells of a decision."""
    told = case.told
    party: dict[str, Any] = {"kind": "organisation", "name": "恒筑建设有限公司", "uscc": FIRMS[told.across]}
    if told.person:
        number = YOUNG if told.minor else ADULT
        party = {"kind": "natural_person", "name": "岑立秋", "id_type": "身份证", "id_number": number}
    known = {
        "procedure": "simple" if told.simple else "ordinary",
        "party": party,
        "violation": "未按规定设置围挡",
        "facts": f"检查发现，岑立秋（证件号码{ADULT}，电话{PHONE}）在场" if told.person else "检查发现",
        "basis": "《治安管理处罚法》第二十六条" if told.police else "《安澜市市容管理办法》第九条",
        "penalty_kinds": ["罚款"],
        "content": f"{case.number}罚款200元",
        "fine": "200.00",
        "decided_on": str(decided_on),
        "violation_on": str(min(decided_on, case.moved_to or decided_on) - timedelta(days=1)),
        "seriousness": told.word,
        "seriousness_standard": "安澜市失信行为分类标准",
        "seriousness_standard_on": "2025-01-01",
        "field_of_law": told.field,
    }
    return DecisionFacts.model_validate(known, strict=False)


class Year:
    """The room, its targets, and the days as they pass."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.clock = ManualClock(self._morning(FIRST))
        self.targets = {name: Target(name, self.clock) for name in ADAPTERS}
        keys = ChannelKeys(circuit_failures=0)
        made = {}
        for name, adapter in ADAPTERS.items():
            info = AdapterInfo(
                "credit", adapter, "v1", frozenset({"submit", "find"}), find=FindGuarantee(consistent=True)
            )
            made[name] = Channel(name, self.targets[name], info, info.find, "http://x", None, keys)  # type: ignore[arg-type]
        channels = Channels(made, {("A1", "disclosures"): tuple(ADAPTERS)})
        patience = Patience(ask_after=0.05, first=3600, longest=6 * 3600, give_up=90 * 86400)
        base = foundation(store, folder, self.clock, channels, delivery=DeliverySettings(grace=0.5, patience=patience))
        self.base, self.delivery = base, base.delivery
        self.decisions = Decisions(base)
        rounds = Rounds(every_days=10_000, after_days=0)
        says = Publishing(due_soon_days=(3, 1), full_text="redacted", rounds=rounds)
        self.disclosures = Disclosures(base, self.decisions, says)
        wire(base, Opened(actions=self.disclosures.actions()))
        for happened in ("amended", "changed", "revoked", "corrected"):
            base.events.subscribe(f"decision.{happened}", self.disclosures.following.decision_moved)
        base.events.subscribe("disclosure.published", self.disclosures.following.published)
        base.events.subscribe("disclosure.withdrawn", self.disclosures.following.withdrawn)

    @staticmethod
    def _morning(day: date) -> datetime:
        return datetime(day.year, day.month, day.day, 9, 0, tzinfo=SHANGHAI).astimezone(UTC)

    async def run(self, number: int, seed: int = 7) -> Seen:
        """Let the year pass, and three months after it; what it showed."""
        await Organs(self.store).set("A1", ORGAN, date(2020, 1, 1))
        await self.delivery.start()
        try:
            every = cases(number, seed)
            await self._days(every)
        finally:
            await self.delivery.stop()
            await self.base.evidence.close()
        return await self._judged(every)

    async def _days(self, every: list[Case]) -> None:
        asked: dict[date, list[Case]] = {}
        moved: dict[date, list[Case]] = {}
        revoked: dict[date, list[Case]] = {}
        repaired: dict[date, list[Case]] = {}
        for one in every:
            asked.setdefault(one.asked_on, []).append(one)
            if one.moved_on is not None:
                moved.setdefault(one.moved_on, []).append(one)
            if one.revoked_on is not None:
                revoked.setdefault(one.revoked_on, []).append(one)
            if one.repair_on is not None:
                repaired.setdefault(one.repair_on, []).append(one)
        busy = {*asked, *moved, *revoked, SEALED_FROM}
        for day in DAYS:
            self.clock.set(self._morning(day))
            await asyncio.gather(*(self._ask(one) for one in asked.get(day, ())))
            for one in moved.get(day, ()):
                await self._move(one)
            for one in revoked.get(day, ()):
                revoked_now = DecisionEvent(kind=EventKind.REVOKED, on=day, reason="事实不清")
                await self.decisions.record_event("A1", one.number, revoked_now, by="year")
            for one in repaired.get(day, ()):
                await self._repair(one)
            await self._settle()
            if await self.disclosures.following.sweep():
                await self._settle()
            await self._end()
        assert busy <= set(DAYS), "everything that happens is in the days that pass"

    async def _end(self) -> None:
        """What has had its time ends, once a clerk has said so: nothing of this is paid here.

        Looked at is only what ends. Else each page would be read the day after it appeared, which takes half the time.
        """
        today = day_of(self.clock.now())
        await self.store.write(lambda conn: conn.execute(_LATER, {"today": today}).rowcount)
        if await self.disclosures.inspection.sweep():
            await self._settle()
        for one in await self.store.read(lambda conn: conn.execute(_HELD).scalars().all()):
            await self.disclosures.end(one, "已履行", by=CLERK)
        await self._settle()

    async def _ask(self, one: Case) -> None:
        await self.decisions.put("A1", one.number, facts_of(one, one.told.decided_on), by="year")
        await self.disclosures.request("A1", one.number)

    async def _move(self, one: Case) -> None:
        """The day of the decision was written down wrongly. What was revoked before stays as it is."""
        if one.revoked_on is not None and one.moved_on is not None and one.revoked_on <= one.moved_on:
            one.moved_to = None
            return
        assert one.moved_to is not None
        await self.decisions.put("A1", one.number, facts_of(one, one.moved_to), by="year")

    async def _repair(self, one: Case) -> None:
        """Whoever shows it is told of a repair, unless it is too early for that."""
        for held in await self.disclosures.of_decision("A1", one.number):
            if held.status not in SHOWN or held.effect is not None or held.withdraw_wanted_at is not None:
                continue
            try:
                await self.disclosures.repair(held.id, "安信修〔2026〕3号", performed="缴款凭证")
                one.repairs[held.target] = True
            except InvalidProblem:
                one.repairs[held.target] = False

    async def _settle(self) -> None:
        """Until nothing is due any more on this day."""
        now = {"now": int(self.clock.now().timestamp() * 1_000_000)}
        async with asyncio.timeout(300):
            while await self.store.read(lambda conn: conn.execute(_DUE, now).scalar_one()):
                self.delivery.wake()
                await asyncio.sleep(0.005)

    # --- what must hold -----------------------------------------------------------------------------------------------

    async def _judged(self, every: list[Case]) -> Seen:
        seen = Seen(decisions=len(every))
        by_number = {one.number: one for one in every}
        known: dict[tuple[str, str], dict[str, Any]] = {}
        rows = await self.store.read(lambda conn: conn.execute(select(disclosure)).mappings().all())
        for row in rows:
            seen.states[row["status"]] += 1
            seen.late += row["late_at"] is not None
            seen.wrong += self._amiss(by_number[row["decision_number"]], dict(row))
            known[row["decision_number"], row["target"]] = dict(row)
        seen.wrong += [
            f"{one} {name}: nobody thought of it" for one in by_number for name in ADAPTERS if (one, name) not in known
        ]
        gone: dict[tuple[str, str], date | None] = {}
        for name, target in self.targets.items():
            for record, since, until in target.all_ever():
                row = known[record.decision_number, name]
                gone[record.decision_number, name] = until
                seen.wrong += self._shown_amiss(name, by_number[record.decision_number], record, since, until)
                seen.wrong += self._gone_amiss(name, row, since, until)
        told = await self.store.read(_warnings)
        seen.warned = sum(map(len, told.values()))
        for (number, name), row in known.items():
            one, until = by_number[number], gone.get((number, name))
            seen.wrong += self._warned_amiss(one, row, until, told.get(row["id"], []))
            if name in one.repairs:
                seen.wrong += self._repair_amiss(one, row, until)
        seen.withdrawn = seen.states[Status.WITHDRAWN.value]
        return seen

    def _amiss(self, one: Case, row: dict[str, Any]) -> list[str]:
        """Where a disclosure is not as the table has it."""
        told = replace(one.told, decided_on=one.moved_to) if one.moved_to is not None else one.told
        target, published_on, name = row["target"], row["published_on"], f"{one.number} {row['target']}"
        at_first = reckon(one.told, target, one.asked_on)
        if row["status"] == Status.NOT_PUBLISHABLE.value:
            return [] if at_first is None else [f"{name}: not published, by the table it is"]
        if at_first is None:
            return [f"{name}: planned, by the table it is never shown"]
        table = reckon(told, target, one.asked_on, published_on)
        gone = row["status"] == Status.WITHDRAWN.value
        if gone or table is None:
            owed = row["withdraw_wanted_at"] is not None
            return [] if owed else [f"{name}: withdrawn, and nobody owed it"]
        wrong = []
        if published_on is None or row["status"] == Status.PLANNED.value:
            return [f"{name}: never public, without an alarm"] if row["late_at"] is None else []
        if (row["publish_until_on"], row["repair_from_on"]) != (table.until, table.repair_from):
            wrong.append(f"{name}: until {row['publish_until_on']}, by the table {table.until}")
        unmoved = one.moved_on is None or one.moved_on > published_on
        by = at_first.by if unmoved else table.by
        if row["submit_by_on"] != by:
            wrong.append(f"{name}: by {row['submit_by_on']}, by the table {by}")
        pass_on = at_first.pass_on if unmoved else table.pass_on
        if row["pass_on_by_on"] != pass_on:
            wrong.append(f"{name}: passed on by {row['pass_on_by_on']}, by the table {pass_on}")
        if published_on > by and row["late_at"] is None:
            wrong.append(f"{name}: public on {published_on}, late since {by}, without an alarm")
        return wrong

    def _shown_amiss(
        self, target: str, one: Case, record: DisclosureRecord, since: date, until: date | None
    ) -> list[str]:
        """What was shown although it must not be, or for too long."""
        told, name = one.told, f"{one.number} {target}"
        wrong = []
        if told.minor:
            wrong.append(f"{name}: a minor was shown")
        if target != "credit" and told.person:
            wrong.append(f"{name}: a person was shown")
        texts = (
            record.facts,
            record.content,
            record.violation,
            record.basis,
            record.full_text or "",
            record.remark or "",
        )
        if any(told in text for text in texts for told in (ADULT, YOUNG, PHONE)):
            wrong.append(f"{name}: a number of a person was shown")
        if told.police:
            last = working_days_after(SEALED_FROM, 3)
            if since >= SEALED_FROM or until is None or until > max(last, self._up_again(target, last)):
                wrong.append(f"{name}: sealed, and shown until {until}")
        if one.revoked_on is not None:
            last = working_days_after(one.revoked_on, 3)
            if since > one.revoked_on or until is None or until > max(last, self._up_again(target, last)):
                wrong.append(f"{name}: revoked on {one.revoked_on}, shown from {since} until {until}")
        return wrong

    def _gone_amiss(self, target: str, row: dict[str, Any], since: date, until: date | None) -> list[str]:
        """Where a page was taken off too early, too late, or too late without an alarm."""
        name, last = f"{row['decision_number']} {target}", row["publish_until_on"]
        if row["withdraw_wanted_at"] is not None:
            owed = row["withdraw_by_on"]
            if owed != working_days_after(row["withdraw_reason_on"], 3):
                return [f"{name}: withdrawn by {owed}, for {row['withdraw_reason_on']}"]
            late = until is not None and since <= owed < until and row["withdraw_late_at"] is None
            return [f"{name}: withdrawn on {until}, late since {owed}, without an alarm"] if late else []
        if row["status"] == Status.ENDED.value and until is not None and row["publish_until_on"] < until:
            # On the day after the last one it is looked at; a day later the target is told to end what it still shows.
            days = 1 if target == ENDS_BY_ITSELF else 2
            due = self._up_again(target, last + timedelta(days=days))
            return [] if last < until <= due else [f"{name}: ended on {until}, by the table {due}"]
        if until is None and last is not None and last + timedelta(days=2) < DAYS[-1]:
            return [f"{name}: shown still, its last day was {last}"]
        return []

    def _warned_amiss(
        self, one: Case, row: dict[str, Any], gone_on: date | None, told: list[tuple[str, int]]
    ) -> list[str]:
        """Where it was not told before a last day, or told in vain. A last day that moved is told of anew: not here."""
        if one.moved_to is not None or row["submit_by_on"] is None:
            return []
        owed_on = None if row["withdraw_wanted_at"] is None else day_of(from_micros(row["withdraw_wanted_at"]))
        done = min((day for day in (row["published_on"], owed_on) if day is not None), default=None)
        expected = [("publication", each) for each in warned(row["submit_by_on"], one.asked_on, done)]
        allowed = [expected]
        if owed_on is not None and row["published_on"] is not None:
            # What a new law takes back is found by the look that tells of it too: it may be done by then, or not yet.
            found = {owed_on, owed_on + timedelta(days=one.told.police and owed_on == SEALED_FROM)}
            ends = {gone_on if gone_on is None else max(gone_on, day) for day in found}
            told_of = [warned(row["withdraw_by_on"], owed_on, each) for each in ends]
            allowed = [[*expected, *(("withdrawal", each) for each in days)] for days in told_of]
        return [] if told in allowed else [f"{one.number} {row['target']}: told {told}, by the table {allowed}"]

    def _repair_amiss(self, one: Case, row: dict[str, Any], gone_on: date | None) -> list[str]:
        """Where it was repaired too early, or refused in vain, or is shown after it."""
        name, day, taken = f"{one.number} {row['target']}", one.repair_on, one.repairs[row["target"]]
        table = reckon(one.told, row["target"], one.asked_on, row["published_on"])
        assert day is not None
        if table is None or taken is not (day >= table.repair_from):
            return [f"{name}: repaired on {day}: {taken}, by the table {table}"]
        if not taken or row["status"] == Status.WITHDRAWN.value:
            return []
        due = self._up_again(row["target"], day)
        right = row["status"] == Status.REPAIRED.value and gone_on is not None and day <= gone_on <= due
        return [] if right else [f"{name}: repaired on {day}, {row['status']}, shown until {gone_on}"]

    def _up_again(self, target: str, day: date) -> date:
        """The first day from a day on on which a target is not down."""
        while any(first - timedelta(days=4) <= day <= last for first, last in OUTAGES[target]):
            day += timedelta(days=1)
        return day
