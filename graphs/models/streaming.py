"""A chat completion that comes in pieces, as server-sent events: heard while it is written, and put together into the
completion that would have come as a whole, so that both are judged alike.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from graphs.models.failures import AnswerMalformed, Transient

Hear = Callable[[str], None]  # is told each piece of an answer's text, with its thoughts and its marks

EVENT_STREAM = "text/event-stream"
STREAMING = {"stream": True, "stream_options": {"include_usage": True}}  # what a request says to be answered so
ANSWER_BYTES = 4 * 1024 * 1024  # of one answer; the longest summary is a hundredth of it
STREAM_BYTES = 8 * ANSWER_BYTES  # of one that comes in pieces: each piece says all about itself anew
THINK = "<think>"
_TAG_END = "think>"  # of the one that closes, too
# Each search ends at the next <think>: without that, a text of many would take time by the square of its length.
_THINKING = re.compile(r"<think>(?:(?!<think>).)*?</think>\s*|^.*?</think>\s*|^\s*<think>.*", re.DOTALL)


class Pieces:
    """One completion, as far as it has come."""

    def __init__(self, hear: Hear | None = None) -> None:
        self.is_done = False  # the server has said so
        self._hear = hear
        self._line = b""  # that has not come to its end
        self._received = 0  # bytes
        self._said: dict[str, list[str]] = {"content": [], "refusal": []}
        self._bytes = 0  # of what is said
        self._none: Any = []  # the choices of a completion that has none
        self._role = "assistant"
        self._reason: str | None = None
        self._usage: Any = None
        self._error: dict[str, Any] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether anything of it has come."""
        return bool(self._received)

    def feed(self, data: bytes) -> None:
        """Take in bytes as they come. Raises `Transient`, and `AnswerMalformed` when they are too many."""
        self._received += len(data)
        *lines, self._line = (self._line + data).split(b"\n")
        if self._received > STREAM_BYTES or max(len(self._line), self._bytes) > ANSWER_BYTES:
            raise AnswerMalformed(f"It is larger than {ANSWER_BYTES:,} bytes.")
        for line in lines:
            self._take(line)

    def completion(self) -> dict[str, Any]:
        """Return the completion as it would have come in one piece. Raises `Transient` when it broke off."""
        self._take(self._line)
        if self._error is not None:
            return self._error
        if not self.is_done and self._reason is None:
            raise Transient("It broke off.", gives_up_as=AnswerMalformed)
        if self._reason is None and not any(self._said.values()):
            return {"choices": self._none}
        message: dict[str, Any] = {name: joined(pieces) if pieces else None for name, pieces in self._said.items()}
        message["role"] = self._role
        return {"choices": [{"message": message, "finish_reason": self._reason}], "usage": self._usage}

    def _take(self, line: bytes) -> None:
        if not line.startswith(b"data:"):
            return  # names of events, comments that keep the connection open, blank lines
        data = line[5:].strip()
        if data == b"[DONE]":
            self.is_done = True
            return
        try:
            self._add(json.loads(data))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise Transient(f"{type(error).__name__} in its stream", gives_up_as=AnswerMalformed) from error

    def _add(self, chunk: Any) -> None:
        """Add what a chunk brings; one that is no chunk raises about anything."""
        if chunk.get("error"):
            self._error, self.is_done = chunk, True
            return
        self._usage = chunk.get("usage") or self._usage
        if not chunk["choices"]:
            self._none = chunk["choices"]
            return
        choice = chunk["choices"][0]
        delta = choice.get("delta") or {}
        self._role = delta.get("role") or self._role
        self._reason = choice.get("finish_reason") or self._reason
        for name, pieces in self._said.items():
            if piece := delta.get(name):
                self._bytes += len(piece.encode(errors="replace"))
                pieces.append(piece)
        if self._hear and delta.get("content"):
            self._hear(delta["content"])


def joined(pieces: Iterable[str], errors: str = "replace") -> str:
    """Return pieces as one text: a server may have cut them within a character."""
    text = "".join(pieces)
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", errors)


def without_thoughts(text: str) -> str:
    """Return an answer without what the model thought before it."""
    return _THINKING.sub("", text) if _TAG_END in text else text  # to look for a tag first is a hundred times faster


def said_so_far(pieces: Iterable[str]) -> str:
    """Return what an unfinished answer says, as far as it is certain: without thoughts, and what may become one."""
    text = without_thoughts(joined(pieces, "ignore"))
    opened = text.rfind(THINK)
    text = text[:opened] if opened >= 0 else text
    begun = next((size for size in range(len(THINK) - 1, 0, -1) if text.endswith(THINK[:size])), 0)
    return text[: len(text) - begun]
