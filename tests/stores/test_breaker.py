"""The circuit breaker, on a clock that is set by hand."""

import logging

import pytest

from proxy.stores.breaker import FAILURES, PAUSE, Breaker
from tests.support.identity import Clock


def opened() -> tuple[Breaker, Clock, list[str]]:
    states: list[str] = []
    clock = Clock()
    breaker = Breaker(clock, states.append)
    for _ in range(FAILURES):
        assert breaker.allows()
        breaker.failed("gone")
    return breaker, clock, states


def test_it_opens_after_failures_in_a_row_only() -> None:
    states: list[str] = []
    breaker = Breaker(Clock(), states.append)
    for _ in range(5):
        for _ in range(FAILURES - 1):
            breaker.failed("slow")
        breaker.succeeded()
    assert not breaker.open
    assert states == []
    assert opened()[0].open


def test_while_open_one_tries_now_and_then() -> None:
    breaker, clock, _ = opened()
    for _ in range(3):
        assert not breaker.allows()
        clock.now += PAUSE
        assert breaker.allows()  # and it fails, or is cancelled and says nothing
        assert not breaker.allows()
    assert breaker.open_for() == pytest.approx(3 * PAUSE)
    breaker.succeeded()
    assert breaker.open_for() == 0.0
    assert all(breaker.allows() for _ in range(10))


def test_one_line_per_change_of_state(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    breaker, _, states = opened()
    for _ in range(1000):
        breaker.failed("gone")
    for _ in range(1000):
        breaker.succeeded()
    assert states == ["open", "closed"]
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "the store is lost: gone; the policy's failure.store_lost holds"),
        ("WARNING", "the store answers again"),
    ]
