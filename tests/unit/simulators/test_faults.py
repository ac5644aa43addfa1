"""Each fault is seen to act over a socket, whether it was planted by request, by scenario, or brought by an amount."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from by_day import examples
from collecting_unit import Inbox, Unit, exchange, text

import contracts
from simulators import systems
from simulators.fault_kinds import COMMON, PHASES
from simulators.faults import FIELDS, Fault, mistakes
from simulators.nontax.amounts import AMOUNTS
from simulators.nontax.platform import NonTax
from simulators.signing import genuine
from simulators.testing import Simulation

SYSTEMS = {system.name: system for system in systems.load()}
KINDS = COMMON | {name: kind for system in SYSTEMS.values() for name, kind in system.kinds.items()}
COLLECTING = [name for name, system in SYSTEMS.items() if "statement_late" in system.kinds]
KNOWN_RESULTS = {row["code"] for row in contracts.code_table("nontax", "v1", "results")}


class Stage:
    """A unit and its inbox. ``arm`` plants a fault, unless the amount of the unit's bills brings it."""

    def __init__(self, unit: Unit, inbox: Inbox, *, by_amount: bool = False) -> None:
        self.unit = unit
        self.inbox = inbox
        self.simulators = unit.simulators
        self.by_amount = by_amount

    def arm(self, kind: str, **more: Any) -> None:
        """Let the next fitting request meet this fault."""
        if not self.by_amount:
            self.simulators.faults({"system": "nontax", "kind": kind, **more})

    def callback_states(self) -> list[str]:
        """What became of each callback so far."""
        return [one["state"] for one in self.simulators.ask("GET", "/callbacks")["callbacks"]]


# --- how each kind is seen to act -----------------------------------------------------------------------------------


def refuse(stage: Stage) -> None:
    stage.arm("refuse")
    with pytest.raises(httpx.ConnectError):
        stage.unit.create()
    stage.simulators.clear_faults()
    assert stage.unit.owed()


def silence(stage: Stage) -> None:
    stage.arm("silence")
    with pytest.raises(httpx.ReadTimeout):
        stage.unit.create(timeout=0.3)
    assert stage.unit.bills() == []


def busy(stage: Stage) -> None:
    stage.arm("busy", seconds=2)
    answer = stage.unit.create("A1")
    assert (answer.status_code, text(answer, "Code"), text(answer, "RetryAfter")) == (500, "19001", "2")
    assert stage.unit.bills() == []
    assert text(stage.unit.create("A1"), "Result") == "00000"


def error_500(stage: Stage) -> None:
    stage.arm("error_500")
    answer = stage.unit.create()
    assert (answer.status_code, answer.content[:6], stage.unit.bills()) == (500, b"<html>", [])


def error_500_after(stage: Stage) -> None:
    stage.arm("error_500", phase="after_effect")
    answer = stage.unit.create()
    assert (answer.status_code, answer.content[:6], len(stage.unit.bills())) == (500, b"<html>", 1)


def answer_code(stage: Stage) -> None:
    stage.arm("answer_code", code="18012")
    assert (text(stage.unit.create(), "Result"), stage.unit.bills()) == ("18012", [])


def not_found_then_found(stage: Stage) -> None:
    stage.arm("not_found_then_found", operation="QueryBill")
    code = stage.unit.owed()
    found = [text(stage.unit.ask("QueryBill", {"PayCode": code}), "Result") for _ in range(2)]
    assert found == ["18020", "00000"]


def slow(stage: Stage) -> None:
    stage.arm("slow", seconds=5)
    with pytest.raises(httpx.ReadTimeout):
        stage.unit.create(timeout=0.3)
    assert stage.unit.bills() == []


def slow_after(stage: Stage) -> None:
    stage.arm("slow", seconds=5, phase="after_effect")
    with pytest.raises(httpx.ReadTimeout):
        stage.unit.create(timeout=0.3)
    assert len(stage.unit.bills()) == 1


