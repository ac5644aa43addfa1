"""Who gets the money of a refund, and the document that goes with it, as they are typed into a form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from gateway.foundation.screens import Choice, Field, Look
from gateway.rooms.refunds.proposals import DocumentInput, Payee
from gateway.rooms.refunds.states import DocumentKind
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


def document_fields(*, required: bool = False) -> Sequence[Field]:
    """A document: its kind, its number, its file. More of them are added where the refund stands."""
    choices = [Choice(one.value, one) for one in DocumentKind]
    later = [] if required else [Choice("", say("refunds.screen_later"))]
    return (
        Field("kind", say("refunds.screen_kind"), "choice", required=required, choices=[*later, *choices]),
        Field("reference", say("refunds.screen_reference"), required=required),
        Field("file", say("refunds.screen_file"), "file", required=required),
    )


def typed_documents(look: Look) -> Sequence[DocumentInput]:
    """The document, where one was given. Raises InvalidProblem where only a part of it was."""
    kind, reference, file = look.asked.get("kind", ""), look.asked.get("reference", ""), look.files.get("file")
    if not kind and not reference and file is None:
        return ()
    for one, given in zip(document_fields(), (kind, reference, file), strict=True):
        if not given:
            raise InvalidProblem(say("console.needed", field=one.label), field=one.name)
    assert file is not None, "it was asked for"
    media = "application/pdf" if file.content.startswith(b"%PDF") else "application/octet-stream"
    made = DocumentInput.model_construct(
        kind=DocumentKind(kind), reference=reference, digest=None, file=file.content, media_type=media
    )
    return (made,)


def wrong(error: ValidationError) -> InvalidProblem:
    """The first of what is wrong, with its field."""
    first = error.errors()[0]
    return InvalidProblem(reason_of(first), field=".".join(map(str, first["loc"])))
