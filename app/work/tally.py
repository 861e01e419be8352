"""What the runs of this process have done since it was started, for whoever watches it from outside."""

from collections import Counter

from graphs.summarize import StepReport


class Tally:
    """Counts steps and tokens."""

    def __init__(self) -> None:
        self.steps = Counter(dict.fromkeys(("paid", "remembered", "failed", "skipped"), 0))
        self.tokens = Counter(dict.fromkeys(("prompt", "completion"), 0))

    def count(self, report: StepReport) -> None:
        """Count a step that has ended."""
        usage = report["usage"]
        if report["status"] == "succeeded":
            self.steps["paid" if usage["calls"] else "remembered"] += 1
        else:
            self.steps[report["status"]] += 1
        self.tokens["prompt"] += usage["prompt_tokens"]
        self.tokens["completion"] += usage["completion_tokens"]