def apply_then_silence(stage: Stage) -> None:
    stage.arm("apply_then_silence")
    with pytest.raises(httpx.ReadTimeout):
        stage.unit.create(timeout=0.3)
    assert len(stage.unit.bills()) == 1


def apply_then_reset(stage: Stage) -> None:
    stage.arm("apply_then_reset")
    with pytest.raises(httpx.ReadError):
        stage.unit.create()
    assert len(stage.unit.bills()) == 1


def callback_before_reply(stage: Stage) -> None:
    stage.arm("callback_before_reply")
    code = stage.unit.owed()
    assert stage.inbox.messages.get_nowait()  # it was there first
    assert stage.simulators.effects("nontax")["pay"] == {code: 1}


def drip(stage: Stage) -> None:
    stage.arm("drip", seconds=0.001)
    began = time.monotonic()
    whole = stage.unit.create().content
    assert time.monotonic() - began >= len(whole) * 0.001
    assert text(whole, "Result") == "00000"


def malformed(stage: Stage) -> None:
    stage.arm("malformed")
    with pytest.raises(ValueError, match="not XML"):
        text(stage.unit.create(), "PayCode")
    assert len(stage.unit.bills()) == 1


def malformed_doctype(stage: Stage) -> None:
    stage.arm("malformed_doctype")
    with pytest.raises(ValueError, match="DOCTYPE"):
        text(stage.unit.create(), "PayCode")


def empty(stage: Stage) -> None:
    stage.arm("empty")
    answer = stage.unit.create()
    assert (answer.status_code, answer.content, len(stage.unit.bills())) == (200, b"", 1)


def truncated(stage: Stage) -> None:
    stage.arm("truncated")
    with pytest.raises(httpx.RemoteProtocolError):
        stage.unit.create()
    assert len(stage.unit.bills()) == 1


def wrong_amount(stage: Stage) -> None:
    stage.arm("wrong_amount")
    told = text(stage.unit.create(), "Amt")
    assert told is not None
    assert told != stage.unit.total


def wrong_code(stage: Stage) -> None:
    stage.arm("wrong_code")
    told = text(stage.unit.create(), "PayCode")
    assert [told] != stage.unit.bills()


def unknown_status(stage: Stage) -> None:
    stage.arm("unknown_status")
    assert text(stage.unit.create(), "Result") not in KNOWN_RESULTS
    assert len(stage.unit.bills()) == 1


def status(stage: Stage) -> None:
    stage.arm("status", operation="QueryBill", code="3")
    code = stage.unit.owed()
    told = [text(stage.unit.ask("QueryBill", {"PayCode": code}), "PayStats") for _ in range(2)]
    assert told == ["3", "0"]


def bad_signature(stage: Stage) -> None:
    stage.arm("bad_signature")
    spoilt, right = stage.unit.create("A1"), stage.unit.create("A1")
    verdicts = [genuine(NonTax.secret.encode(), answer.headers, answer.content) for answer in (spoilt, right)]
    assert verdicts == [False, True]


def more_elements(stage: Stage) -> None:
    stage.arm("more_elements")
    answer = stage.unit.create()
    assert (answer.text.count("ReleaseNote"), text(answer, "Amt")) == (4, stage.unit.total)


def empty_optionals(stage: Stage) -> None:
    stage.arm("empty_optionals")
    answer = stage.unit.create()
    assert (answer.text.count("CrcCode"), text(answer, "Payment")) != (0, "?")
    assert "<Payment" in answer.text


def other_order(stage: Stage) -> None:
    stage.arm("other_order")
    told = stage.unit.create().text
    assert told.index("<PayStats") < told.index("<Amt") < told.index("<PayNo") < told.index("<Result")


def other_amounts(stage: Stage) -> None:
    stage.arm("other_amounts")
    told = text(stage.unit.create(), "Amt")
    assert told is not None
    assert told != stage.unit.total
    assert Decimal(told) == Decimal(stage.unit.total)


def callback_different(stage: Stage) -> None:
    stage.arm("callback_different")
    stage.unit.paid()
    told = stage.inbox.next("Amt")
    assert told != stage.unit.total
    assert Decimal(told) == Decimal(stage.unit.total)


