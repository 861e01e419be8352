"""What a step brings: an answer, what its numbers mean, and a bill."""

from dataclasses import dataclass, field
from typing import NamedTuple

from graphs.models.calls import Answer
from graphs.models.spending import Bill
from graphs.summarize.state import Cited, Usage, usage_of


class Written(NamedTuple):
    """An answer, and what its numbers mean."""

    answer: Answer
    cites: list[Cited]


@dataclass(slots=True)
class Tally:
    """What the calls of one step cost."""

    bill: Bill = field(default_factory=Bill)
    remembered: int = 0

    @property
    def usage(self) -> Usage:
        """The bill, as the run adds it up."""
        return usage_of(self.bill, self.remembered)
