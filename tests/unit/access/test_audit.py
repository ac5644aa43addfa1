"""What people do is written down before it is done, and a person is shown plainly to nobody unnoticed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from gateway.foundation.access import Principal, roles
from gateway.foundation.access.audit import MOST_FAILED, SIGN_IN, UNKNOWN, Act, AuditFilter, Who, check
from gateway.foundation.access.keys import key_id_of
from gateway.foundation.http.audited import Audited
from gateway.foundation.http.persons import _plainly, _whole
from gateway.words.clock import ManualClock, SystemClock
from gateway.words.errors import InvalidProblem, Problem, UnavailableProblem
from gateway.words.masking import mask_address, mask_document, mask_phone
from tests.foundation import foundation

WANG = Who("opr_1", "王敏", "operator")
PERSON = Principal("opr_1", "operator", frozenset({"persons:unmask"}), frozenset({"anlan"}), "王敏", "operator")
VIEWER = Principal("opr_2", "operator", roles()["viewer"], frozenset({"anlan"}), "何静", "viewer")
SYSTEM = Principal("cli_1", "client", frozenset(), frozenset({"anlan"}), "办案系统")
PAYMENT = "pay_" + "0" * 32


@pytest.fixture
def base(store: Any, tmp_path: Any) -> Any:
    return foundation(store, tmp_path, SystemClock())


async def test_an_act_is_listed_from_its_beginning_with_its_end_and_its_reason(base):
    begun = await base.audit.begin(WANG, Act("act", "POST /v1/refunds/{id}", "rfd_1", "anlan"))
    (listed,) = await base.audit.find(AuditFilter())
    assert (listed.operator, listed.status, listed.reason) == ("王敏", None, None)
    await base.audit.end(begun, 409, '{"reason": "缴款人申请"}'.encode())
    (listed,) = await base.audit.find(AuditFilter(operator="opr_1", subject="rfd_1", action="refunds", kind="act"))
    assert (listed.status, listed.reason) == (409, "缴款人申请")
    assert await base.audit.find(AuditFilter(operator="陈立")) == []
    assert await base.store.read(lambda conn: check(conn, base.evidence)) == []


@pytest.mark.both_databases
async def test_a_reason_that_no_database_keeps_is_listed_without_what_it_holds(base):
    begun = await base.audit.begin(WANG, Act("act", "POST /v1/refunds/{id}", "rfd_1", "anlan"))
    await base.audit.end(begun, 422, b'{"reason": "a\\u0000b"}')
    (listed,) = await base.audit.find(AuditFilter())
    assert (listed.status, listed.reason) == (422, "ab")


class Keys:
    """Knows one operator's key."""

    async def by_key(self, token: str) -> Principal | None:
        return PERSON if token == "gwo_x" else None


async def asked(base: Any, method: str, path: str, query: str = "", token: str = "gwo_x", status: int = 200) -> int:
    """The status of an answer to a request that goes through the layer."""
    seen: list[int] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        return {"type": "http.request", "body": b"{}"}

    async def send(message: Message) -> None:
        if "status" in message:
            seen.append(message["status"])

    headers = [(b"authorization", f"Bearer {token}".encode())]
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers}
    await Audited(inner, Keys(), base.audit)(scope, receive, send)  # type: ignore[arg-type]
    return seen[0]


DECISION = "/v1/decisions/{authority}/{number}"


@pytest.mark.parametrize(
    ("method", "path", "query", "told"),
    [
        ("POST", f"/v1/payments/{PAYMENT}/cancel", "", ("act", "POST /v1/payments/{id}/cancel", PAYMENT, None)),
        ("PUT", "/v1/decisions/anlan/望〔2026〕1", "", ("act", f"PUT {DECISION}", "anlan/望〔2026〕1", None)),
        ("GET", "/v1/decisions/anlan/1", "unmask=x%00y", ("read", f"GET {DECISION}", "anlan/1", "xy")),
        ("GET", "/v1/decisions/anlan/1", "unmask=", ("read", f"GET {DECISION}", "anlan/1", "")),
        ("GET", "/v1/payments", "party=%E5%BC%A0%E4%B8%89", ("read", "GET /v1/payments", "/v1/payments", None)),
        ("DELETE", "/v1/x/\x00", "", ("act", "DELETE /v1/x/", "/v1/x/", None)),
    ],
)
@pytest.mark.cases_by_day(4)
async def test_whatever_an_operator_asks_that_is_no_mere_look_is_written_down(base, method, path, query, told):
    assert await asked(base, method, path, query, status=403) == 403
    (listed,) = await base.audit.find(AuditFilter())
    assert (listed.kind, listed.action, listed.subject, listed.reason) == told
    assert (listed.operator_id, listed.role, listed.status) == ("opr_1", "operator", 403)


