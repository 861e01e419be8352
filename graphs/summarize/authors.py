"""Who formulates a step's call: a chat model's prompts, or the embedded model's choice of sentences."""

import asyncio
from collections.abc import Sequence
from itertools import groupby
from typing import Protocol

from graphs.models.calls import Answer, Call
from graphs.models.catalog import EMBEDDED
from graphs.models.chat import ChatModel, Messages
from graphs.models.extractive import BatchIndex, Sentence
from graphs.models.failures import AnswerEmpty, AnswerTooLong
from graphs.summarize import prompts
from graphs.summarize.state import Documents, Result, Step
from graphs.text.words import count_words

LONGEST_ANSWER = 1.0  # of the source's words; a longer one is no summary
ANSWER_FLOOR_WORDS = 40  # below this a model may need more words than a very short source has


class Author(Protocol):
    """Turns the steps of a plan into calls of one model."""

    async def map_call(self, step: Step) -> Call:
        """Return the call that summarises a chunk."""

    async def merge_call(self, step: Step, below: Sequence[tuple[Result, Answer]]) -> Call:
        """Return the call that merges partial summaries, which are given in the order of their sources."""


class ChatAuthor:
    """Writes prompts for a chat model."""

    def __init__(self, chat: ChatModel, documents: Documents, *, focus: str | None, owner: str) -> None:
        self._chat = chat
        self._documents = documents
        self._focus = focus
        self._owner = owner

    async def map_call(self, step: Step) -> Call:
        """Return the call that summarises a chunk."""
        document = self._documents[step["document"] or ""]
        text = document.text[step["start"] : step["end"]]
        messages = prompts.map_messages(
            title=document.title,
            text=text,
            part=step["part"],
            parts=step["parts"],
            words=step["words"],
            language=step["language"],
            focus=self._focus,
        )
        return self._call(messages, step)

    async def merge_call(self, step: Step, below: Sequence[tuple[Result, Answer]]) -> Call:
        """Return the call that merges partial summaries."""
        parts = [prompts.Part(part_title(self._documents, lower), answer.text) for lower, answer in below]
        messages = prompts.merge_messages(
            parts=parts, words=step["words"], language=step["language"], focus=self._focus
        )
        return self._call(messages, step)

    def _call(self, messages: Messages, step: Step) -> Call:
        facts = self._chat.facts

        async def perform() -> Answer:
            answer = await self._chat.ask(messages, step["max_tokens"])
            if count_words(answer.text) > max(ANSWER_FLOOR_WORDS, LONGEST_ANSWER * step["source_words"]):
                raise AnswerTooLong
            return answer

        identity = {
            "prompt": prompts.VERSION,
            "messages": [list(message) for message in messages],
            "max_tokens": step["max_tokens"],
        }
        return Call(model=facts.name, identity=identity, perform=perform, owner=self._owner)


class ExtractiveAuthor:
    """Chooses sentences by their weight in the whole batch; the index is computed once, when the first step asks."""

    def __init__(self, documents: Documents, *, focus: str | None, owner: str) -> None:
        self._documents = documents
        self._focus = focus
        self._owner = owner
        self._building = asyncio.Lock()
        self._index: BatchIndex | None = None

    async def map_call(self, step: Step) -> Call:
        """Return the call that picks the best sentences of a chunk."""
        index = await self._ready()
        return self._call(index, index.within(step["document"] or "", step["start"], step["end"]), step)

    async def merge_call(self, step: Step, below: Sequence[tuple[Result, Answer]]) -> Call:
        """Return the call that picks the best of the sentences already picked."""
        index = await self._ready()
        picked = [index.number(Sentence(*span)) for _, answer in below for span in answer.spans]
        return self._call(index, picked, step)

    def _call(self, index: BatchIndex, candidates: list[int], step: Step) -> Call:
        async def perform() -> Answer:
            chosen = await asyncio.to_thread(index.select, candidates, step["words"])
            if not chosen:
                raise AnswerEmpty
            spans = [index.sentence(number) for number in chosen]
            return Answer(self._quote(spans), spans=tuple((span.document, span.start, span.end) for span in spans))

        identity = {"index": index.digest, "candidates": candidates, "words": step["words"]}
        return Call(model=EMBEDDED, identity=identity, perform=perform, owner=self._owner)

    def _quote(self, spans: Sequence[Sentence]) -> str:
        """Return the sentences as text: a paragraph a document."""
        paragraphs = groupby(spans, key=lambda span: span.document)
        return "\n\n".join(" ".join(self.quoted(span) for span in group) for _, group in paragraphs)

    def quoted(self, span: Sentence) -> str:
        """Return one sentence on one line."""
        return " ".join(self._documents[span.document].text[span.start : span.end].split())

    async def _ready(self) -> BatchIndex:
        async with self._building:
            if self._index is None:
                texts = [(document.id, document.text) for document in self._documents]
                self._index = await asyncio.to_thread(BatchIndex.build, texts, focus=self._focus)
            return self._index


def part_title(documents: Documents, part: Result) -> str:
    """Return how a merge names one of its parts."""
    if part["document"] is None:
        return "Several documents"
    title = prompts.shown_title(documents[part["document"]].title)
    return f"{title}, part {part['part'] + 1} of {part['parts']}" if part["parts"] > 1 else title
