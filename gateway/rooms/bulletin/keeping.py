"""What this room keeps, how long and why."""

from __future__ import annotations

from gateway.foundation.terms import Term
from gateway.rooms.bulletin.tables import bulletin_effect, bulletin_entry
from gateway.words.saying import say

TERMS = (Term(what="bulletin", tables=(bulletin_entry, bulletin_effect), why=say("retention.why_files")),)
