"""Every outcome has a verdict, and waiting is bounded, jittered and polite."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from generation import retry
from generation.kinds import Outcome
from generation.retry import Action

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_every_outcome_has_a_verdict() -> None:
    assert set(retry.VERDICTS) == set(Outcome)


def test_only_permanent_errors_are_dead_at_once() -> None:
    dead = {outcome for outcome in Outcome if retry.verdict(outcome).action is Action.DEAD}
    assert dead == {
        Outcome.BAD_REQUEST,
        Outcome.CONTEXT_TOO_LONG,
        Outcome.NOT_FOUND,
        Outcome.WILL_NOT_FIT,
    }


@pytest.mark.parametrize("outcome", list(Outcome))
def test_endpoint_faults_never_exhaust_a_request(outcome: Outcome) -> None:
    late = retry.verdict(outcome, n_attempts=1000)
    if retry.verdict(outcome).is_endpoint_fault:
        assert late.action is Action.RETRY
    if late.uses_attempt:
        assert late.action is Action.DEAD


def test_last_attempt_but_one_is_still_retried() -> None:
    assert retry.verdict(Outcome.RESET, n_attempts=retry.MAX_ATTEMPTS - 1).action is Action.RETRY
    assert retry.verdict(Outcome.RESET, n_attempts=retry.MAX_ATTEMPTS).action is Action.DEAD


def test_delay_is_full_jitter_under_a_doubling_ceiling() -> None:
    rng = random.Random(1)
    for attempt, ceiling in ((1, 1), (2, 2), (5, 16), (9, 256), (10, 300), (10_000, 300)):
        delays = [retry.delay_s(attempt, rng) for _ in range(2000)]
        assert 0 <= min(delays) < 0.02 * ceiling
        assert 0.98 * ceiling < max(delays) <= ceiling
        assert sum(delays) / len(delays) == pytest.approx(ceiling / 2, rel=0.06)


def test_servers_wish_is_the_least_wait() -> None:
    verdict = retry.verdict(Outcome.RATE_LIMITED, retry_after_s=30)
    waits = [retry.wait_s(verdict, attempt=1, rng=random.Random(seed)) for seed in range(100)]
    assert 30 <= min(waits) < max(waits) <= 35


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("17", 17),
        (" 1.5 ", 1.5),
        ("0", 0),
        ("Mon, 23 Nov 2026 12:02:00 GMT", 120),
        ("Mon, 23 Nov 2026 12:02:00", 120),
        ("Mon, 23 Nov 2026 11:00:00 GMT", None),
        ("999999", retry.MAX_RETRY_AFTER_S),
        ("-3", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry.parse_retry_after(value, now=NOW) == seconds
