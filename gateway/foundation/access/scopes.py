"""What a key or a role may do: the scopes that rooms bring, and the roles of people over them."""

from __future__ import annotations

from functools import lru_cache

from gateway.foundation import rooms

READ = ":read"
PEOPLE = "accounts:people"
"""Who has it says who there is: whoever confirms money must not be able to make a second person."""
_ACCESS = ("accounts:", "keys:")


def scopes() -> tuple[str, ...]:
    """Every scope of the installed rooms, in the order of the rooms."""
    return tuple(scope for room in rooms.found() for scope in (*room.scopes, *room.supervisor_scopes))


def roles() -> dict[str, frozenset[str]]:
    """The roles of operators 操作员: a viewer reads, an operator does, a supervisor does what few may.

    An auditor 审计员 reads also what few may read, and does nothing (GB/T 22239-2019 level 3, 8.1.5.2). An
    administrator 管理员 says who may do what, and does nothing else: no money moves by who gives rights.
    """
    return _roles(scopes(), tuple(scope for room in rooms.found() for scope in room.supervisor_scopes))


@lru_cache(maxsize=4)
def _roles(every: tuple[str, ...], few: tuple[str, ...]) -> dict[str, frozenset[str]]:
    return {
        "viewer": frozenset(scope for scope in every if scope.endswith(READ)) - frozenset(few),
        "operator": frozenset(every) - frozenset(few),
        "supervisor": frozenset(every) - {PEOPLE},
        "auditor": frozenset(scope for scope in every if scope.endswith(READ)),
        "administrator": frozenset(
            scope for scope in every if scope.startswith(_ACCESS) or (scope.endswith(READ) and scope not in few)
        ),
    }
