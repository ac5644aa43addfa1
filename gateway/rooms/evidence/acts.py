"""What people do in this room."""

from __future__ import annotations

from gateway.foundation.acts import Act

ACTS = (Act("make_bundle", "POST /v1/evidence-bundles", "evidence bundle", "evidence:bundle"),)
