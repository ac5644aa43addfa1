"""Who gets the money of a refund, as it is typed into a form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from gateway.foundation.screens import Field
from gateway.rooms.refunds.proposals import Payee
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say
from gateway.words.wrong import reason_of


def payee_fields(*, required: bool = False) -> Sequence[Field]:
    """Name, account and bank."""
    return (
        Field("name", say("refunds.screen_payee_name"), required=required),
        Field("account", say("refunds.screen_account"), required=required),
        Field("bank", say("refunds.screen_bank"), required=required),
    )


def typed_payee(asked: Mapping[str, str]) -> Payee | None:
    """Who is named; None where nothing was typed. Raises InvalidProblem, with the field."""
    told = {one.name: asked.get(one.name, "") for one in payee_fields()}
    if not any(told.values()):
        return None
    try:
        return Payee.model_validate(told)
    except ValidationError as error:
        raise wrong(error) from None


def wrong(error: ValidationError) -> InvalidProblem:
    """The first of what is wrong, with its field."""
    first = error.errors()[0]
    return InvalidProblem(reason_of(first), field=".".join(map(str, first["loc"])))
