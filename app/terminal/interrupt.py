"""Ctrl-C: the first one ends a command within five seconds, the second at once."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any

from app.terminal.ending import INTERRUPTED

END_SECONDS = 4.5  # from the first Ctrl-C to the end at the latest


class Interrupt:
    """What Ctrl-C does to a command. `say` tells its user, once, that it has stopped."""

    def __init__(self, say: Callable[[], None]) -> None:
        self._say = say
        self._is_stopping = False
        self._has_said = False

    async def heed(self, work: Coroutine[Any, Any, int]) -> int:
        """Do a command's work, and return its exit code; at Ctrl-C it is cancelled, as by asyncio alone."""
        cancel = signal.getsignal(signal.SIGINT)
        if not callable(cancel):  # it is ignored, as in the background of a shell
            return await work

        def on_interrupt(number: int, frame: FrameType | None) -> None:
            if self._is_stopping:
                self._end()
            self._is_stopping = True
            # What was asked of a thread, or of a database that another process has locked, cannot be broken off, and
            # Python would wait for it. The ledger has what was paid, as after `kill -9`.
            timer = threading.Timer(END_SECONDS, self._end)
            timer.daemon = True
            timer.start()
            cancel(number, frame)

        signal.signal(signal.SIGINT, on_interrupt)
        try:
            return await work
        finally:
            if not self._is_stopping:
                signal.signal(signal.SIGINT, cancel)

    def tell(self) -> None:
        """Say that the command has stopped, unless that was said."""
        if not self._has_said:
            self._has_said = True
            self._say()

    def _end(self) -> None:
        self.tell()
        sys.stderr.flush()
        os._exit(INTERRUPTED)
