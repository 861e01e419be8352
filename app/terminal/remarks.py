"""What is said on standard error, beside the result."""

import logging
import os
import re

from rich.console import Console
from rich.markup import escape

from app.terminal.showing import clean

_NUMBER = re.compile(r"\d+")

errors = Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """Print a remark; where nobody looks on, each is one line."""
    errors.print(clean(text), soft_wrap=not errors.is_terminal)


class _Repeat(logging.Handler):
    """Says what the log says, each thing once and without its trace: why a run waits, for example."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Say a record's message."""
        text = record.getMessage().partition("\n")[0]
        kind = _NUMBER.sub("#", text)
        if kind not in self._said:
            self._said.add(kind)
            say(f"[yellow]precis:[/] {escape(text)}")


def repeat_log() -> None:
    """Let the log of what this process drives be said; with PRECIS_LOG_LEVEL=debug, all of it is shown as it is."""
    if os.environ.get("PRECIS_LOG_LEVEL") == "debug":
        logging.basicConfig(level=logging.DEBUG)
    else:
        logging.getLogger().addHandler(_Repeat())
