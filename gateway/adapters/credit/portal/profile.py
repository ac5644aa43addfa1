"""What another city's portal has otherwise than ``contracts/portal/v1``: a profile, which is a setting of the channel.

Paths, names of members, words for states and result codes, how it signs, how its public search is asked and paged, and
how it masks names. What a profile does not say is as in the contract.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.adapters.credit.portal.mapping import LAYOUT
from gateway.adapters.credit.signed import Dialect, rewritten
from gateway.foundation.crypto.signature_keys import HmacKey
from gateway.foundation.wire import MessageSigner
from gateway.foundation.wire.signing import HOUSE, SignatureHeaders, SignatureScheme
from gateway.words.clock import Clock

Action = Literal["submit", "correct", "withdraw", "repair", "mark", "find", "read_back", "check"]

PATHS: Final[Mapping[Action, str]] = {
    "submit": "/v1/disclosures",
    "correct": "/v1/corrections",
    "withdraw": "/v1/withdrawals",
    "repair": "/v1/endings",
    "mark": "/v1/marks",
    "find": "/v1/submissions/{reference}",
    "read_back": "/v1/public/disclosures",
    "check": "/v1/ready",
}
_FRAME: Final = frozenset(
    {"reference", "summary", "reason", "key", "explanation", "cause", "documentNumber", "code", "message", "records"}
    | {
        "mark",
        "lifted",
        "marks",
        "submission",
        "state",
        "receipt",
        "receivedAt",
        "kind",
        "fieldErrors",
        "field",
        "publishedOn",
        "url",
        "now",
    }
)
MEMBERS: Final = _FRAME | {one.wire for one in LAYOUT.fields}
"""Every member that messages of the contract have."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_SLASHED = re.compile(r"\d{4}/\d{2}/\d{2}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Signing(_Part):
    """How requests are signed: the text (``docs/wire.md``), the digest of the HMAC, the names of the four headers."""

    text: str = HOUSE.request
    digest: Literal["sm3", "sha256"] = "sm3"
    node: str = HOUSE.headers.node
    timestamp: str = HOUSE.headers.timestamp
    nonce: str = HOUSE.headers.nonce
    signature: str = HOUSE.headers.signature
    stamp: Literal["millis", "seconds"] = "millis"
    written: Literal["hex", "base64"] = "hex"

    @field_validator("text")
    @classmethod
    def _can_be_signed(cls, text: str) -> str:
        SignatureScheme(request=text)
        return text

    def signer(self, node: str, secret: bytes, clock: Clock) -> MessageSigner:
        """Signs as this portal asks for it."""
        headers = SignatureHeaders(self.node, self.timestamp, self.nonce, self.signature)
        scheme = SignatureScheme(request=self.text, headers=headers, stamp=self.stamp, text=self.written)
        return MessageSigner(node, HmacKey(secret, self.digest), clock, scheme=scheme)


class Pages(_Part):
    """The public search tells its entries by pages: the parameters, so many entries on one, so many pages at most."""

    page: str
    size: str
    rows: Annotated[int, Field(ge=1, le=500)] = 20
    most: Annotated[int, Field(ge=1, le=200)] = 20


