"""What people do in this room."""

from __future__ import annotations

from gateway.foundation.acts import Act

ACTS = (
    Act("propose_job", "POST /v1/jobs", "jobs start", "jobs:write", two=True),
    Act("propose_break_sheet", "POST /v1/break-sheets", "jobs breaks", "jobs:write", two=True),
    Act("propose_import", "POST /v1/import-files", "jobs import", "jobs:write", two=True),
    Act("confirm_job", "POST /v1/jobs/{job_id}/confirmation", "jobs confirm", "jobs:write", look="/v1/jobs/{job_id}"),
    Act("stop_job", "POST /v1/jobs/{job_id}/stop", "jobs stop", "jobs:write"),
)
