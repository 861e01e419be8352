"""Choose every call of a run before the first is made: chunks, sections, the tree of merges, words to write and token
bounds.

The tree is fixed by sizes alone, so the plan is also the dry run: how many calls, how many tokens at most, how deep.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, pairwise
from typing import NamedTuple

from graphs.models.catalog import ModelFacts
from graphs.models.chat import Messages
from graphs.summarize import prompts
from graphs.summarize.context import SECTION_STEPS, Budget, Options
from graphs.summarize.facet_plan import depth_of_facets, facet_cost, facet_plans, most_beyond_map, wanted_summaries
from graphs.summarize.state import Document, DocumentPlan, Documents, Plan, Step
from graphs.text.chunking import Chunk, chunk_document, text_span
from graphs.text.language import detect_language
from graphs.text.tokens import TokenCounter, token_counter
from graphs.text.words import count_words

FAN_IN = 32  # partials that one merge takes at most, however large the window: a model skims longer lists
WINDOW_SHARE = (
    0.5  # of the window that a chunk, or the partials of one merge, may fill: a model reads the rest less well
)
ANSWER_SHARE = 0.2  # of the window that is kept for the answer
PARTIAL_WORDS = (60, 250)  # a map's answer, at least and at most
TOKENS_PER_WORD = 4  # upper bound over the languages that o200k_base knows well; the answer's hard limit
ANSWER_SLACK_TOKENS = 64
JOINT_TOKENS = 24  # per part of a merge: its number, "part 12 of 34", line breaks, and what tokens do at a seam
MESSAGE_TOKENS = 12  # that the chat protocol adds to a message, with some to spare
SMALLEST_SUMMARY_WORDS = 12
READERS = 2  # documents read at once: half of the time goes into counting tokens, outside of Python's lock
LEAST_MATERIAL_TOKENS = 64  # of a prompt: with less, it would be all instruction
WHOLE_CHUNKS = (
    4  # a document of up to so many chunks is read whole, if the window allows: merging costs more than it brings
)


class DoesNotFit(ValueError):
    """The strategy `single` needs a document in one call, and it is longer than the model's window allows."""


class PlanCost(NamedTuple):
    """What a plan asks for, at most."""

    maps: int
    merges: int
    depth: int  # calls that wait for each other
    prompt_tokens: int
    completion_tokens: int
    facets: int = 0


def make_plan(documents: Documents, options: Options, facts: ModelFacts, chunk_tokens: int) -> Plan:
    """Return the plan of a batch. Takes seconds for many megabytes, so call it in a thread.

    Raises `DoesNotFit`.
    """
    return _Planner(options, facts, token_counter(facts.name), chunk_tokens).plan(documents)


def plan_cost(plan: Plan) -> PlanCost:
    """Return the number of calls and the upper bounds of their tokens."""
    steps = plan["steps"].values()
    maps = sum(not step["inputs"] for step in steps)
    facets, facet_prompts, facet_answers = facet_cost(plan)
    return PlanCost(
        maps=maps,
        merges=len(plan["steps"]) - maps,
        depth=max((step["level"] + 1 for step in steps), default=0) + depth_of_facets(plan),
        prompt_tokens=sum(step["prompt_tokens"] for step in steps) + facet_prompts,
        completion_tokens=sum(step["max_tokens"] for step in steps) + facet_answers,
        facets=facets,
    )


class _Read(NamedTuple):
    """What reading a document tells its plan."""

    language: str  # its own
    chunks: list[Chunk]
    words: list[int]  # of each chunk


