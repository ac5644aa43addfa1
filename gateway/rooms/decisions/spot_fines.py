"""Up to which fine a decision is made on the spot 当场处罚 by the simple procedure 简易程序. Pure."""

from __future__ import annotations

from gateway.rooms.decisions.facts import DecisionFacts
from gateway.rooms.decisions.party import PartyKind, Warned
from gateway.words.law import Matter, said
from gateway.words.money import format_yuan
from gateway.words.saying import say
from gateway.words.terms import Terms


def over_spot_limit(facts: DecisionFacts, terms: Terms) -> tuple[Warned, ...]:
    """A warning where a decision by the simple procedure has a higher fine than its row of the law allows: 行政处罚法
    art. 51, 治安管理处罚法 art. 119. Only a warning: the decision is made, and its money must be collected.

    An individual business 个体工商户 is held to the lower limit, that of a person; the sentence says that this is to be
    confirmed, as long as the row does.
    """
    if facts.procedure != "simple" or facts.fine is None:
        return ()
    organisation = facts.party.kind is PartyKind.ORGANISATION
    matter = Matter.SPOT_FINE_ORGANISATION if organisation else Matter.SPOT_FINE_PERSON
    row = terms.rule(matter, facts.decided_on, facts.field_of_law)
    if facts.fine <= row.fen:
        return ()
    return (Warned("fine", say("decisions.warn_spot_fine", fine=format_yuan(facts.fine), limit=said(row))),)