def callback_lost(stage: Stage) -> None:
    stage.arm("callback_lost")
    stage.unit.paid()
    stage.simulators.ask("POST", "/callbacks/flush")
    assert (stage.callback_states(), stage.inbox.messages.empty()) == (["lost"], True)


def callback_twice(stage: Stage) -> None:
    stage.arm("callback_twice")
    code = stage.unit.paid()
    assert [stage.inbox.next(), stage.inbox.next()] == [code, code]


def callback_late(stage: Stage) -> None:
    stage.arm("callback_late")
    code = stage.unit.paid()
    assert (stage.callback_states(), stage.inbox.messages.empty()) == (["pending"], True)
    stage.simulators.clock(advance_seconds=60)
    assert stage.inbox.next() == code


def callback_reordered(stage: Stage) -> None:
    stage.arm("callback_reordered")
    first, second = stage.unit.paid(), stage.unit.paid()
    assert [stage.inbox.next(), stage.inbox.next()] == [second, first]


def callback_forged(stage: Stage) -> None:
    stage.arm("callback_forged")
    stage.unit.paid()
    assert [stage.inbox.next("Amt"), stage.inbox.next("Amt")] == ["0.01", stage.unit.total]


def _days(stage: Stage, kind: str) -> tuple[str, list[tuple[str, str]], list[tuple[str, str]]]:
    """The code of something paid, today's statement and tomorrow's, with a fault about it."""
    code, today = stage.unit.paid(), stage.unit.today()
    stage.arm(kind, key=f"{today:%Y%m%d}", code=code)
    stage.simulators.clock(advance_seconds=86400)
    return (
        code,
        stage.unit.statement(f"{today:%Y%m%d}"),
        stage.unit.statement(f"{today + timedelta(days=1):%Y%m%d}"),
    )


def statement_missing(stage: Stage) -> None:
    _, today, tomorrow = _days(stage, "statement_missing")
    assert (today, tomorrow) == ([], [])


def statement_extra(stage: Stage) -> None:
    today, code = f"{stage.unit.today():%Y%m%d}", "9" * 20
    stage.arm("statement_extra", key=today, code=code)
    assert [line[0] for line in stage.unit.statement(today)] == [code]
    assert stage.unit.bills() == []


def statement_changed(stage: Stage) -> None:
    code, today, tomorrow = _days(stage, "statement_changed")
    assert [line[0] for line in today] == [code]
    assert (today[0][1] != stage.unit.total, tomorrow) == (True, [])


def statement_duplicate(stage: Stage) -> None:
    code, today, tomorrow = _days(stage, "statement_duplicate")
    assert (today, tomorrow) == ([(code, stage.unit.total)] * 2, [])


def statement_late(stage: Stage) -> None:
    code, today, tomorrow = _days(stage, "statement_late")
    assert (today, tomorrow) == ([], [(code, stage.unit.total)])


def statement_totals(stage: Stage) -> None:
    code, today = stage.unit.paid(), f"{stage.unit.today():%Y%m%d}"
    stage.arm("statement_totals", key=today)
    answer = stage.unit.ask("Statement", {"StatementDate": today, "Page": 1})
    assert (text(answer, "Count"), text(answer, "TotalAmt")) == ("2", "500.01")
    assert stage.unit.statement(today) == [(code, stage.unit.total)]


