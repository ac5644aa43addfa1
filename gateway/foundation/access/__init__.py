"""Access: clients and their keys, operators, and whose records each may see."""

from gateway.foundation.access.access import Access, IssuedKey
from gateway.foundation.access.records import Authority, Client, Key, Operator
from gateway.foundation.access.scopes import ROLES, SCOPES
from gateway.foundation.access.sign_in import Principal

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
