"""The conformance suite of the port ``TimeStampService``."""

from __future__ import annotations

import hashlib
import secrets
from typing import ClassVar

from gateway.ports.timestamp import StampRequest, TimeStamp, TimeStampService
from gateway.testing.bench import Bench
from gateway.testing.conformance import Conformance, Trial, answered, declared, fails
from gateway.words.errors import ContractError


class TimeStampBench(Bench):
    """A time stamp adapter at work. Its service knows the digest ``sha256``.

    ``fault`` takes "wrong_code" for a stamp over another digest, and "unknown_status" for one with another nonce.
    """

    adapter: TimeStampService


class TimeStampConformance(Conformance):
    """What every adapter of a time stamp service 时间戳服务 promises."""

    methods: ClassVar[tuple[str, ...]] = ("stamp",)
    primary: ClassVar[str] = "stamp"

    async def trial(self, bench: TimeStampBench, method: str) -> Trial:
        """One digest, ready to be stamped."""
        request = self.request()
        return Trial(method, lambda: bench.adapter.stamp(request))

    def request(self) -> StampRequest:
        """A digest of something new."""
        return StampRequest(digest=hashlib.sha256(secrets.token_bytes(16)).digest(), nonce=secrets.randbits(63) | 1)

    async def test_a_stamp_holds_the_digest_that_was_asked_for_and_a_time(self, bench: TimeStampBench) -> None:
        declared(bench, "stamp")
        request = self.request()
        stamp = await answered(bench.adapter.stamp(request), "stamp")
        assert isinstance(stamp, TimeStamp), f"stamp: {stamp!r}"
        assert request.digest in stamp.token, "stamp: the token does not hold the digest"
        assert stamp.at.utcoffset() is not None, "stamp: a time without its zone"

    async def test_a_stamp_over_something_else_is_noticed(self, bench: TimeStampBench) -> None:
        """Nobody after the adapter knows what was asked."""
        declared(bench, "stamp")
        for kind, when in (("wrong_code", "over another digest"), ("unknown_status", "with another nonce")):
            await bench.fault(kind, "stamp")  # type: ignore[arg-type]
            await fails(bench.adapter.stamp(self.request()), ContractError, f"stamp, answered by one {when}")
            await bench.clear()
