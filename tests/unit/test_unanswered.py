"""A question that failed is told in one way for every kind of system, with that system's own types."""

from __future__ import annotations

import pytest

from gateway.foundation.unanswered import Unanswered
from gateway.words.errors import (
    BusyError,
    ContractError,
    DeniedError,
    ExchangeError,
    InvalidProblem,
    NotSentError,
    OutcomeUnknownError,
    RejectedError,
    UnsupportedError,
    UnusableError,
)

SEALS = Unanswered(
    system="the seal service",
    rejected="rejected-by-seal-service",
    busy="seal-service-busy",
    broken="seal-service-answer-broken",
    unreachable="seal-service-unreachable",
    later="Later.",
)
REGISTRY = Unanswered(
    system="the registry",
    rejected="rejected-by-registry",
    busy="registry-busy",
    broken="registry-answer-broken",
    unreachable="registry-unreachable",
    later="Later.",
    denied="registry-denied",
    not_offered="not-offered",
    instead="Ask otherwise.",
)


@pytest.mark.parametrize(
    ("error", "of_seals", "of_registry"),
    [
        (BusyError("x", retry_after=2.5), "seal-service-busy", "registry-busy"),
        (ContractError("x"), "seal-service-answer-broken", "registry-answer-broken"),
        (UnusableError("x"), "seal-service-answer-broken", "registry-answer-broken"),
        (DeniedError("x"), "seal-service-unreachable", "registry-denied"),
        (UnsupportedError("x"), "seal-service-unreachable", "not-offered"),
        (NotSentError("x"), "seal-service-unreachable", "registry-unreachable"),
        (OutcomeUnknownError("x"), "seal-service-unreachable", "registry-unreachable"),
    ],
)
def test_each_failure_has_one_type_a_system(error: ExchangeError, of_seals: str, of_registry: str) -> None:
    found = [SEALS.problem(error), REGISTRY.problem(error)]
    assert [(one.type, one.status) for one in found] == [(of_seals, 503), (of_registry, 503)]
    assert all(one.cure for one in found)


def test_a_no_is_told_in_the_systems_own_words_and_busy_says_when() -> None:
    told = REGISTRY.problem(RejectedError("没有权限查询", "E7"))
    assert isinstance(told, InvalidProblem)
    assert (told.type, told.status, told.detail) == ("rejected-by-registry", 422, "没有权限查询")
    busy = SEALS.problem(BusyError("x", retry_after=2.5))
    assert busy.extra["retry_after"] == 3
