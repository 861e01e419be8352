"""The summaries that language models are writing at this moment, for those who watch: in the memory of this process
alone. What comes of them is told by events and kept; if they are lost, nothing is.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from graphs.summarize import StepReport, Writing


class Drafts:
    """What is being written, by run and step."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, Writing]] = {}

    @contextmanager
    def open(self, run_id: str) -> Iterator[None]:
        """Take in what is written for a run while it is driven."""
        self._of[run_id] = {}
        try:
            yield
        finally:
            del self._of[run_id]

    def begin(self, run_id: str, writing: Writing) -> None:
        """Show a writing instead of the one before; not of a run that is over, whose call goes on for another one."""
        if run_id in self._of:
            self._of[run_id][writing.step] = writing

    def ended(self, run_id: str, report: StepReport) -> None:
        """Forget the writing of a document's summary that is there: an event tells it. That of a batch comes with the
        run's end.
        """
        if report["status"] == "succeeded" and report["document"] is not None:
            self._of.get(run_id, {}).pop(report["step"], None)

    def of(self, run_id: str) -> Mapping[str, Writing]:
        """Return what is being written for a run, by step; empty when it is not driven here."""
        return self._of.get(run_id, {})
