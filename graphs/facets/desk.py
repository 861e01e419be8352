"""How a facet's step gets its answer: through the one door, read at once, and asked again once if it cannot be read."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from graphs.facets.answers import READERS, Unreadable
from graphs.facets.language import is_in
from graphs.facets.names import kind_of, reads_source, translation_language
from graphs.facets.offline.findings import VERSION, Finder
from graphs.facets.prompts import VERSION as PROMPTS_VERSION
from graphs.facets.prompts import source_messages, summary_messages
from graphs.facets.steps import FacetStep, Sources
from graphs.models.calls import Answer, Call, Calls
from graphs.models.catalog import EMBEDDED, ModelFacts
from graphs.models.chat import ChatModel, Messages
from graphs.models.failures import AnswerCut, AnswerTooLong, AnswerUnreadable, CallFailed, ContextOverflow
from graphs.models.spending import Bill, Bound, Spending
from graphs.text.chunking import HALVINGS, halves
from graphs.text.tokens import count_messages, token_counter

LONGEST_TOKEN = 16  # characters of an answer for each token that it may have: more, and the limit was ignored


class Given(NamedTuple):
    """What a facet of the summary is made of."""

    summary: str
    words: int
    terms: Sequence[str] = ()
    questions: Sequence[str] = ()


@dataclass(slots=True)
class Done:
    """What became of a step."""

    answers: list[Answer] = field(default_factory=list)
    bill: Bill = field(default_factory=Bill)
    remembered: int = 0
    error: CallFailed | None = None


@dataclass(frozen=True)
class Desk:
    """Asks for the facets of one run."""

    facts: ModelFacts
    chat: ChatModel | None  # None: the embedded model
    documents: Sources
    calls: Calls
    labels: Sequence[str] = ()  # the caller's categories
    owner: str = ""
    run: str = ""
    spending: Spending | None = None
    bill: Bill | None = None  # of the whole run

    async def take(self, step: FacetStep, given: Given | None = None) -> Done:
        """Return what became of a step: a failure is its own and no other's. Raises `RunStopped`."""
        done = Done()
        try:
            done.answers += await self._answers(step, given, done)
        except CallFailed as error:
            done.error = error
        return done

    async def _answers(self, step: FacetStep, given: Given | None, done: Done, halvings: int = 0) -> list[Answer]:
        """Return the answers of a step: one, or one for each piece of a chunk that is too long for the model."""
        try:
            return [await self._insist(step, given, done)]
        except ContextOverflow:
            pieces = self._halves(step) if given is None and self.chat is not None else []
            if halvings == HALVINGS or len(pieces) < 2:
                raise
        found = await asyncio.gather(
            *[self._answers(piece, None, done, halvings + 1) for piece in pieces], return_exceptions=True
        )
        answers: list[Answer] = []
        for answered in found:
            if isinstance(answered, BaseException):
                raise answered
            answers += answered
        return answers

    async def _insist(self, step: FacetStep, given: Given | None, done: Done) -> Answer:
        """Ask, and once more, in other words, if the answer cannot be read."""
        try:
            return await self._ask(await self._call(step, given, again=False), done)
        except AnswerUnreadable:
            if self.chat is None:
                raise
        return await self._ask(await self._call(step, given, again=True), done)

    async def _ask(self, call: Call, done: Done) -> Answer:
        try:
            answer = await self.calls.ask(call)
            done.remembered += not call.bill.calls
            return answer
        finally:
            done.bill.add(call.bill)

    async def _call(self, step: FacetStep, given: Given | None, *, again: bool) -> Call:
        if self.chat is None:
            return await self._offline_call(step)
        if given is not None:
            return self._summary_call(self.chat, step, given, again=again)
        document = self.documents[step["document"] or ""]
        text = document.text[step["start"] : step["end"]]
        messages = source_messages(
            step["facet"],
            title=document.title,
            text=text,
            part=step["part"],
            parts=step["parts"],
            language=step["language"],
            labels=self.labels,
            again=again,
        )
        return self._chat_call(self.chat, messages, step, text)

    def _summary_call(self, chat: ChatModel, step: FacetStep, given: Given, *, again: bool) -> Call:
        """Return the call of a translation or synthesis; key terms and questions that the plan left no room for are
        left out, last ones first.
        """
        terms, questions = list(given.terms), list(given.questions)
        counter = token_counter(self.facts.name)
        while True:
            messages = summary_messages(
                step["facet"],
                summary=given.summary,
                language=step["language"],
                words=given.words,
                terms=terms,
                questions=questions,
                again=again,
            )
            tokens = count_messages(messages, counter)
            if tokens <= step["prompt_tokens"] or not (terms or questions):
                break
            (questions or terms).pop()
        bounded: FacetStep = {**step, "prompt_tokens": tokens}
        return self._chat_call(chat, messages, bounded, given.summary)

    def _chat_call(self, chat: ChatModel, messages: Messages, step: FacetStep, text: str) -> Call:
        bill = Bill(whole=self.bill)

        def most_tokens(room: int) -> int:
            left = self.facts.window_tokens - step["prompt_tokens"]
            return max(step["max_tokens"], min(room * step["max_tokens"], left))

        def bound(room: int) -> Bound:
            tokens = most_tokens(room)
            usd = self.facts.usd(step["prompt_tokens"], tokens)
            return Bound(1, step["prompt_tokens"] + tokens, usd or 0.0)

        async def perform(room: int) -> Answer:
            if room > 1 and most_tokens(room) == most_tokens(room // 2):
                raise AnswerCut  # the window has no more room
            answer = await chat.ask(messages, most_tokens(room), bill)
            if len(answer.text) > LONGEST_TOKEN * most_tokens(room):
                raise AnswerTooLong
            self._check(step, answer.text, text)
            return answer

        return Call(
            model=self.facts.name,
            identity={"prompt": PROMPTS_VERSION, **chat.identity(messages)},
            perform=perform,
            owner=self.owner,
            run=self.run,
            step=step["id"],
            bound=bound,
            bill=bill,
            spending=self.spending,
        )

    def _check(self, step: FacetStep, answer: str, text: str) -> None:
        """Raise `AnswerUnreadable` when an answer cannot be used."""
        facet = step["facet"]
        if reads_source(facet):
            try:
                found = READERS[facet](answer, text, self.labels)
            except Unreadable as error:
                raise AnswerUnreadable(f"({error})") from error
            written = facet in ("questions", "action_items") or (facet == "categories" and not self.labels)
            if written and not is_in(step["language"], "\n".join(map(str, found))):
                raise AnswerUnreadable(f"(it is not in {step['language']})")
            return
        language = translation_language(facet) or step["language"]
        source_language = step["language"] if kind_of(facet) == "translation" else ""
        if not is_in(language, answer, not_in=source_language):
            raise AnswerUnreadable(f"(it is not in {language})")

    async def _offline_call(self, step: FacetStep) -> Call:
        bill = Bill(whole=self.bill)
        document = step["document"] or ""
        read = await asyncio.to_thread(self._finder.digest, step["facet"], document)

        async def perform(_: int) -> Answer:
            text = await asyncio.to_thread(self._finder.find, step["facet"], document)
            bill.add(Bill(1))
            return Answer(text)

        return Call(
            model=EMBEDDED,
            identity={"facet": step["facet"], "version": VERSION, "read": read},
            perform=perform,
            owner=self.owner,
            run=self.run,
            step=step["id"],
            bound=lambda _: Bound(1),
            bill=bill,
            spending=self.spending,
        )

    @cached_property
    def _finder(self) -> Finder:
        return Finder(self.documents)

    def _halves(self, step: FacetStep) -> list[FacetStep]:
        spans = halves(self.documents[step["document"] or ""].text, step["start"], step["end"])
        return [{**step, "start": start, "end": end} for start, end in spans]
