"""What this room keeps, how long and why."""

from __future__ import annotations

from gateway.foundation.terms import Term
from gateway.rooms.jobs.tables import job, job_row
from gateway.words.saying import say

TERMS = (Term(what="jobs", tables=(job, job_row), why=say("retention.why_files")),)