async def test_mere_looks_and_systems_are_not_written_down(base):
    assert await asked(base, "GET", "/v1/payments") == 200
    assert await asked(base, "POST", "/v1/payments", token="gwk_x") == 200
    assert await asked(base, "POST", "/v1/payments", token="gwo_unknown") == 200
    assert await base.audit.find(AuditFilter()) == []


async def test_what_cannot_be_written_down_is_not_done(base, monkeypatch):
    async def full(*_: object) -> None:
        raise UnavailableProblem("the disk is full")

    monkeypatch.setattr(base.audit, "begin", full)
    assert await asked(base, "POST", "/v1/refunds", status=201) == 503


async def test_persons_are_masked_for_operators_until_they_may_and_say_why():
    assert await _plainly(SYSTEM) is True
    assert await _plainly(PERSON) is False
    assert await _plainly(PERSON, "复议机关调阅") is True
    with pytest.raises(Problem, match="persons:unmask"):
        await _plainly(VIEWER, "复议机关调阅")
    with pytest.raises(InvalidProblem, match="cannot be masked"):
        await _whole(False)


def test_who_may_unmask_and_who_may_read_the_audit():
    asked_for = ("persons:unmask", "audit:read")
    having = {right: {role for role, held in roles().items() if right in held} for right in asked_for}
    assert having == {"persons:unmask": {"operator", "supervisor"}, "audit:read": {"supervisor", "auditor"}}
    assert not [scope for scope in roles()["auditor"] if not scope.endswith(":read")]


@pytest.mark.parametrize(
    ("rule", "plain", "masked"),
    [
        (mask_document, "11010519491231002X", "110*************2X"),
        (mask_document, "G1234567", "********"),
        (mask_phone, "13800138000", "138****8000"),
        (mask_phone, "5550123", "*****23"),
        (mask_address, "望川区解放路12号3单元401", "望川区解放路*********"),
        (mask_address, "望川", "望川"),
    ],
)
def test_what_is_masked_keeps_its_length_and_hides_what_tells(rule, plain, masked):
    assert rule(plain) == masked


async def test_who_is_not_let_in_is_written_down_and_nobody_fills_the_disk_with_it(store, tmp_path):
    clock = ManualClock(datetime(2026, 11, 29, 1, 0, tzinfo=UTC))
    base = foundation(store, tmp_path, clock)
    for number in range(MOST_FAILED + 5):
        await base.audit.not_let_in(UNKNOWN, f"gwk{number}", "203.0.113.9")
    listed = await base.audit.find(AuditFilter(action=SIGN_IN, limit=200))
    assert len(listed) == MOST_FAILED
    assert (listed[0].operator_id, listed[0].status, listed[0].reason) == ("(unknown)", 401, "203.0.113.9")
    await base.audit.not_let_in(WANG, "wang", "os:root")
    assert len(await base.audit.find(AuditFilter(operator="王敏"))) == 1, "those who are known are counted apart"
    again = foundation(store, tmp_path, clock).audit
    await again.not_let_in(UNKNOWN, "x", "203.0.113.9")
    assert len(await again.find(AuditFilter(operator="(unknown)", limit=200))) == MOST_FAILED, "by any process"
    clock.advance(timedelta(hours=1))
    for audit in (base.audit, again):
        await audit.not_let_in(UNKNOWN, "x", "203.0.113.9")
    assert len(await again.find(AuditFilter(operator="(unknown)", limit=200))) == MOST_FAILED + 2
    assert await store.read(lambda conn: check(conn, base.evidence)) == []


async def test_as_whom_somebody_came_is_known_by_the_key_or_the_login_and_nothing_secret_is_kept(base):
    made = await base.access.create_operator("wang", "王敏", "operator", "long enough a password")
    token = (await base.access.issue_operator_key(made.id)).token
    wrong = token[:-4] + "0000"
    asking = base.access.sign_in
    assert await asking.by_key(wrong) is None
    assert await asking.whose(wrong) == await asking.whose("wang") == Who(made.id, "王敏", "operator")
    assert await asking.whose("nobody") is UNKNOWN
    assert key_id_of(wrong) == f"key_{token.split('_')[1]}"
    assert key_id_of("my password") == "(no key)"


async def test_a_refusal_stays_one_where_nothing_can_be_written(base, monkeypatch):
    async def full(*_: object) -> None:
        raise UnavailableProblem("the disk is full")

    monkeypatch.setattr(base.store, "write", full)
    await base.audit.not_let_in(UNKNOWN, "x", "203.0.113.9")