class Profile(_Part):
    """What a portal has otherwise than the contract.

    ``paths``: by action; that of ``find`` has ``{reference}`` in it. ``names``: of members, ours to theirs. ``absent``:
    fields of a summary that it does not take. ``codes`` and ``states``: its result codes and words for states, theirs
    to ours; ``marks``: its words for marks, the same way. ``joined``: lists that it takes as one text, with what joins
    them. ``days``: how it writes days. ``search``: what its public search is asked with, its parameter to our member.
    ``mask``: how it shows the names of natural persons: as it was given, or with all but the first character
    (``first``) or the last (``last``) starred.
    """

    paths: Mapping[Action, Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/{}-]{1,200}$")]] = Field(default_factory=dict)
    names: Mapping[str, Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]] = Field(default_factory=dict)
    absent: tuple[str, ...] = ()
    codes: Mapping[str, str] = Field(default_factory=dict)
    states: Mapping[str, str] = Field(default_factory=dict)
    marks: Mapping[str, str] = Field(default_factory=dict)
    joined: Mapping[str, Annotated[str, Field(min_length=1, max_length=3)]] = Field(default_factory=dict)
    days: Literal["dashed", "slashed"] = "dashed"
    signing: Signing = Signing()
    search: Mapping[str, str] = Field(
        default_factory=lambda: {"decisionNumber": "decisionNumber", "authorityCode": "authorityCode"}
    )
    pages: Pages | None = None
    mask: Literal["none", "first", "last"] = "none"

    @field_validator("names", "joined")
    @classmethod
    def _members(cls, told: Mapping[str, str]) -> Mapping[str, str]:
        if unknown := sorted(set(told) - MEMBERS):
            raise ValueError(f"messages have no {', '.join(unknown)}")
        if len(set(told.values())) < len(told) and all(len(name) > 3 for name in told.values()):
            raise ValueError("two members have one name")
        return told

    @field_validator("search")
    @classmethod
    def _of_the_key(cls, search: Mapping[str, str]) -> Mapping[str, str]:
        if not search or set(search.values()) - {"decisionNumber", "authorityCode", "partyName"}:
            raise ValueError("a search is asked with decisionNumber, authorityCode or partyName")
        return search

    def path(self, action: Action, **about: str) -> str:
        """Where an action is asked for."""
        return self.paths.get(action, PATHS[action]).format(**about)


class Renamed(Dialect):
    """Messages in a portal's own names."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._theirs = dict(profile.names)
        self._ours = {theirs: ours for ours, theirs in profile.names.items()}
        self._marks = {ours: theirs for theirs, ours in profile.marks.items()}

    def outward(self, message: Any) -> Any:
        """A message in the portal's names and days, without what it does not take."""
        profile = self._profile
        if isinstance(message, dict):
            return {
                self._theirs.get(name, name): profile.joined[name].join(value)
                if name in profile.joined and isinstance(value, list)
                else self._marks.get(str(value), value)
                if name == "mark"
                else self.outward(value)
                for name, value in message.items()
                if name not in profile.absent
            }
        if isinstance(message, str) and profile.days == "slashed" and _DAY.fullmatch(message):
            return message.replace("-", "/")
        return message

    def inward(self, response: httpx.Response) -> httpx.Response:
        """An answer in the contract's names; what is no JSON stays, for the reader to judge."""
        return rewritten(response, self._read)

    def _read(self, told: Any, name: str = "") -> Any:
        if isinstance(told, dict):
            if name == "fieldErrors":
                return {self._ours.get(str(theirs), str(theirs)): value for theirs, value in told.items()}
            ours = {self._ours.get(str(theirs), str(theirs)): value for theirs, value in told.items()}
            return {one: self._read(value, one) for one, value in ours.items()}
        if isinstance(told, list):
            return [self._read(one, name) for one in told]
        if name == "marks":
            return self._profile.marks.get(str(told), told)
        if name in ("code", "state") and isinstance(told, str | int):
            words = self._profile.codes if name == "code" else self._profile.states
            return words.get(str(told), f"?{told}") if words else str(told)
        if isinstance(told, str) and self._profile.days == "slashed" and _SLASHED.fullmatch(told):
            return told.replace("/", "-")
        return told


def shows(displayed: str, sent: str, mask: str) -> bool:
    """Whether a name as a portal shows it is the one sent, by the way in which it masks names."""
    if mask == "none" or displayed == sent:
        return displayed == sent
    kept = sent[:1] if mask == "first" else sent[-1:]
    stars = "*" * (len(sent) - 1)
    return displayed == (kept + stars if mask == "first" else stars + kept)
