"""Access: clients and their keys, operators, and whose records each may see."""

from gateway.foundation.access.access import Access, IssuedKey
from gateway.foundation.access.records import Authority, Client, Key, Operator
from gateway.foundation.access.scopes import roles, scopes
from gateway.foundation.access.sign_in import Principal

__all__ = [
    "Access",
    "Authority",
    "Client",
    "IssuedKey",
    "Key",
    "Operator",
    "Principal",
    "roles",
    "scopes",
]
