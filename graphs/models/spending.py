"""What a run pays, and what it may: the bill of each call, the budget of a run."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from graphs.models.failures import BudgetSpent


@dataclass(slots=True)
class Bill:
    """What the provider has been paid for, also for answers that could not be used."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: int = 0  # of the calls: tokens not stated by the provider, but estimated from the length of the text
    usd: float | None = 0.0  # None: the price is not known
    whole: "Bill | None" = field(default=None, compare=False, repr=False)  # which this one is a part of

    def add(self, other: "Bill") -> None:
        """Add another bill to this one, and to the whole that it is a part of."""
        self.calls += other.calls
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.estimated += other.estimated
        self.usd = None if self.usd is None or other.usd is None else self.usd + other.usd
        if self.whole is not None:
            self.whole.add(other)

    def since(self, earlier: "Bill") -> "Bill":
        """Return what has been added since an earlier state of this bill."""
        usd = None if self.usd is None or earlier.usd is None else self.usd - earlier.usd
        return Bill(
            self.calls - earlier.calls,
            self.prompt_tokens - earlier.prompt_tokens,
            self.completion_tokens - earlier.completion_tokens,
            self.estimated - earlier.estimated,
            usd,
        )


@dataclass(frozen=True, slots=True)
class Bound:
    """What a call, or all of them, costs at most."""

    calls: int = 0
    tokens: int = 0  # prompt and answer
    usd: float = 0.0

    def __add__(self, other: "Bound") -> "Bound":
        return Bound(self.calls + other.calls, self.tokens + other.tokens, self.usd + other.usd)

    def __sub__(self, other: "Bound") -> "Bound":
        return Bound(self.calls - other.calls, self.tokens - other.tokens, self.usd - other.usd)

    def fits(self, calls: int | None, tokens: int | None, usd: float | None) -> bool:
        """Whether it is within limits; None is no limit."""
        return (
            (calls is None or self.calls <= calls)
            and (tokens is None or self.tokens <= tokens)
            and (usd is None or self.usd <= usd + 1e-9)
        )


NOTHING = Bound()


@dataclass(slots=True)
class Spending:
    """A run's budget. What its merges may cost is held back from the maps, so that what was paid for maps always
    becomes a summary.
    """

    calls: int | None = None
    tokens: int | None = None
    usd: float | None = None
    spent: Bound = NOTHING
    promised: Bound = NOTHING  # to calls under way
    held_back: Bound = NOTHING  # for merges to come
    _under_way: int = 0  # calls
    _held: dict[str, Bound] = field(default_factory=dict)  # of what is held back, by the merge's step
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit at all."""
        return (self.calls, self.tokens, self.usd) != (None, None, None)

    def hold_back(self, merges: Mapping[str, Bound]) -> None:
        """Keep back what merges to come may cost, by the ids of their steps."""
        self._held = dict(merges)
        self.held_back = sum(merges.values(), start=NOTHING)

    async def promise(self, bound: Bound, step: str = "") -> None:
        """Set aside what a call costs at most; what was held back for its step is there for it.

        Waits while only calls under way stand against it: most of them cost less than they may. Raises `BudgetSpent`.
        """
        while not self._fits(self.promised + self._needed(bound, step)):
            if not self._under_way or not self._fits(self._needed(bound, step)):
                raise BudgetSpent
            freed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(freed)
            await freed
        self.forgo(step)
        self.promised += bound
        self._under_way += 1

    def settle(self, bound: Bound, paid: Bill) -> None:
        """Replace what was set aside by what was paid."""
        self.promised -= bound
        self._under_way -= 1
        self.spent += Bound(paid.calls, paid.prompt_tokens + paid.completion_tokens, paid.usd or 0.0)
        self._wake()

    def forgo(self, step: str) -> None:
        """Free what was held back for a merge: it is being made, or need not be. Again is harmless."""
        held = self._held.pop(step, None)
        if held is not None:
            self.held_back -= held
            self._wake()

    def _needed(self, bound: Bound, step: str) -> Bound:
        return self.spent + self.held_back - self._held.get(step, NOTHING) + bound

    def _fits(self, total: Bound) -> bool:
        return total.fits(self.calls, self.tokens, self.usd)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for freed in waiting:
            if not freed.done():  # it was cancelled
                freed.set_result(None)