class _Planner:
    def __init__(self, options: Options, facts: ModelFacts, tokens: TokenCounter, chunk_tokens: int) -> None:
        self.options = options
        self.facts = facts
        self.tokens = tokens
        self.room = int(facts.window_tokens * WINDOW_SHARE)  # tokens of material in one prompt, at most
        self.prompt_tokens = int(facts.window_tokens * (1 - ANSWER_SHARE))  # of a prompt, at most
        self.most_words = (int(facts.window_tokens * ANSWER_SHARE) - ANSWER_SLACK_TOKENS) // TOKENS_PER_WORD
        self.chunk_tokens = chunk_tokens
        self.steps: dict[str, Step] = {}
        self._overheads: dict[tuple[bool, str], int] = {}
        self._beyond: dict[str, int] = {}
        self._titles: dict[str, int] = {}  # tokens of each document's title, as a prompt shows it

    def plan(self, documents: Documents) -> Plan:
        with ThreadPoolExecutor(READERS) as pool:
            pieces = zip(documents, pool.map(self._read, documents), strict=True)
            planned = [self._document(position, *piece) for position, piece in enumerate(pieces)]
        tops = [self.steps[document["top"]] for document in planned if document["top"]]
        final = ""
        if self.options.scope != "document" and tops:
            final = tops[0]["id"] if len(tops) == 1 else self._merge_across(tops, planned)
            self.steps[final]["is_summary"] = True
        sections = self._sections(final)
        plan = Plan(
            documents=planned, steps=self.steps, sections=sections, levels=self._levels(sections, final), final=final
        )
        if self.options.facets:
            self._add_facets(plan)
        return plan

    def _add_facets(self, plan: Plan) -> None:
        """Plan the calls beside those of the summaries."""
        plan["summaries"] = wanted_summaries(plan, self.options.scope)
        plan["facets_wait"] = self.options.budget != Budget()
        plan["facets"] = facet_plans(
            self.options.all_facets,
            self.options.labels,
            plan,
            self.facts,
            count=self._count,
            map_tokens=lambda language: self._overhead(language, merge=False),
            most_tokens=(self.prompt_tokens, int(self.facts.window_tokens * ANSWER_SHARE)),
        )

    def _read(self, document: Document) -> _Read:
        language = detect_language(document.text)
        (self._titles[document.id],) = self.tokens.count([prompts.shown_title(document.title)])
        chunks = self._chunks(document, language)
        return _Read(language, chunks, [count_words(document.text[chunk.start : chunk.end]) for chunk in chunks])

    def _document(self, position: int, document: Document, read: _Read) -> DocumentPlan:
        """Plan one document: its map calls and the merges up to its summary."""
        language, chunks, counts = read
        source_words = sum(counts)
        target = self._target(source_words)
        wanted = self._language(language)
        for part, (chunk, words) in enumerate(zip(chunks, counts, strict=True)):
            partial = target if len(chunks) == 1 else self._partial_words(words, source_words, target)
            self._map(
                f"{position}.{part}",
                document,
                chunk,
                part=part,
                parts=len(chunks),
                words=partial,
                source_words=words,
                language=wanted,
            )
        layer = [self.steps[f"{position}.{part}"] for part in range(len(chunks))]
        top = self._merge_up(layer, f"{position}.m", document.id, target, wanted)
        if top:
            top["is_summary"] = True
        return DocumentPlan(
            id=document.id,
            title=document.title,
            language=language,
            characters=sum(chunk.end - chunk.start for chunk in chunks),
            words=source_words,
            chunks=len(chunks),
            top=top["id"] if top else "",
        )

    def _chunks(self, document: Document, language: str) -> list[Chunk]:
        wanted = self._language(language)
        material = self._material(wanted, self._titles[document.id], merge=False) - self._beyond_map(wanted)
        if material < LEAST_MATERIAL_TOKENS:
            raise DoesNotFit(f"The window of {self.facts.name} is too small for the facets and their categories.")
        room = min(self.room, material)
        limit = min(self.chunk_tokens, room)
        if self.options.strategy == "single":
            return self._whole(document, room)
        whole = min(room, WHOLE_CHUNKS * limit) if self.options.strategy == "auto" else limit
        return chunk_document(document.text, self.tokens, limit, language, whole_tokens=whole)

    def _whole(self, document: Document, room: int) -> list[Chunk]:
        """Return a document as one chunk. Raises `DoesNotFit`."""
        start, end = text_span(document.text)
        (tokens,) = self.tokens.count([document.text[start:end]])
        if tokens > room:
            raise DoesNotFit(f"{document.title!r} has {tokens:,} tokens; one call of {self.facts.name} takes {room:,}.")
        return [Chunk(start, end, tokens)] if end else []

    def _merge_across(self, tops: Sequence[Step], planned: Sequence[DocumentPlan]) -> str:
        """Plan the merges from the documents' summaries to the batch's; return the last one's id."""
        by_language: Counter[str] = Counter()
        for document in planned:
            by_language[document["language"]] += document["characters"]
        language = self._language(by_language.most_common(1)[0][0])
        target = self._target(sum(document["words"] for document in planned))
        top = self._merge_up(tops, "m", None, target, language)
        assert top is not None  # there are at least two
        return top["id"]

    def _merge_up(
        self, layer: Sequence[Step], prefix: str, document: str | None, target: int, language: str
    ) -> Step | None:
        """Add levels of merges until one step is left; return it, or None for an empty layer."""
        layer = list(layer)
        for round in count(1):
            if len(layer) < 2:
                break
            groups = list(self._groups(layer, language))
            last = len(groups) == 1
            layer = [
                group[0]
                if len(group) == 1
                else self._merge(f"{prefix}{round}.{number}", group, document, target, language, last=last)
                for number, group in enumerate(groups)
            ]
        return layer[0] if layer else None

    def _groups(self, layer: Sequence[Step], language: str) -> Iterator[list[Step]]:
        """Divide a layer, in order, into as few balanced groups as fit one merge prompt each. Raises `DoesNotFit`."""
        widest = max(self._part_tokens(step) for step in layer)
        material = self._material(language, 0, merge=True)
        if material < 2 * widest:
            raise DoesNotFit(f"The window of {self.facts.name} is too small to merge two partial summaries.")
        fan_in = max(2, min(FAN_IN, min(self.room, material) // widest))
        number = math.ceil(len(layer) / fan_in)
        borders = [round(index * len(layer) / number) for index in range(number + 1)]
        for left, right in pairwise(borders):
            yield list(layer[left:right])

    def _part_tokens(self, step: Step) -> int:
        """Tokens of a partial in a merge prompt, at most."""
        title = self._titles[step["document"]] if step["document"] is not None else 0
        return step["max_tokens"] + title + JOINT_TOKENS

    def _material(self, language: str, title_tokens: int, *, merge: bool) -> int:
        """Tokens of material that a prompt has room for. Raises `DoesNotFit` when the rest leaves none."""
        material = self.prompt_tokens - self._overhead(language, merge=merge) - title_tokens
        if material < LEAST_MATERIAL_TOKENS:
            raise DoesNotFit(f"The window of {self.facts.name} is too small for the focus and the title.")
        return material

    def _map(
        self,
        id: str,
        document: Document,
        chunk: Chunk,
        *,
        part: int,
        parts: int,
        words: int,
        source_words: int,
        language: str,
    ) -> None:
        self.steps[id] = Step(
            id=id,
            document=document.id,
            inputs=[],
            start=chunk.start,
            end=chunk.end,
            part=part,
            parts=parts,
            level=0,
            words=words,
            language=language,
            source_words=source_words,
            prompt_tokens=self._overhead(language, merge=False) + self._titles[document.id] + chunk.tokens,
            max_tokens=_answer_tokens(words),
            is_summary=False,
        )

    def _merge(
        self, id: str, group: Sequence[Step], document: str | None, target: int, language: str, *, last: bool
    ) -> Step:
        words = sum(step["words"] for step in group)
        material = sum(self._part_tokens(step) for step in group)
        budget = target if last else min(max(target, PARTIAL_WORDS[1]), max(1, words // 2), self.most_words)
        step = Step(
            id=id,
            document=document,
            inputs=[step["id"] for step in group],
            start=group[0]["start"] if document else 0,
            end=group[-1]["end"] if document else 0,
            part=0,
            parts=1,
            level=max(step["level"] for step in group) + 1,
            words=budget,
            language=language,
            source_words=sum(step["source_words"] for step in group),
            prompt_tokens=self._overhead(language, merge=True) + material,
            max_tokens=_answer_tokens(budget),
            is_summary=False,
        )
        self.steps[id] = step
        return step

    def _language(self, own: str) -> str:
        """The language to write in; a model that quotes has no choice."""
        return own if self.options.language == "auto" or self.facts.provider == "embedded" else self.options.language

    def _target(self, source_words: int) -> int:
        """Words of a summary: what the caller wants, but no more than half of the source."""
        return min(self.options.target_words, max(SMALLEST_SUMMARY_WORDS, source_words // 2), self.most_words)

    def _partial_words(self, words: int, source_words: int, target: int) -> int:
        """Words of a chunk's partial: its share of two and a half summaries, within bounds, at most half of the
        chunk.
        """
        share = round(2.5 * target * words / max(1, source_words))
        most = min(PARTIAL_WORDS[1], self.most_words, words // 2)
        return max(SMALLEST_SUMMARY_WORDS, min(max(PARTIAL_WORDS[0], share), most))

    def _overhead(self, language: str, *, merge: bool) -> int:
        """Tokens of a prompt without its material and title, at most."""
        if (merge, language) not in self._overheads:
            focus = self.options.focus
            if merge:
                messages = prompts.merge_messages(parts=[], words=9_999, language=language, focus=focus)
            else:
                messages = prompts.map_messages(
                    title="", text="", part=99_998, parts=99_999, words=9_999, language=language, focus=focus
                )
            self._overheads[merge, language] = self._count(messages)
        return self._overheads[merge, language]

    def _count(self, messages: Messages) -> int:
        """Tokens of a prompt, at most."""
        return sum(self.tokens.count([content for _, content in messages])) + MESSAGE_TOKENS * len(messages)

    def _beyond_map(self, language: str) -> int:
        """Tokens that the facets' longest prompt for a chunk has beyond a map's."""
        if not self.options.facets or self.facts.provider == "embedded":
            return 0
        if language not in self._beyond:
            self._beyond[language] = most_beyond_map(
                self.options.all_facets,
                self.options.labels,
                language,
                count=self._count,
                map_tokens=self._overhead(language, merge=False),
            )
        return self._beyond[language]

    def _sections(self, final: str) -> list[list[str]]:
        """Pack steps into sections of about SECTION_STEPS: every merge that has no more steps beneath it stands with
        all of them, so that most documents are finished inside one section. The last step stands alone.
        """
        most = max(SECTION_STEPS, math.isqrt(len(self.steps)))
        above = {lower: step["id"] for step in self.steps.values() for lower in step["inputs"]}
        sizes: dict[str, int] = {}  # of a step with all beneath it, which stand before it
        for id, step in self.steps.items():
            sizes[id] = 1 + sum(sizes[lower] for lower in step["inputs"])
        tops: dict[str, str | None] = {}  # the highest step that a step shares a section with; None: it is in none
        for id in reversed(self.steps):
            is_inside = id != final and sizes[id] <= most
            tops[id] = (tops.get(above.get(id, "")) or id) if is_inside else None
        trees: dict[str, list[str]] = {}
        for id in self.steps:
            if (top := tops[id]) is not None:
                trees.setdefault(top, []).append(id)
        sections: list[list[str]] = []
        for tree in trees.values():
            if not sections or len(sections[-1]) + len(tree) > most:
                sections.append([])
            sections[-1] += tree
        return sections

    def _levels(self, sections: Sequence[Sequence[str]], final: str) -> list[list[list[str]]]:
        """Return the merges that no section holds, without the last, by level and packed for one Send each."""
        placed = {id for section in sections for id in section} | {final}
        by_level: dict[int, list[str]] = {}
        for step in self.steps.values():
            if step["id"] not in placed:
                by_level.setdefault(step["level"], []).append(step["id"])
        return [
            [ids[start : start + SECTION_STEPS] for start in range(0, len(ids), SECTION_STEPS)]
            for _, ids in sorted(by_level.items())
        ]


def _answer_tokens(words: int) -> int:
    return words * TOKENS_PER_WORD + ANSWER_SLACK_TOKENS
