"""The list of what waits for a person is all of it and nothing else, newest first, however it is narrowed."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert

from gateway.foundation.delivery import doubtful_records, operation_records
from gateway.foundation.delivery.doubtful_records import Doubtful
from gateway.foundation.delivery.operation_records import Parked
from gateway.foundation.delivery.states import FOR_PEOPLE, State
from gateway.foundation.delivery.tables import operation

pytestmark = pytest.mark.both_databases

BOTH = Doubtful(("a", "b"))
WANTED = [
    BOTH,
    Doubtful(("a",)),
    Doubtful(()),
    *(replace(BOTH, states=(one,)) for one in FOR_PEOPLE),
    replace(BOTH, parked_for="no-query"),
    replace(BOTH, parked_for="no-query", states=(State.PARKED,)),
    replace(BOTH, channel="credit"),
    replace(BOTH, channel="credit", parked_for="no-query"),
    replace(BOTH, number="opn_05"),
    replace(BOTH, number="subject-5"),
    replace(BOTH, number="reference-5"),
]


def some() -> list[dict[str, Any]]:
    kinds = itertools.product(("a", "b", "c"), State, ("nontax", "credit"), (None, "no-query"))
    return [
        {
            "id": f"opn_{number:02}",
            "action": "nontax.issue",
            "channel": channel,
            "authority": authority,
            "subject": f"subject-{number}",
            "reference": f"reference-{number}",
            "effectful": True,
            "state": state.value,
            "request_sealed": b"",
            "due_at": 1,
            "code": code,
            "lease_until_at": 1 if state is State.SENDING else None,
            "pending_since_at": 1 if state is State.PENDING else None,
            "created_at": 1,
            "updated_at": 1,
        }
        for number, (authority, state, channel, code) in enumerate(kinds)
    ]


def fits(one: dict[str, Any], wanted: Doubtful) -> bool:
    return (
        one["authority"] in wanted.authorities
        and one["state"] in wanted.states
        and wanted.channel in (None, one["channel"])
        and wanted.parked_for in (None, one["code"])
        and wanted.number in (None, one["id"], one["subject"], one["reference"])
    )


async def test_every_way_of_looking_finds_what_waits_page_by_page(one_store):
    kept = some()
    await one_store.write(lambda conn: conn.execute(insert(operation), kept))
    for wanted in WANTED:
        fitting = sorted((one["id"] for one in kept if fits(one, wanted)), reverse=True)
        found: list[str] = []
        while page := await one_store.read(
            lambda conn, wanted=wanted, last=found[-1] if found else None: doubtful_records.find(conn, wanted, last, 3)
        ):
            found += [one.id for one in page]
        assert found == fitting, wanted
        assert await one_store.read(lambda conn, wanted=wanted: doubtful_records.count(conn, wanted)) == len(fitting)


async def test_parked_work_is_found_and_counted_and_what_ended_is_not(one_store):
    kept = some()
    await one_store.write(lambda conn: conn.execute(insert(operation), kept))
    parked = sorted((one["id"] for one in kept if one["state"] == "parked"), reverse=True)
    found = await one_store.read(lambda conn: operation_records.find(conn, state=State.PARKED))
    assert [one.id for one in found] == parked
    chosen = await one_store.read(lambda conn: operation_records.parked(conn, Parked(channel="credit"), 99))
    assert {one.id for one in chosen} == {
        one["id"] for one in kept if (one["state"], one["channel"]) == ("parked", "credit")
    }
    counted = await one_store.read(operation_records.counts)
    assert counted == {
        (channel, state): 6
        for channel in ("nontax", "credit")
        for state in State
        if state not in (State.DONE, State.REJECTED)
    }
