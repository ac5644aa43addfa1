"""The drawn life of an operation is the one that the engine lives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.foundation.delivery.actions import NotYet, Operation
from gateway.foundation.delivery.retry_rules import SECOND, Patience, after_call, after_find
from gateway.foundation.delivery.states import EDGES, FINAL
from gateway.foundation.delivery.tables import (
    operation as operation_table,
)
from gateway.ports.base import FindGuarantee
from gateway.ports.nontax import Cancelled
from gateway.words.errors import (
    BusyError,
    ContractError,
    DeniedError,
    NotSentError,
    OutcomeUnknownError,
    RejectedError,
    UnsupportedError,
)

NOW = 1_790_000_000_000_000
FROM_SENDING = {edge.end for edge in EDGES if edge.start == "sending"}
RESULTS = [
    Cancelled(code="1" * 20),
    NotSentError("refused"),
    BusyError("busy"),
    OutcomeUnknownError("read timeout"),
    ContractError("wrong amount"),
    DeniedError("401"),
    RejectedError("no", "X1"),
    UnsupportedError("refund"),
    NotYet(3),
    ValueError("a fault of ours"),
]


@given(
    result=st.sampled_from([*RESULTS, None]),
    effectful=st.booleans(),
    can_find=st.booleans(),
    consistent=st.booleans(),
    asking=st.booleans(),
    hours=st.integers(0, 200),
)
def test_every_step_of_the_engine_is_drawn(
    result: object, effectful: bool, can_find: bool, consistent: bool, asking: bool, hours: int
) -> None:
    began = NOW - hours * 3600 * SECOND
    operation = Operation(
        id="opn_1",
        action="nontax.issue",
        channel="nontax",
        authority="a",
        subject="pay_1",
        reference="R1",
        effectful=effectful,
        state="sending",
        attempt=1,
        tries=0,
        sent_at=began if asking else None,
        doubt_since_at=began if asking else None,
        created_at=began,
    )
    if asking:
        guarantee = FindGuarantee(consistent=consistent)
        step = after_find(operation, result, now=NOW, guarantee=guarantee, patience=Patience())  # type: ignore[arg-type]
    elif result is not None:
        step = after_call(operation, result, now=NOW, began=began, can_find=can_find, patience=Patience())  # type: ignore[arg-type]
    else:
        return
    assert step.state in FROM_SENDING


def test_only_ends_have_no_way_on() -> None:
    starts, ends = {edge.start for edge in EDGES}, {edge.end for edge in EDGES}
    assert ends - starts == set(FINAL)


def test_the_drawn_states_are_those_that_the_database_allows() -> None:
    allowed = next(
        str(one.sqltext) for one in operation_table.constraints if str(one.name or "").endswith("known_state")
    )
    assert {edge.end for edge in EDGES} == set(allowed.replace("'", "").partition("(")[2].rstrip(")").split(","))
