"""Access: clients and their keys, operators, and whose records each may see."""

from gateway.foundation.access.access import (
    ROLES,
    SCOPES,
    Access,
    Authority,
    Client,
    IssuedKey,
    Key,
    Operator,
    Principal,
)

__all__ = [
    "ROLES",
    "SCOPES",
    "Access",
    "Authority",
    "Client",
    "IssuedKey",
    "Key",
    "Operator",
    "Principal",
]
