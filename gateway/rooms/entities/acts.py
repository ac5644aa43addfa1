"""What people look at in this room."""

from __future__ import annotations

from gateway.foundation.acts import Act

LOOKS = (
    Act("find_entities", "GET /v1/entities", "entities find", "entities:read"),
    Act("get_entity", "GET /v1/entities/{uscc}", "entities show", "entities:read"),
    Act("list_entity_changes", "GET /v1/entities/{uscc}/changes", "entities changes", "entities:read"),
)
