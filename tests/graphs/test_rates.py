"""Requests and tokens per minute: never more than stated in any minute, and as providers state them."""

import itertools
import random
from collections.abc import Sequence

import pytest

from graphs.models.rates import Bucket, duration_seconds, stated_bucket


class Clock:
    """Monotonic time that passes when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def taken(bucket: Bucket, sizes: Sequence[float], clock: Clock) -> list[tuple[float, float]]:
    """Take each size as early as the bucket lets it."""
    done = []
    for size in sizes:
        while (wait_seconds := bucket.wait_seconds(size)) > 0:
            clock.now += wait_seconds
        bucket.take(size)
        done.append((clock.now, size))
    return done


def most_in_a_minute(done: list[tuple[float, float]]) -> float:
    return max(sum(size for at, size in done if start <= at < start + 60 - 1e-6) for start, _ in done)


@pytest.mark.parametrize("per_minute", [1, 2, 3, 7, 60, 500])
def test_no_minute_sees_more_requests_than_stated(per_minute: int, clock: Clock) -> None:
    done = taken(Bucket.of(per_minute), [1] * per_minute * 4, clock)
    assert most_in_a_minute(done) <= per_minute
    minutes = (done[-1][0] - done[0][0]) / 60
    assert minutes <= 4 / 0.45 + 3  # nor far less


@pytest.mark.parametrize("seed", range(8))
def test_no_minute_sees_more_tokens_than_stated_however_large_the_calls_are(seed: int, clock: Clock) -> None:
    rng = random.Random(seed)
    per_minute = 30_000
    sizes = [rng.choice([50, 800, 2_900, 4_900, 8_900, 15_000, 30_000]) for _ in range(80)]
    bucket, done = Bucket.of(per_minute), list[tuple[float, float]]()
    for size in sizes:
        done += taken(bucket, [size], clock)
        clock.now += rng.choice([0, 0, 0, 1, 30, 100])
    assert most_in_a_minute(done) <= per_minute


@pytest.mark.parametrize("seed", range(200))
def test_whatever_the_clock_shows_a_wait_comes_to_its_end(seed: int, clock: Clock) -> None:
    rng = random.Random(seed)
    clock.now += rng.random() * 1e5
    bucket = Bucket.of(30_000)
    for size in (rng.choice([2_900, 4_900, 8_900, 15_000, 30_000]) for _ in range(80)):
        waits = 0
        while (wait_seconds := bucket.wait_seconds(size)) > 0:
            clock.now += wait_seconds
            waits += 1
            assert waits < 10
        bucket.take(size)
        clock.now += rng.random()


def test_calls_of_one_size_that_the_bucket_cannot_hold_keep_to_the_minute_too(clock: Clock) -> None:
    done = taken(Bucket.of(30_000), [8_900] * 20, clock)
    assert most_in_a_minute(done) <= 30_000


def test_what_is_more_than_a_minutes_goes_alone(clock: Clock) -> None:
    done = taken(Bucket.of(1_000), [100, 5_000, 100, 5_000], clock)
    assert most_in_a_minute(done) <= 5_000
    assert all(later - earlier >= 59.9 for (earlier, _), (later, _) in itertools.pairwise(done))


def stated(limit: object, remaining: object, reset: object, kind: str = "requests") -> dict[str, str]:
    return {
        f"x-ratelimit-limit-{kind}": str(limit),
        f"x-ratelimit-remaining-{kind}": str(remaining),
        f"x-ratelimit-reset-{kind}": str(reset),
    }


def test_a_provider_that_has_none_left_is_left_alone(clock: Clock) -> None:
    bucket = stated_bucket(stated(500, 0, "1m0s"), "requests", None)
    assert bucket is not None
    assert bucket.per_minute == pytest.approx(500)
    assert 0 < bucket.wait_seconds(1) <= 60 / 500 + 1e-6
    daily = stated_bucket(stated(14_400, 0, "24h0m0s"), "requests", None)
    assert daily is not None
    assert daily.wait_seconds(1) == pytest.approx(6)


def test_what_comes_back_all_at_once_is_believed(clock: Clock) -> None:
    """Some providers count by the clock's minutes: after 59 s one is left, after 61 s all of them are."""
    bucket = stated_bucket(stated(100, 1, "1s"), "requests", None, in_flight=1)
    assert bucket is not None
    bucket.take(1)
    clock.now += 2
    bucket = stated_bucket(stated(100, 99, "59s"), "requests", bucket, in_flight=1)
    assert bucket is not None
    for _ in range(98):
        assert bucket.wait_seconds(1) == 0
        bucket.take(1)
    assert bucket.wait_seconds(1) > 0


def test_what_is_in_flight_may_not_have_been_counted_yet(clock: Clock) -> None:
    bucket = Bucket(100, 1.0, 10)
    changed = stated_bucket(stated(100, 50, "30s"), "requests", bucket, in_flight=30)
    assert changed is bucket
    assert bucket.level == 20
    stated_bucket(stated(100, 15, "30s"), "requests", bucket, in_flight=30)
    assert bucket.level == 15


@pytest.mark.parametrize(
    "headers",
    [
        {},
        stated("", "", ""),
        stated("many", "some", "soon"),
        stated("nan", "nan", "nan"),
        stated("inf", "inf", "inf"),
        stated(-5, -1, "-3s"),
        stated(0, 0, "0s"),
        {"x-ratelimit-limit-requests": "500"},
        {"x-ratelimit-remaining-requests": "0"},
    ],
)
def test_headers_that_make_no_sense_change_nothing(headers: dict[str, str]) -> None:
    assert stated_bucket(headers, "requests", None) is None
    bucket = Bucket.of(60)
    assert stated_bucket(headers, "requests", bucket) is bucket
    assert bucket.per_minute == Bucket.of(60).per_minute


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("6m0s", 360), ("120ms", 0.12), ("1.5", 1.5), ("1h2m3.5s", 3_723.5), ("0s", 0), (" 7.66s ", 7.66)],
)
def test_durations_are_read_as_providers_write_them(text: str, seconds: float) -> None:
    assert duration_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "-5s", "5s later", "1 2", "5x", "nan", "inf"])
def test_other_durations_are_none(text: str) -> None:
    assert duration_seconds(text) is None
