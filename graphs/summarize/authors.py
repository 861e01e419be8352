"""Who formulates a step's call: a chat model's prompts, or the embedded model's choice of sentences."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

from graphs.evidence.citations import Place
from graphs.evidence.marks import cited_numbers, numbered, renumbered, without_lookalikes, without_marks
from graphs.models.calls import Answer, Call
from graphs.models.catalog import EMBEDDED, ModelFacts
from graphs.models.chat import ChatModel, Messages
from graphs.models.extractive import BatchIndex, Sentence
from graphs.models.failures import AnswerCut, AnswerEmpty, AnswerTooLong, NeedsLanguageModel
from graphs.models.meaning import installed
from graphs.models.spending import Bill, Bound, Spending
from graphs.summarize import prompts
from graphs.summarize.documents import Documents, Places
from graphs.summarize.quoting import FORM, quoting
from graphs.summarize.state import Cited, Result, Step, is_across
from graphs.summarize.writing import Pen, Show, Writing
from graphs.text.sentences import split_sentences
from graphs.text.tokens import count_messages, token_counter
from graphs.text.words import count_words

VERBATIM = "embedded:verbatim"  # the model of what needs none
LONGEST_TOKEN = 16  # characters of an answer for each token that it may have: more, and the limit was ignored
LONGEST_ANSWER = 1.0  # of the source's words; a longer one is no summary
UNBOUNDED_WORDS = 1_000_000_000
LISTS: frozenset[prompts.Style] = frozenset(["bullets", "executive", "report"])  # styles that quotations can have
REQUEST_TOKENS = 120  # of what is said to have an answer written again, with its roles
LARGE_CHARACTERS = 1_000_000  # of a document whose header is worked out in a thread
ANSWER_FLOOR_WORDS = 40  # below this a model may need more words than a very short source has


class Payer(NamedTuple):
    """For whom calls are made."""

    owner: str = ""  # whose ledger entries they may use
    run: str = ""  # whose turn they take at the gate
    spending: Spending | None = None  # the run's budget
    bill: Bill | None = None  # of the whole run

    def call(self, step: Step, **what: Any) -> Call:
        """Return the call of a step: `what` is asked, of which model. A merge finishes something, so it goes ahead."""
        return Call(
            owner=self.owner,
            run=self.run,
            spending=self.spending,
            step=step["id"],
            goes_ahead=bool(step["inputs"]),
            **what,
        )


class Question(NamedTuple):
    """A call, and what the numbers in its answer mean."""

    call: Call
    places: Sequence[Place] = ()  # sentences of the sources: the first is number 1
    messages: Messages = []
    step: Step | None = None  # as it was asked

    def cites(self, answer: Answer) -> list[Cited]:
        """Return what an answer cites, by number; numbers that the prompt does not hold are left out."""
        known = sorted(number for number in cited_numbers(answer.text) if 0 < number <= len(self.places))
        return [
            Cited(number=number, document=place.document, start=place.start, end=place.end)
            for number in known
            for place in [self.places[number - 1]]
        ]


Below = Sequence[tuple[Result, Answer]]


def show_nobody(writing: Writing) -> None:
    """Do nothing: nobody watches a summary being written."""


class Author(Protocol):
    """Turns the steps of a plan into calls of one model."""

    @property
    def weaknesses(self) -> Mapping[str, str]:
        """The documents that the model summarises poorly, by id, and why."""

    async def question(self, step: Step, below: Below) -> Question:
        """Return what a step asks, given the answers beneath it in the order of their sources."""

    def follow_up(self, asked: Question, answer: Answer, request: str) -> Question | None:
        """Return the question that asks for an answer again, told what is wrong with it; None where that cannot be."""

    def question_about(self, messages: Messages, step: Step, most_tokens: int) -> Question:
        """Return a question about what a step gave, with room for an answer of so many tokens."""


class ChatAuthor:
    """Writes prompts for a chat model."""

    def __init__(
        self,
        chat: ChatModel,
        documents: Documents,
        *,
        wishes: prompts.Wishes,
        payer: Payer,
        show: Show = show_nobody,
    ) -> None:
        self._chat = chat
        self._documents = documents
        self._wishes = wishes
        self._payer = payer
        self._show = show

    @property
    def weaknesses(self) -> Mapping[str, str]:
        """None that would be known beforehand."""
        return {}

    async def question(self, step: Step, below: Below) -> Question:
        """Return what a step asks, given the answers beneath it in the order of their sources."""
        if step["kind"] == "verbatim":
            return self._verbatim(step)
        if step["kind"] == "merge":
            return self._merge(step, below)
        if step["kind"] == "refine" and below:
            return await self._refine(step, below)
        chunk = await self._chunk(step)
        text, places = self._numbered(step)
        messages = prompts.map_messages(**chunk, text=text, task=self._task(step), wishes=self._wishes)
        return self._question(messages, step, places)

    def _verbatim(self, step: Step) -> Question:
        """Return a text as an answer of its own words: each number behind its sentence, as a model writes it."""
        document = self._documents[step["document"] or ""]
        chunk = document.text[step["start"] : step["end"]]
        plain, spans = without_lookalikes(chunk), split_sentences(chunk)
        ends = [0, *(end for _, end in spans)]
        text = "".join(f"{plain[start:end]} [{number}]" for number, (start, end) in enumerate(pairwise(ends), 1))
        places = [Place(document.id, step["start"] + start, step["start"] + end) for start, end in spans]
        return Question(self._payer.call(step, **given_call(Answer(text))), places)

    def follow_up(self, asked: Question, answer: Answer, request: str) -> Question | None:
        """Return the question that asks for an answer again, told what is wrong with it; None where that cannot be."""
        assert asked.step is not None
        step = asked.step
        prompt_tokens = step["prompt_tokens"] + step["max_tokens"] + REQUEST_TOKENS
        if prompt_tokens + step["max_tokens"] > self._chat.facts.window_tokens:
            return None  # the window has no room for it
        messages: Messages = [*asked.messages, ("assistant", answer.text), ("user", request)]
        return self._question(messages, {**step, "prompt_tokens": prompt_tokens}, asked.places)

    def question_about(self, messages: Messages, step: Step, most_tokens: int) -> Question:
        """Return a question about what a step gave, with room for an answer of so many tokens."""
        about: Step = {**step, "id": "", "max_tokens": most_tokens, "source_words": UNBOUNDED_WORDS}
        about["is_final"] = False
        return self._question(messages, self._counted(about, messages), [])

    def _merge(self, step: Step, below: Below) -> Question:
        parts: list[prompts.Part] = []
        places: list[Place] = []
        for lower, answer in below:
            text, cited = carried(lower, answer, first=len(places) + 1)
            parts.append(prompts.Part(part_title(self._documents, lower), text))
            places += cited
        messages = prompts.merge_messages(parts=parts, task=self._task(step), wishes=self._wishes)
        if len(below) != len(step["inputs"]):  # not as planned: something failed below, or the step was split
            step = self._counted(step, messages)
        return self._question(messages, step, places)

    async def _refine(self, step: Step, below: Below) -> Question:
        ((lower, answer),) = below
        chunk = await self._chunk(step)
        so_far, places = carried(lower, answer, first=1)
        text, own = self._numbered(step, first=len(places) + 1)
        messages = prompts.refine_messages(
            so_far=so_far, **chunk, text=text, task=self._task(step), wishes=self._wishes
        )
        return self._question(messages, step, [*places, *own])

    def _task(self, step: Step) -> prompts.Task:
        concludes = self._wishes.style == "report" and step["is_summary"] and is_across(step)
        return prompts.Task(step["words"], step["language"], step["is_summary"], concludes, step["variant"])

    def _numbered(self, step: Step, first: int = 1) -> tuple[str, Sequence[Place]]:
        document = self._documents[step["document"] or ""]
        chunk = document.text[step["start"] : step["end"]]
        if not step["is_numbered"]:
            return without_lookalikes(chunk), []
        spans = self._documents.sentences(document.id, step["start"], step["end"])
        return numbered(chunk, spans, first), Places(document.id, step["start"], spans)

    async def _chunk(self, step: Step) -> dict[str, Any]:
        """Return what a prompt says of a chunk beside its text."""
        id = step["document"] or ""
        is_long = step["parts"] > 1
        if len(self._documents[id].text) > LARGE_CHARACTERS:
            header = await asyncio.to_thread(self._documents.header, id, is_long=is_long)
        else:
            header = self._documents.header(id, is_long=is_long)
        section = header.outline.path(step["start"])
        return {"header": header, "section": section, "part": step["part"], "parts": step["parts"]}

    def _counted(self, step: Step, messages: Messages) -> Step:
        return {**step, "prompt_tokens": count_messages(messages, token_counter(self._chat.facts.name))}

    def _question(self, messages: Messages, step: Step, places: Sequence[Place]) -> Question:
        return Question(self._call(messages, step), places, messages, step)

    def _call(self, messages: Messages, step: Step) -> Call:
        facts = self._chat.facts
        bill = Bill(whole=self._payer.bill)
        pen = Pen(step, self._show) if step.get("is_final") else None

        def most_tokens(room: int) -> int:
            return max(step["max_tokens"], min(room * step["max_tokens"], facts.window_tokens - step["prompt_tokens"]))

        def bound(room: int) -> Bound:
            return step_bound({**step, "max_tokens": most_tokens(room)}, facts)

        async def perform(room: int) -> Answer:
            if room > 1 and most_tokens(room) == most_tokens(room // 2):
                raise AnswerCut  # the window has no more room
            with pen.writing() if pen else nullcontext() as hear:
                answer = await self._chat.ask(messages, most_tokens(room), bill, hear)
                _check_length(answer, step, facts)
            return answer

        return self._payer.call(
            step,
            model=facts.name,
            identity={"prompt": prompts.VERSION, **self._chat.identity(messages)},
            perform=perform,
            bound=bound,
            bill=bill,
        )


class ExtractiveAuthor:
    """Chooses sentences by their weight in the whole batch; the index is computed once, when the first step asks."""

    def __init__(self, documents: Documents, *, wishes: prompts.Wishes, payer: Payer, meaning: bool) -> None:
        """With `meaning`, an embedding is asked where one is installed and helps."""
        self._documents = documents
        self._wishes = wishes
        self._payer = payer
        self._embedding = installed if meaning else None
        self._building = asyncio.Lock()
        self._index: BatchIndex | None = None

    @property
    def weaknesses(self) -> Mapping[str, str]:
        """Documents of which few sentences say what they came to."""
        return self._index.degraded if self._index else {}

    async def question(self, step: Step, below: Below) -> Question:
        """Return the call that picks the best sentences of all that is beneath a step.

        Not of those already picked there: the scores are those of the whole batch, and choosing twice loses some.
        """
        index = await self._ready()
        if step["kind"] == "verbatim":
            return self._verbatim(index, step)
        return Question(self._call(index, self._beneath(step, below), step))

    def _beneath(self, step: Step, below: Below) -> list[Sentence]:
        """Return the parts of documents that a step has to choose from; across documents, of those quoted below it, but
        of equal ones of the first alone: the others would have their due of what is left to say.
        """
        if step["document"] is None:
            different: dict[str, str] = {}
            for id in (document for _, answer in below for document, _, _ in answer.spans):
                different.setdefault(self._documents[id].text, id)
            return [Sentence(id, 0, len(text)) for text, id in different.items()]
        return [Sentence(step["document"], 0 if step["kind"] == "refine" else step["start"], step["end"])]

    def _call(self, index: BatchIndex, parts: list[Sentence], step: Step) -> Call:
        bill = Bill(whole=self._payer.bill)
        as_list = step["is_summary"] and self._wishes.style in LISTS

        async def perform(_: int) -> Answer:
            chosen = await asyncio.to_thread(_chosen, index, parts, step["words"])
            bill.add(Bill(1))
            if not chosen:
                raise AnswerEmpty
            spans = [index.sentence(number) for number in chosen]
            return self._quoting(spans, as_list=as_list)

        identity = {"index": index.digest, "parts": parts, "words": step["words"], "form": [FORM, as_list]}
        return self._payer.call(
            step,
            model=EMBEDDED,
            identity=identity,
            perform=perform,
            bound=lambda _: Bound(1),
            bill=bill,
        )

    def follow_up(self, asked: Question, answer: Answer, request: str) -> Question | None:
        """Return None: what is quoted is not written again."""
        return None

    def question_about(self, messages: Messages, step: Step, most_tokens: int) -> Question:
        """Raise `NeedsLanguageModel`."""
        raise NeedsLanguageModel

    def _verbatim(self, index: BatchIndex, step: Step) -> Question:
        spans = [index.sentence(number) for number in index.within(step["document"] or "", step["start"], step["end"])]
        return Question(self._payer.call(step, **given_call(self._quoting(spans, as_list=False))))

    def _quoting(self, spans: Sequence[Sentence], *, as_list: bool) -> Answer:
        return quoting(spans, lambda document: self._documents[document].text, as_list=as_list)

    async def _ready(self) -> BatchIndex:
        async with self._building:
            if self._index is None:
                texts = [(document.id, document.text) for document in self._documents]
                self._index = await asyncio.to_thread(
                    BatchIndex.build, texts, focus=self._wishes.focus, embedding=self._embedding
                )
            return self._index


def _chosen(index: BatchIndex, parts: Sequence[Sentence], words: int) -> list[int]:
    return index.select([number for part in parts for number in index.within(*part)], words)


def _check_length(answer: Answer, step: Step, facts: ModelFacts) -> None:
    """Raise `AnswerTooLong` for what is no summary of a step's material."""
    if len(answer.text) > LONGEST_TOKEN * step["max_tokens"]:
        raise AnswerTooLong
    if count_words(without_marks(answer.text)) > max(ANSWER_FLOOR_WORDS, LONGEST_ANSWER * step["source_words"]):
        raise AnswerTooLong
    # The room is for what a model thinks: a longer text would not fit where the plan has put it. Nor would that of a
    # server that keeps to no limit, whatever it states.
    counter = token_counter(facts.name)
    may_be_long = counter.exact or answer.completion_tokens > step["max_tokens"]
    if may_be_long and not counter.fits(answer.text, step["max_tokens"]):
        raise AnswerTooLong


