"""The settings of a channel whose platform speaks in frames: who, and how a province writes."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from gateway.adapters.nontax import fields
from gateway.adapters.nontax.cnnontax import frame as frames
from gateway.foundation.wire.frame import Length
from gateway.foundation.wire.listening import ListenSettings

Node = Annotated[str, Field(pattern=r"^(F[0-9]{6}|K[0-9]{10})$")]
MessageNumber = Annotated[str, Field(pattern=r"^[0-9A-Z]{4}$")]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]{0,39}$")]
Line = Annotated[str, Field(max_length=200)]


class FrameSettings(BaseModel):
    """``frame`` of a channel: what stands before and behind the XML where a platform differs from the published frame.

    ``length_digits``: characters of the length; ``length_align`` and ``length_pad``: how its number stands in them;
    ``length_counts_itself``: whether it counts them too. ``application`` and ``version`` follow it. ``mac``: whether it
    stands ``after`` or ``before`` the XML.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    length_digits: Annotated[int, Field(ge=4, le=10)] = 8
    length_align: Literal["left", "right"] = "left"
    length_pad: Literal[" ", "0"] = " "
    length_counts_itself: bool = True
    application: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{2,19}$")] = "CNNONTAX"
    version: Annotated[str, Field(pattern=r"^[0-9.]{1,8}$")] = "1.0"
    mac: Literal["after", "before"] = "after"

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.length_pad == "0" and self.length_align == "left":
            raise ValueError('length_pad = "0" goes with length_align = "right"')
        return self

    @property
    def length(self) -> Length:
        """How the length is written."""
        return Length(self.length_digits, self.length_align, self.length_pad, self.length_counts_itself)


class CnNonTaxSettings(fields.CodeSettings, ListenSettings):
    """Settings of one ``nontax.cnnontax`` channel.

    ``token`` is the secret in every MAC; ``node_code`` is the unit's node (K…), ``platform_node`` the platform's (F…).
    ``…_message`` are the numbers of messages for which no published source gives one, or that differ locally.
    ``work_days_apart`` is how far a message's working day may be from ours. ``issuing`` and ``code_pattern`` say who
    makes the payment code and its local layout beyond 20 digits.

    ``dialect``: how we write, the ``contract``'s own way or as a province ``published`` it; both are read. ``left_out``
    are fields that bills are not written with, ``bill_fields`` further ones with a fixed value (receiver, operator).
    ``encoding``: of the vouchers that we write. ``frame``: see ``FrameSettings``. ``results``: local result codes and
    what each means. ``connection``: a new one for ``each`` exchange, or ``kept``.
    ``repeat_for_address``: a bill whose address was lost with an answer is sent again to have it, which the contract
    says has no other effect. ``ask_after``: seconds until it is asked about a bill that was taken and has no code yet.
    ``listen…``: see ``ListenSettings``.
    """

    token: SecretStr
    node_code: Node
    platform_node: Node
    void_message: MessageNumber = "8994"
    refund_message: MessageNumber = "RFD1"
    refund_query_message: MessageNumber = "RFD2"
    statement_message: MessageNumber = "STM1"
    work_days_apart: Annotated[int, Field(ge=0, le=10)] = 1
    dialect: Literal["contract", "published"] = "contract"
    left_out: tuple[FieldName, ...] | None = None
    bill_fields: dict[FieldName, Line] = Field(default_factory=dict)
    encoding: Literal["gbk", "gb18030"] = "gbk"
    frame: FrameSettings = FrameSettings()
    results: dict[Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,10}$")], fields.Effect] = Field(default_factory=dict)
    connection: Literal["each", "kept"] = "each"
    repeat_for_address: bool = True
    ask_after: Annotated[float, Field(gt=0, le=24 * 3600)] = 30.0

    @model_validator(mode="after")
    def _can_be_asked_about(self) -> Self:
        if "PayNo" in self.written.left_out and self.issuing == "platform":
            raise ValueError(
                "bills without PayNo whose code the platform makes could not be asked about after a lost answer: "
                'set issuing = "unit" or "range", or left_out without PayNo'
            )
        return self

    @property
    def written(self) -> frames.Dialect:
        """The dialect that we write."""
        published, frame = self.dialect == "published", self.frame
        left_out = self.left_out if self.left_out is not None else ("PayNo", "SetYear") if published else ()
        return frames.Dialect(
            length=frame.length,
            application=frame.application,
            version=frame.version,
            mac=frame.mac,
            encoding=self.encoding,
            root="voucher" if published else "kind",
            declared=not published,
            refers_to_itself=published,
            ordered=published,
            left_out=frozenset(left_out),
            added=self.bill_fields,
        )
