"""What the technical words of a failed exchange mean: one table, from kinds of failure to sentences for people.

The reason that an operation keeps is English and exact, for whoever mends a channel: ``ReadTimeout: timed out: read``.
Who works with bills is told what happened, and can look behind it.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.words.saying import Sentence, say

_KINDS: Final = tuple(
    (re.compile(pattern), id)
    for pattern, id in (
        (r"a fault of the gateway", "fault"),
        (r"stopped while the call was under way|the gateway stops:", "stopped"),
        (r"the channel \S+ is closed", "closed"),
        (r"no token, so nothing was sent", "no_token"),
        (r"TLS failed", "tls"),
        (r"PoolTimeout", "queued"),
        (r"ConnectTimeout|ConnectError|not reached|there is no folder", "unreachable"),
        (r"WriteTimeout|WriteError", "cut_sending"),
        (r"ReadTimeout|did not answer within|no answer in time", "silence"),
        (r"AnswerTooLarge|exceeds \d|has more than \d+ bytes|unpacks to more than", "too_large"),
        (r"ReadError|RemoteProtocolError|perhaps cut|file is cut|gzip file is cut", "cut"),
        (r"HTTP 40[13]\b|refuses a token", "denied"),
        (r"a redirect to|web page \(HTML\)|instead of (an answer|JSON|the file)", "elsewhere"),
        (r"HTTP (429|503)$", "busy"),
        (r"[Ss]ignature|not authentic|to another question", "not_authentic"),
        (r"empty (body|answer)", "empty"),
        (
            r"malformed|unusable XML|is no frame|cannot be read|not Base64|not GB 18030|is no (gzip|ZIP)|no JSON|"
            r"is not a (time|day|whole)|boundary|is no plain amount|no answer of RFC",
            "unreadable",
        ),
        (
            r"^asked (for|was|to)|asked (was|for) |differs from|the answer is about|is that of payment|is kept under|"
            r"yuan, the answer|, the answer ",
            "contradiction",
        ),
        (r"breaks the contract|outside the contract|not in the contract|contract does not|unknown state", "contract"),
        (r"HTTP \d{3}\b", "status"),
        (r"sent again$", "absent"),
        (r"does not find it|not found|not to be found yet", "not_found"),
    )
)


def what_happened(reason: str | None) -> Sentence | None:
    """The sentence for a reason's kind; None where it is of none, as what another system or a person has said."""
    for pattern, id in _KINDS:
        if reason and pattern.search(reason):
            return say(f"failures.{id}")
    return None
