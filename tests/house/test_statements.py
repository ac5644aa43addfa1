"""Statements of hot rooms stand in their modules, where they are compiled once: ``foundation/store/prepared.py``."""

from __future__ import annotations

import ast

import pytest
from sources import texts

BUILDERS = frozenset({"select", "insert", "update", "delete", "union_all"})

RARE = {
    "foundation/lives.py": "one",  # made once and kept
    "foundation/once.py": "",
    "foundation/access/records.py": """login_of login_by_id count_try authorities clients operators names_of keys
        add_client add_key revoke_client revoke_key limit limits _add""",
    "foundation/delivery/callback_records.py": "",
    "foundation/delivery/event_records.py": "timeline find about",
    "foundation/delivery/operation_records.py": """_of_kinds rerun_of overdue release_expired find attempts_of hurry
        unserved counts parked parked_kinds attempts_at with_ids of_subjects""",
    "foundation/delivery/resolution_records.py": "",
    "foundation/delivery/webhook_records.py": """add_endpoint endpoints held bring_back waiting give_up
        send_again deliveries _some types_of""",
    "foundation/evidence/records.py": """nodes counts chains bodies where_shredding_stands shred unshredded shredded_by
        callbacks_about links_of_operations of_attempts called_back""",
    "rooms/decisions/records.py": "numbered with_number versions fill_parties of_party",
    "rooms/disclosures/records.py": """set_organ find late_submissions late_withdrawals due_publications
        due_withdrawals to_look_at unmarked provisional after late_to_pass_on alarms codes figures""",
    "rooms/payments/books.py": "owners authorities_of_units money_of settle_all",
    "rooms/payments/records.py": """set_unit to_ask to_look_at looked_at open_bills collected_between search
        after unowned""",
    "rooms/receipts/records.py": "after",
    "rooms/refunds/records.py": "find count owner_of after",
}
"""Hot modules; in each, the functions that may build: what they ask has another shape each time, or is asked rarely."""


def building(source: str) -> set[str]:
    """The functions of a module that build a statement."""
    return {
        function.name
        for function in ast.walk(ast.parse(source))
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in BUILDERS
    }


@pytest.mark.parametrize("module", RARE)
def test_hot_rooms_build_no_statement_in_a_function(module: str) -> None:
    found = building(texts()[module])
    assert found <= set(RARE[module].split()), "put the statement in the module"


def test_a_statement_in_a_function_is_seen() -> None:
    assert building("A = select(t)\ndef f(c): return c.execute(A)\ndef g(c): c.execute(insert(t))") == {"g"}
