"""What people do in this room."""

from __future__ import annotations

from gateway.foundation.acts import Act

ACTS = (Act("export_list", "POST /v1/exports", "export", "exports:make"),)
