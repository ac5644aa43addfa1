"""Whether persons are shown plainly. Operators see ID numbers, telephones and addresses masked, until they ask.

Who asks needs the right ``persons:unmask`` and gives a reason; ``audited`` has written it down before this is asked.
A case system sees what it has itself told us of its authorities' cases.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Query

from gateway.foundation.access import Principal
from gateway.foundation.http.authorization import principal
from gateway.words.errors import InvalidProblem, Problem
from gateway.words.saying import say

RIGHT: Final = "persons:unmask"

Reason = Annotated[
    str | None,
    Query(min_length=2, max_length=200, description="operators: show persons unmasked, for this reason; written down"),
]


async def _plainly(who: Annotated[Principal, Depends(principal)], unmask: Reason = None) -> bool:
    """Whether who asks is shown persons plainly. Raises Problem (403) without the right."""
    if who.kind != "operator":
        return True
    if unmask is None:
        return False
    if RIGHT not in who.scopes:
        raise Problem(say("http.scope", scope=RIGHT), type="scope-missing")
    return True


async def _whole(plainly: Annotated[bool, Depends(_plainly)]) -> None:
    """For what cannot be masked: who asks must ask for it plainly. Raises InvalidProblem."""
    if not plainly:
        raise InvalidProblem(say("http.unmask"), field="unmask")


Plainly = Annotated[bool, Depends(_plainly)]
WHOLE = Depends(_whole)
"""For a route that gives a file with persons in it, which cannot be masked."""
