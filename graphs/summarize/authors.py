"""Who formulates a step's call: a chat model's prompts, or the embedded model's choice of sentences."""

import asyncio
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple, Protocol

from graphs.models.calls import Answer, Call
from graphs.models.catalog import EMBEDDED, ModelFacts
from graphs.models.chat import ChatModel, Messages
from graphs.models.extractive import BatchIndex, Sentence
from graphs.models.failures import AnswerCut, AnswerEmpty, AnswerTooLong
from graphs.models.spending import Bill, Bound, Spending
from graphs.summarize import prompts
from graphs.summarize.state import Documents, Result, Step
from graphs.text.tokens import token_counter
from graphs.text.words import count_words

LONGEST_TOKEN = 16  # characters of an answer for each token that it may have: more, and the limit was ignored
LONGEST_ANSWER = 1.0  # of the source's words; a longer one is no summary
MESSAGE_TOKENS = 12  # that the chat protocol adds to a message, with some to spare
ANSWER_FLOOR_WORDS = 40  # below this a model may need more words than a very short source has


class Payer(NamedTuple):
    """For whom calls are made."""

    owner: str = ""  # whose ledger entries they may use
    run: str = ""  # whose turn they take at the gate
    spending: Spending | None = None  # the run's budget

    def call(self, step: Step, **what: Any) -> Call:
        """Return the call of a step: `what` is asked, of which model. A merge finishes something, so it goes ahead."""
        return Call(**self._asdict(), step=step["id"], goes_ahead=bool(step["inputs"]), **what)


class Author(Protocol):
    """Turns the steps of a plan into calls of one model."""

    async def map_call(self, step: Step) -> Call:
        """Return the call that summarises a chunk."""

    async def merge_call(self, step: Step, below: Sequence[tuple[Result, Answer]]) -> Call:
        """Return the call that merges partial summaries, which are given in the order of their sources."""


class ChatAuthor:
    """Writes prompts for a chat model."""

    def __init__(self, chat: ChatModel, documents: Documents, *, focus: str | None, payer: Payer) -> None:
        self._chat = chat
        self._documents = documents
        self._focus = focus
        self._payer = payer

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
        if len(below) != len(step["inputs"]):  # not as planned: something failed below, or the step was split
            counts = token_counter(self._chat.facts.name).count([content for _, content in messages])
            step = {**step, "prompt_tokens": sum(counts) + MESSAGE_TOKENS * len(messages)}
        return self._call(messages, step)

    def _call(self, messages: Messages, step: Step) -> Call:
        facts = self._chat.facts
        bill = Bill()

        def most_tokens(room: int) -> int:
            return max(step["max_tokens"], min(room * step["max_tokens"], facts.window_tokens - step["prompt_tokens"]))

        def bound(room: int) -> Bound:
            return step_bound({**step, "max_tokens": most_tokens(room)}, facts)

        async def perform(room: int) -> Answer:
            if room > 1 and most_tokens(room) == most_tokens(room // 2):
                raise AnswerCut  # the window has no more room
            answer = await self._chat.ask(messages, most_tokens(room), bill)
            if len(answer.text) > LONGEST_TOKEN * step["max_tokens"]:
                raise AnswerTooLong
            if count_words(answer.text) > max(ANSWER_FLOOR_WORDS, LONGEST_ANSWER * step["source_words"]):
                raise AnswerTooLong
            # The room is for what a model thinks: a longer text would not fit where the plan has put it. Nor would that
            # of a server that keeps to no limit.
            if answer.completion_tokens > step["max_tokens"] and (
                token_counter(facts.name).count([answer.text])[0] > step["max_tokens"]
            ):
                raise AnswerTooLong
            return answer

        return self._payer.call(
            step,
            model=facts.name,
            identity={"prompt": prompts.VERSION, "messages": [list(message) for message in messages]},
            perform=perform,
            bound=bound,
            bill=bill,
        )


class ExtractiveAuthor:
    """Chooses sentences by their weight in the whole batch; the index is computed once, when the first step asks."""

    def __init__(self, documents: Documents, *, focus: str | None, payer: Payer) -> None:
        self._documents = documents
        self._focus = focus
        self._payer = payer
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
        bill = Bill()

        async def perform(_: int) -> Answer:
            chosen = await asyncio.to_thread(index.select, candidates, step["words"])
            bill.add(Bill(1))
            if not chosen:
                raise AnswerEmpty
            spans = [index.sentence(number) for number in chosen]
            return Answer(self._quote(spans), spans=tuple((span.document, span.start, span.end) for span in spans))

        identity = {"index": index.digest, "candidates": candidates, "words": step["words"]}
        return self._payer.call(
            step,
            model=EMBEDDED,
            identity=identity,
            perform=perform,
            bound=lambda _: Bound(1),
            bill=bill,
        )

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


def step_bound(step: Step, facts: ModelFacts) -> Bound:
    """Return what a step's call costs at most, if its first answer can be used."""
    if facts.name == EMBEDDED:
        return Bound(1)
    usd = facts.usd(step["prompt_tokens"], step["max_tokens"])
    return Bound(1, step["prompt_tokens"] + step["max_tokens"], usd or 0.0)


def part_title(documents: Documents, part: Result) -> str:
    """Return how a merge names one of its parts."""
    if part["document"] is None:
        return "Several documents"
    title = prompts.shown_title(documents[part["document"]].title)
    return f"{title}, part {part['part'] + 1} of {part['parts']}" if part["parts"] > 1 else title
