"""What a key or a role may do."""

from __future__ import annotations

from typing import Final

SCOPES: Final = (
    "payments:read",
    "payments:write",
    "decisions:read",
    "decisions:write",
    "disclosures:read",
    "disclosures:write",
    "entities:read",
    "seals:read",
    "seals:write",
    "reconciliation:read",
    "reconciliation:write",
    "operations:read",
    "operations:write",
    "evidence:read",
    "events:read",
    "webhooks:write",
)
_READING: Final = frozenset(scope for scope in SCOPES if scope.endswith(":read"))
ROLES: Final[dict[str, frozenset[str]]] = {
    "viewer": _READING,
    "operator": frozenset(SCOPES) - {"webhooks:write"},
    "supervisor": frozenset(SCOPES),
}
