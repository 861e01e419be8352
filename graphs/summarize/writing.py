"""A summary while a language model writes it: for those who watch, and never kept. What is kept is the whole answer,
when it has come and can be used.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from graphs.evidence.marks import text_so_far
from graphs.models.failures import AnswerUnusable, Overloaded
from graphs.models.streaming import Hear, said_so_far
from graphs.summarize.prompts import NOTHING_RELEVANT
from graphs.summarize.state import Step

MOST_CHARACTERS = 100_000  # that are shown of one, with thoughts and marks: no summary is as long


class Writing:
    """What a model has written so far of the summary that a step makes."""

    def __init__(self, step: str, document: str | None) -> None:
        self.step = step
        self.document = document  # None: it is of the whole batch
        self._pieces: list[str] = []
        self._characters = 0
        self._shown = (0, "")  # of how many pieces, and the text that they made

    def hear(self, piece: str) -> None:
        """Take in what has come."""
        if self._characters < MOST_CHARACTERS:
            self._pieces.append(piece)
            self._characters += len(piece)

    def drop(self) -> None:
        """Forget it: nothing will come of it."""
        self._pieces, self._shown = [], (0, "")

    @property
    def text(self) -> str:
        """The text so far, as Markdown: without thoughts and marks, and without what may become one."""
        count = len(self._pieces)
        if count != self._shown[0]:
            text = text_so_far(said_so_far(self._pieces)).lstrip()
            is_open = NOTHING_RELEVANT.startswith(text.strip(" \n.\"'*").upper())  # whether that is all it will say
            self._shown = count, "" if is_open else text
        return self._shown[1]


Show = Callable[[Writing], None]  # is handed each writing when it begins


class Pen:
    """Writes the summary of one step for those who watch, as often as it is asked for."""

    def __init__(self, step: Step, show: Show) -> None:
        self._step = step
        self._show = show
        self._streams = True

    @contextmanager
    def writing(self) -> Iterator[Hear | None]:
        """Begin anew, and drop what was written if nothing comes of it; None: let it come as a whole.

        What broke off is not streamed again: something on the way may let no stream through. Nor is the second of two
        calls that race, of which one is shown.
        """
        if not self._streams:
            yield None
            return
        self._streams = False
        writing = Writing(self._step["id"], self._step["document"])
        self._show(writing)
        try:
            yield writing.hear
        except BaseException as error:
            writing.drop()
            self._streams = isinstance(error, AnswerUnusable | Overloaded)
            raise
        self._streams = True
