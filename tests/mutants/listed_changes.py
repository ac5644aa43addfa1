"""One-line changes that break a promise, each with the tests that have to notice.

A tool changes what stands in functions; much of what the house promises stands elsewhere: in SQL that is made once, in
tables of steps. What a reader found to live is listed here by hand. No file is touched: the changed module is compiled
in memory, in the test process, where ``-p listed_changes`` and the variable ``CHANGE`` say which one it is.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).resolve().parents[2]
LEDGER, DELIVERY = "gateway/foundation/delivery/operation_records.py", "tests/unit/delivery/test_ledger_fences.py"
QUOTED = "tests/unit/payments/test_quoted_surcharge.py"
CLOCKS, LAST_DAY = "gateway/rooms/decisions/clocks.py", "tests/unit/decisions/test_clocks.py"


@dataclass(frozen=True)
class Change:
    """``was`` stands once in ``file`` and is replaced by ``by``; then ``tests`` must fail."""

    name: str
    file: str
    was: str
    by: str
    tests: str

    def text(self) -> str:
        """The changed module. ValueError where the line is not there, or is there twice."""
        text = (ROOT / self.file).read_text(encoding="utf-8")
        if text.count(self.was) != 1:
            raise ValueError(f"{self.name}: {self.was!r} stands {text.count(self.was)} times in {self.file}")
        return text.replace(self.was, self.by)


CHANGES = (
    Change(
        "an attempt that was overtaken closes its operation",
        LEDGER,
        "    .where(_MINE)\n    .values(\n        node=None,\n        lease_until_at=None,\n        due_at=(",
        "    .values(\n        node=None,\n        lease_until_at=None,\n        due_at=(",
        DELIVERY,
    ),
    Change(
        "a node renews the leases of another",
        LEDGER,
        '        operation.c.node == bindparam("at_node"),\n        _SENDING,\n',
        "        _SENDING,\n",
        DELIVERY,
    ),
    Change(
        "what a clock far ahead has put off is never brought back",
        "gateway/foundation/delivery/leases.py",
        "        await store.write_beside(lambda conn: operation_records.bring_back(conn, now))\n",
        "",
        DELIVERY,
    ),
    Change(
        "what it has put off of webhooks is never brought back",
        "gateway/foundation/delivery/webhook_sending.py",
        "                    await self.bring_back()\n",
        "",
        "tests/unit/delivery/test_webhooks_out.py",
    ),
    Change(
        "a deferral does not move the last day to pay",
        CLOCKS,
        "event.until > found[-1].due_on:",
        "event.until < found[-1].due_on:",
        LAST_DAY,
    ),
    Change(
        "a day that may still change is not told as provisional",
        CLOCKS,
        "DueDate(term.value, term.provisional or received.provisional,",
        "DueDate(term.value, False,",
        LAST_DAY,
    ),
    Change(
        "days of an open appeal count",
        CLOCKS,
        "        for since, until in self._appealed():\n",
        "        for since, until in ():\n",
        LAST_DAY,
    ),
    Change(
        "appeals that touch stand still for the last one only, not for the union of their days",
        CLOCKS,
        "joined[-1] = before[0], None if until is None else max(before[1], until)",
        "joined[-1] = before[0], until",
        LAST_DAY,
    ),
    Change(
        "another party's suit joins a reconsideration",
        CLOCKS,
        "                and one.party == suit.party\n",
        "",
        LAST_DAY,
    ),
    Change(
        "after a restart the surcharge runs from the end of the appeal, not of its term to pay",
        CLOCKS,
        "ended, until = until, max(until, self._term(until).value)",
        "ended = until",
        LAST_DAY,
    ),
    Change(
        "the day of a publication is counted",
        CLOCKS,
        "served.on + timedelta(days=rule.number)",
        "served.on + timedelta(days=rule.number - 1)",
        LAST_DAY,
    ),
    Change(
        "an application for a deferral moves the last day to pay",
        CLOCKS,
        "for event in self._of(EventKind.DEFERRED):",
        "for event in self._of(EventKind.DEFERRED) + self._of(EventKind.DEFERRAL_APPLIED):",
        LAST_DAY,
    ),
    Change(
        "a provisional day falls on one that the law itself frees",
        "gateway/words/calendar.py",
        "worked = day.weekday() < 5 and day not in statutory_days(day.year)",
        "worked = day.weekday() < 5",
        "tests/unit/words/test_words_calendar.py",
    ),
    Change(
        "the cap of a surcharge is always the fine",
        "gateway/rooms/payments/surcharge.py",
        "most = fine * rate.cap // 100",
        "most = fine",
        "tests/unit/payments/test_surcharge.py",
    ),
    Change(
        "a party that was urged is to be urged again",
        "gateway/rooms/payments/accrual.py",
        "enough and not urged and not appealed",
        "enough and not appealed",
        "tests/unit/payments/test_accrual.py",
    ),
    Change(
        "a withdrawal that has left is called back by a correction",
        "gateway/rooms/disclosures/withdrawals.py",
        'waits = disclosure.effect != "withdraw" or self._taken_back(conn, disclosure, now)',
        "waits = True",
        "tests/unit/disclosures/test_disclosures_service.py",
    ),
    Change(
        "one person corrects an event on which money leans",
        "gateway/rooms/decisions/corrections.py",
        "leans = any(asks(conn, decision.id) for asks in self._leans)",
        "leans = False",
        "tests/unit/decisions/test_corrections.py",
    ),
    Change(
        "facts are stored as they were shown masked",
        "gateway/rooms/decisions/service.py",
        "            check_unmasked(facts, None if known is None else known.facts)\n",
        "",
        "tests/unit/decisions/test_decisions_service.py",
    ),
    Change(
        "failed sign-ins fill the disk",
        "gateway/foundation/access/audit.py",
        "if before is not None and before + _HOUR > one.at:",
        "if before is not None and before > one.at:",
        "tests/unit/access/test_audit.py",
    ),
    Change(
        "a bill over less money is taken",
        "gateway/rooms/payments/bill.py",
        "if answer.total != request.total:",
        "if answer.total > request.total:",
        "tests/unit/payments/test_bill_and_states.py",
    ),
    Change(
        "money between the bill and the quoted sum pays it",
        "gateway/rooms/payments/collections.py",
        "added != heard.quoted(conn, payment, money.paid_at)",
        "added > heard.quoted(conn, payment, money.paid_at)",
        QUOTED,
    ),
    Change(
        "a channel that quotes nothing takes fine and surcharge in one",
        "gateway/rooms/payments/demand.py",
        '.surcharge != "quoted_at_payment":',
        '.surcharge == "never":',
        QUOTED,
    ),
    Change(
        "critical extensions of certificates are passed over",
        "gateway/foundation/crypto/certificates.py",
        "            if oid not in understood:",
        "            if False:",
        "tests/unit/crypto/test_certificates.py",
    ),
    Change(
        "who proposed confirms",
        "gateway/foundation/two_persons.py",
        "        if self._takes_side(conn, matter, person, Side.CONFIRMING) is not Side.CONFIRMING:",
        "        if self._takes_side(conn, matter, person, Side.CONFIRMING) is None:",
        "tests/unit/test_two_persons.py",
    ),
    Change(
        "who proposed something about a break takes no part in it",
        "gateway/rooms/reconciliation/proposals.py",
        "            self._base.two_persons.took_part(conn, proposal_id, by, Part.PROPOSED)\n",
        "",
        "tests/unit/reconciliation/test_proposals.py",
    ),
)


class Changed(SourceFileLoader, MetaPathFinder):
    """Finds the changed module before anybody else does, pytest's own loader among them."""

    def __init__(self, change: Change) -> None:
        super().__init__(change.file.removesuffix(".py").replace("/", "."), str(ROOT / change.file))
        self._text = change.text()

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """The place of the changed module; None for every other one."""
        return spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, _name: str) -> CodeType:
        """The changed module's code; nothing of it is cached."""
        return compile(self._text, self.path, "exec", dont_inherit=True)


if chosen := os.environ.get("CHANGE"):
    sys.meta_path.insert(0, Changed(next(one for one in CHANGES if one.name == chosen)))
