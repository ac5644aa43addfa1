"""Messages to and from a platform: sealed, sent, judged, opened, answered. What they are about is the adapter's."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from gateway.adapters.nontax import fields
from gateway.adapters.nontax.cnnontax import frame as frames
from gateway.adapters.nontax.cnnontax import mapping
from gateway.adapters.nontax.cnnontax.settings import CnNonTaxSettings
from gateway.foundation.wire import FrameWire
from gateway.foundation.wire.frame import PassedOver
from gateway.ports.base import Incoming, Reply, UnreadableCallbackError
from gateway.ports.nontax import UnreadableNotice
from gateway.words.clock import Clock, day_of
from gateway.words.errors import ForgedCallbackError, RejectedError, UnusableError

_LONGEST_CALLBACK = 64 * 1024
_UNSIGNED_REFUSALS = frozenset({"19100", "19103"})  # no key that both sides know: their MAC is all zeros


class UnsignedRefusalError(UnusableError):
    """Somebody refuses our key without showing his own. Whoever it was, what we asked for may have been done."""


class Post:
    """Speaks the channel's dialect over its wire, under its token."""

    def __init__(self, settings: CnNonTaxSettings, wire: FrameWire, clock: Clock) -> None:
        self.dialect = settings.written
        self._settings = settings
        self._wire = wire
        self._clock = clock
        self._token = settings.token.get_secret_value().encode()
        wire.length = self.dialect.length
        wire.keep = settings.connection == "kept"
        wire.explain = self.misfit

    # --- what we ask -------------------------------------------------------------------------------------------------

    async def exchange(self, action: str, number: str, voucher: str, values: Mapping[str, Any]) -> frames.Letter:
        """Send one message and give the one that answers it: authentic, about ours, and of a kind that may answer.

        Raises RejectedError, before anything is sent, for what the platform's character set or contract cannot take.
        """
        if reason := fields.unencodable(values, self._settings.encoding):
            raise RejectedError(reason, "LOCAL-TEXT")
        if reason := frames.complaint(voucher, values):
            raise RejectedError(f"the request breaks the platform's contract: {reason}", "LOCAL-SCHEMA")
        asked = self._letter(number, voucher, values)
        letter = await self._wire.exchange(
            action, frames.seal(asked, self._token, self.dialect), self.judge(asked, number)
        )
        self._wire.passed_over(action, letter.passed)
        return letter

    def judge(self, asked: frames.Letter, number: str) -> Callable[[bytes], frames.Letter]:
        """Reads frames until one answers what we asked: authentic, from whom we asked, about this very message."""

        def judge(content: bytes) -> frames.Letter:
            try:
                frame = frames.split(content, self.dialect)
            except ValueError as error:
                if reason := self.misfit(content):
                    raise UnusableError(f"the answer is no frame: {error}: {reason}") from None
                raise PassedOver(f"no frame: {error}") from None
            genuine = frame.genuine(self._token)
            if not genuine and (frame.mac != frames.UNSIGNED or len(content) > _LONGEST_CALLBACK):
                raise PassedOver("its MAC is not that of our token")
            try:
                letter = frames.open_letter(frame)
            except UnusableError as error:
                raise PassedOver(str(error)) from None
            if (letter.sender, letter.receiver) != (asked.receiver, asked.sender):
                raise PassedOver(f"from {letter.sender} to {letter.receiver}")
            if letter.answers != asked.id:
                raise PassedOver(f"message {letter.number} about {letter.answers or 'no message'}, not about ours")
            if not genuine:
                code, words = letter.values.get("Result", ""), letter.values.get("Information", "")
                refused = f"an unsigned refusal {code} {words}" if code in _UNSIGNED_REFUSALS else "an unsigned answer"
                raise UnsignedRefusalError(refused)
            if (letter.number, letter.voucher) not in {("5001", "Reply"), ("5997", "BillState")}:
                raise UnusableError(f"message {letter.number} with {letter.voucher} is not an answer")
            if letter.voucher == "BillState" and number != "8997":
                raise UnusableError(f"message {number} was answered with a bill")
            if letter.voucher == "Reply" and letter.values.get("OriMsgNo", number) != number:
                raise UnusableError(f"message {number} was answered as if it were {letter.values['OriMsgNo']}")
            return letter

        return judge

    # --- what we are told ---------------------------------------------------------------------------------------------

    def opened(self, incoming: Incoming) -> tuple[frames.Frame, frames.Letter]:
        """A message that begins an exchange, once it has shown that it is the platform's, and of these days.

        Raises ForgedCallbackError, and UnreadableCallbackError for an authentic one.
        """
        if len(incoming.body) > _LONGEST_CALLBACK:
            raise ForgedCallbackError(f"a callback of {len(incoming.body)} bytes")
        try:
            frame = frames.split(incoming.body, self.dialect)
        except ValueError as error:
            reason = self.misfit(incoming.body)
            raise ForgedCallbackError(f"no frame: {error}" + (f": {reason}" if reason else "")) from None
        if not frame.genuine(self._token):
            raise ForgedCallbackError("the MAC is not that of our token")
        try:
            letter = frames.open_letter(frame)
        except UnusableError as error:
            raise self.unreadable(frame, error) from None
        if (letter.sender, letter.receiver) != (self._settings.platform_node, self._settings.node_code):
            raise ForgedCallbackError(f"a message from {letter.sender} to {letter.receiver}")
        today = day_of(self._clock.now())
        if abs(letter.work_date - today) > timedelta(days=self._settings.work_days_apart):
            raise ForgedCallbackError(f"a message of the working day {letter.work_date}, today is {today}")
        return frame, letter

    def reply(self, status: int, number: str, id_: str, result: str, information: str = "") -> Reply:
        """Our 8001 about the message of this number and id, with a result of the contract's table."""
        told = mapping.reply(number, result, information)
        if fields.unencodable(told, self._settings.encoding):
            told = mapping.reply(number, result)
        letter = self._letter("8001", "Reply", told, answers=id_)
        return Reply(status, frames.seal(letter, self._token, self.dialect), "application/octet-stream")

    def unreadable(self, frame: frames.Frame, why: Exception) -> UnreadableCallbackError:
        """An authentic message that cannot be read: what it may be about, and our no in the platform's own words."""
        code = frames.hint(frame)
        about = None if code is None else UnreadableNotice(code=code)
        return UnreadableCallbackError(str(why), about=about, refuse=self._refusal(frame, str(why)))

    def _refusal(self, frame: frames.Frame, why: str) -> Reply | None:
        """Our no to an authentic message, in the platform's own words; None where it does not even tell its number."""
        found = re.search(rb"<MsgID>\s*([0-9A-Za-z]{1,32})\s*</MsgID>", frame.xml)
        return None if found is None else self.reply(400, frame.number, found[1].decode(), "19200", why[:200])

    def is_pushed(self, content: bytes) -> bool:
        """Whether a frame is a message that begins an exchange; what it is worth is judged by ``open_callback``."""
        try:
            return frames.split(content, self.dialect).number == "5996"
        except ValueError:
            return False

    def misfit(self, content: bytes) -> str | None:
        """Which setting does not fit a frame that cannot be read, as a sentence."""
        return frames.misfit(content, self.dialect)

    def _letter(self, number: str, voucher: str, values: Mapping[str, Any], answers: str = "") -> frames.Letter:
        return frames.Letter(
            number=number,
            sender=self._settings.node_code,
            receiver=self._settings.platform_node,
            id=secrets.token_hex(16).upper(),
            answers=answers,
            work_date=day_of(self._clock.now()),
            voucher=voucher,
            values=values,
        )
