"""What people do in this room."""

from __future__ import annotations

from gateway.foundation.acts import Act

ACTS = (Act("rotate_key", "POST /v1/own-keys/{name}/rotation", "keys rotate", "keys:write"),)