CHECKS: dict[tuple[str, str], Callable[[Stage], None]] = {
    (kind.removesuffix("_after"), "after_effect" if kind.endswith("_after") else KINDS[kind].phase): check
    for kind, check in {
        check.__name__: check
        for check in (
            *(refuse, silence, busy, error_500, answer_code, not_found_then_found, slow, error_500_after, slow_after),
            *(apply_then_silence, apply_then_reset, callback_before_reply),
            *(drip, malformed, malformed_doctype, empty, truncated),
            *(wrong_amount, wrong_code, unknown_status, status, bad_signature),
            *(more_elements, empty_optionals, other_order, other_amounts, callback_different),
            *(callback_lost, callback_twice, callback_late, callback_reordered, callback_forged),
            *(statement_missing, statement_extra, statement_changed, statement_duplicate, statement_late),
            statement_totals,
        )
    }.items()
}
#: What only one system can do wrong, and the test in which somebody sees it act.
ELSEWHERE = {
    "seal": "journeys/test_sealing_documents.py",
    "notice": "conformance/test_notice_rest.py",
    "cnnontax": "journeys/test_a_payment_over_frames.py",
}
OWNERS = {name: system for system in ELSEWHERE for name in SYSTEMS[system].kinds if name not in SYSTEMS["nontax"].kinds}


@pytest.mark.parametrize("case", CHECKS, ids="-".join)
@pytest.mark.cases_by_day(14)
def test_a_planted_fault_acts_as_it_is_described(unit: Unit, inbox: Inbox, case: tuple[str, str]) -> None:
    CHECKS[case](Stage(unit, inbox))


def test_no_kind_and_no_phase_is_left_without_a_test_that_sees_it_act() -> None:
    acting = {(name, phase) for name, kind in KINDS.items() for phase in (kind.phase, *kind.also)}
    assert {(name, phase) for name, phase in acting if name not in OWNERS} == set(CHECKS)
    tests = Path(__file__).resolve().parents[2]
    seen = {system: (tests / file).read_text(encoding="utf-8") for system, file in ELSEWHERE.items()}
    assert [name for name, system in OWNERS.items() if f'"{name}"' not in seen[system]] == []


# --- magic amounts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fen", AMOUNTS, ids=lambda fen: f".{fen}")
@pytest.mark.cases_by_day(6)
def test_a_bill_with_a_magic_amount_brings_its_fault_once(unit: Unit, inbox: Inbox, fen: int) -> None:
    unit.simulators.ask("POST", "/nontax/settings", {"magic_amounts": True})
    unit.total = f"500.{fen}"
    magic = AMOUNTS[fen]
    CHECKS[magic.kind, magic.phase or KINDS[magic.kind].phase](Stage(unit, inbox, by_amount=True))


@pytest.mark.nightly
def test_the_same_amounts_bring_nothing_as_long_as_magic_is_off(unit: Unit, inbox: Inbox) -> None:
    codes = []
    for fen in AMOUNTS:
        unit.total = f"500.{fen}"
        codes.append(unit.paid())
    unit.simulators.ask("POST", "/callbacks/flush")
    assert sorted(str(inbox.next()) for _ in codes) == codes
    assert inbox.messages.empty()
    assert [line[0] for line in unit.statement(f"{unit.today():%Y%m%d}")] == codes
    assert {entry["fault"] for entry in unit.simulators.journal()} == {None}


def test_magic_can_be_switched_off_again_and_everyday_amounts_have_none(unit: Unit) -> None:
    unit.simulators.ask("POST", "/nontax/settings", {"magic_amounts": True})
    everyday = (
        "5000.00",
        "36.50",
        "3333.33",
        "3333.34",
        "1666.67",
        "88.88",
        "99.99",
        "9.90",
        "12.25",
        "12.75",
        "66.66",
    )
    for unit.total in everyday:
        assert text(unit.create(), "Result") == "00000"
    unit.total = "500.76"
    assert text(unit.create(), "Result") == "18012"
    unit.simulators.ask("POST", "/nontax/settings", {"magic_amounts": False})
    assert text(unit.create(), "Result") == "00000"


def test_a_platform_that_answers_without_amounts_tells_the_wrong_one_when_it_is_asked(simulators: Simulation) -> None:
    simulators.ask("POST", "/cnnontax/settings", {"magic_amounts": True})
    bill = {
        "AdmDivCode": "990102",
        "SetYear": "2026",
        "PayNo": "N1",
        "BillDate": "20260916",
        "ChgAgenCode": "990102002",
        "ChgAgenName": "望川区市场监督管理局",
        "PayerName": "望川区味安副食店",
        "Amt": "500.93",
        "PayStats": "0",
        "PayInfo": "103050199001|罚款|500.93||||#",
        "Hold1": "望市监罚决〔2026〕18号",
    }
    assert exchange(simulators, "8994", "Bill", bill).findtext("Result") == "00000"
    told = [exchange(simulators, "8997", "BillQuery", {"PayNo": "N1"}).findtext(".//Amt") for _ in range(2)]
    assert (told[0] != "500.93", told[1]) == (True, "500.93")