def given_call(answer: Answer) -> dict[str, Any]:
    """Return what makes a call of an answer that is there already: nothing is asked and nothing paid."""

    async def perform(_: int) -> Answer:
        return answer

    return {"model": VERBATIM, "identity": {"text": answer.text, "spans": answer.spans}, "perform": perform}


def most_marks(words: int) -> int:
    """Return how many numbers a partial of so many words may carry into a merge."""
    return words // 5 + 4


def carried(lower: Result, answer: Answer, *, first: int) -> tuple[str, list[Place]]:
    """Return a partial with its numbers counted from `first`, and what they mean."""
    cites = lower["cites"]
    numbers = {cited["number"]: number for number, cited in enumerate(cites, first)}
    text = renumbered(answer.text, numbers, most_marks(lower["words"]))
    return text, [Place(cited["document"], cited["start"], cited["end"]) for cited in cites]


def step_bound(step: Step, facts: ModelFacts) -> Bound:
    """Return what a step's call costs at most, if its first answer can be used."""
    if facts.name == EMBEDDED:
        return Bound(1)
    usd = facts.usd(step["prompt_tokens"], step["max_tokens"])
    return Bound(1, step["prompt_tokens"] + step["max_tokens"], usd or 0.0)


def part_title(documents: Documents, part: Result) -> str:
    """Return how a merge names one of its parts."""
    if "group" in part:
        return prompts.shown_title(part["group"])
    if part["document"] is None:
        return "Several documents"
    title = prompts.shown_title(documents[part["document"]].title)
    return f"{title}, part {part['part'] + 1} of {part['parts']}" if part["parts"] > 1 else title