def test_the_page_tells_of_every_magic_amount_and_of_no_other() -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "simulators.md"
    rows = [line.split("|") for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| `.")]
    told = [
        pair
        for row in rows
        for pair in zip(re.findall(r"`\.(\d\d)`", row[1]), re.findall("`(.+?)`", row[3]), strict=True)
    ]
    assert told == [(str(fen), magic.kind) for fen, magic in AMOUNTS.items()]


# --- what can be planted, and how it is chosen ----------------------------------------------------------------------


def described(name: str) -> dict[str, Any]:
    """A complete description of a fault of this kind."""
    kind = KINDS[name]
    system = OWNERS.get(name, "nontax")
    needed = {"key": "20260916", "code": "9" * 20}
    chosen = {} if kind.phase in ("connection", "statement") else {"nth": 2, "probability": 0.5, "dice": "order"}
    more = {field: needed[field] for field in kind.needs}
    return {"system": system, "kind": name, "phase": kind.phase, "seed": 7, "times": 3, **chosen, **more}


def test_every_kind_can_be_planted_by_request_and_by_scenario_and_comes_back_as_it_was_described(
    simulators: Simulation,
) -> None:
    wanted = [described(name) for name in KINDS if name != "refuse"]
    for plant in (lambda: simulators.faults(*wanted), lambda: simulators.scenario({"faults": wanted})):
        simulators.reset()
        planted = plant()
        listed = simulators.ask("GET", "/faults")["faults"]
        assert [one["id"] for one in listed] == planted
        assert [{name: one[name] for name in asked} for one, asked in zip(listed, wanted, strict=True)] == wanted


def test_operation_key_nth_and_times_choose_which_requests_meet_a_fault(unit: Unit) -> None:
    unit.simulators.faults(
        {"system": "nontax", "operation": "CreateBill", "kind": "answer_code", "code": "18012", "nth": 2, "times": 2},
        {"system": "nontax", "key": "A9", "kind": "answer_code", "code": "18011"},
    )
    assert [text(unit.create(f"A{number}"), "Result") for number in range(1, 5)] == ["00000", "18012", "18012", "00000"]
    assert [text(unit.create("A9"), "Result") for _ in range(2)] == ["18011", "00000"]


def outcomes(unit: Unit, numbers: list[str], dice: str, seed: int, *, restart: bool = False) -> list[bool]:
    """Which of these bills are refused, from a first day on."""
    chance = {"times": 0, "probability": 0.5, "seed": seed, "dice": dice}
    unit.simulators.reset()
    unit.simulators.scenario({"faults": [{"system": "nontax", "kind": "answer_code", "code": "18012", **chance}]})
    refused = []
    for place, number in enumerate(numbers):
        if restart and place == len(numbers) // 2:
            unit.simulators.restart()
        refused.append(text(unit.create(number), "Result") == "18012")
    return refused


@pytest.mark.parametrize("dice", ["key", "order"])
@pytest.mark.cases_by_day(1)
def test_the_same_seed_is_the_same_behaviour_and_another_seed_another(unit: Unit, dice: str) -> None:
    numbers = [f"A{number}" for number in range(examples(12, 24))]
    first = outcomes(unit, numbers, dice, 7)
    assert outcomes(unit, numbers, dice, 7, restart=True) == first
    assert outcomes(unit, numbers, dice, 8) != first
    assert 0 < sum(first) < len(numbers)


def test_a_dice_by_order_falls_the_same_way_for_requests_under_other_keys(unit: Unit) -> None:
    ours, theirs = ([f"{letter}{number}" for number in range(examples(12, 24))] for letter in "AB")
    assert outcomes(unit, ours, "order", 7) == outcomes(unit, theirs, "order", 7)
    assert outcomes(unit, ours, "key", 7) != outcomes(unit, theirs, "key", 7)
    assert outcomes(unit, ours, "key", 7) == outcomes(unit, ours[::-1], "key", 7)[::-1]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": "apply_than_silence"}, ".kind: no kind 'apply_than_silence'; did you mean 'apply_then_silence'?"),
        ({"kind": "busy", "operatoin": "*"}, ".operatoin: no field 'operatoin'; did you mean 'operation'?"),
        ({"kind": "busy", "nth": "2"}, ".nth: '2' is not a whole number from 1"),
        ({"kind": "busy", "times": True}, ".times: True is not a whole number from 0"),
        ({"kind": "busy", "probability": 30}, ".probability: 30 is not a number from 0 to 1"),
        (
            {"kind": "busy", "operation": "CreateBil"},
            ".operation: no operation 'CreateBil'; did you mean 'CreateBill'?",
        ),
        (
            {"kind": "callback_lost", "operation": "CreateBill"},
            ".operation: no operation 'CreateBill'; there are BillMade, PaymentConfirm, ReceiptReady, RefundMoved",
        ),
        ({"kind": "callback_lost", "system": "portal"}, ".kind: portal sends no callbacks"),
        ({"kind": "seal_expired"}, ".kind: only seal can have seal_expired"),
        ({"kind": "answer_code"}, ".code: answer_code needs it"),
        ({"kind": "statement_late", "key": "9月16日", "code": "1"}, ".key: '9月16日' is not a day as yyyyMMdd"),
        ({"kind": "refuse", "nth": 3}, ".nth: refuse meets no single requests and takes no nth"),
        ({"kind": "busy", "phase": "after_effect"}, ".phase: busy acts in before_effect"),
        ({"kind": "busy", "system": "nontaxx"}, ".system: no system 'nontaxx'; did you mean 'nontax'?"),
    ],
)
def test_a_fault_that_would_never_act_is_refused_with_its_place_and_a_cure(
    simulators: Simulation, wrong: dict[str, Any], words: str
) -> None:
    good = {"system": "nontax", "kind": "slow"}
    answer = simulators.control.post("/faults", json=[good, {"system": "nontax", **wrong}])
    assert (answer.status_code, answer.json()["error"]) == (422, f"faults[1]{words}")
    assert simulators.ask("GET", "/faults")["faults"] == []  # all or none


# --- the list -------------------------------------------------------------------------------------------------------


def run(*words: str, columns: int = 100) -> str:
    command = [sys.executable, "-m", "simulators", *words]
    env = {**os.environ, "COLUMNS": str(columns)}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout


def test_the_list_for_people_names_every_kind_phase_field_and_amount_and_fits_the_terminal() -> None:
    listed = run("faults", columns=72)
    for name in (*KINDS, *PHASES, *FIELDS, *(f".{fen}" for fen in AMOUNTS)):
        assert f"\n  {name} " in listed or f"\n{name}:" in listed, name
    assert max(map(len, listed.splitlines())) <= 72


def test_the_list_for_programs_says_all_that_is_needed_to_plant_each() -> None:
    listed = json.loads(run("faults", "--json"))
    assert set(listed) == set(KINDS)
    assert listed["error_500"]["phases"] == ["before_effect", "after_effect"]
    assert listed["statement_late"]["needs"] == ["system", "kind", "key", "code"]
    assert (listed["busy"]["systems"], listed["statement_late"]["systems"]) == (list(SYSTEMS), COLLECTING)
    assert listed["apply_then_silence"]["magic_amounts"] == [".81"]


def test_what_is_described_in_full_has_no_mistakes_and_makes_a_fault() -> None:
    for name in KINDS:
        assert mistakes(described(name), KINDS) == []
        assert Fault(**described(name)).phase == KINDS[name].phase
