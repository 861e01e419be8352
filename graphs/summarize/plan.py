"""Choose every call of a run before the first is made: chunks, sections, the tree of merges, words to write and token
bounds.

The tree is fixed by sizes alone, so the plan is also the dry run: how many calls, how many tokens at most, how deep.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, pairwise
from typing import Any, Literal, NamedTuple

from graphs.evidence.marks import count_sentences
from graphs.models.catalog import ModelFacts
from graphs.models.chat import Messages
from graphs.summarize import prompts
from graphs.summarize.authors import most_marks
from graphs.summarize.context import SECTION_STEPS, Budget, Options
from graphs.summarize.facet_plan import depth_of_facets, facet_cost, facet_plans, most_beyond_map, wanted_summaries
from graphs.summarize.state import Document, DocumentPlan, Documents, Plan, Step
from graphs.text.chunking import Chunk, chunk_document, text_span
from graphs.text.language import detect_language
from graphs.text.outline import Header
from graphs.text.tokens import TokenCounter, token_counter
from graphs.text.topics import Features, features_of, topics_of
from graphs.text.words import count_words

FAN_IN = 32  # partials that one merge takes at most, however large the window: a model skims longer lists
FAN_INS = (2, 3, 4, 6, 8, 12, 16, 24, FAN_IN)  # in steps, so that one longer title does not divide all documents anew
WINDOW_SHARE = (
    0.5  # of the window that a chunk, or the partials of one merge, may fill: a model reads the rest less well
)
ANSWER_SHARE = 0.2  # of the window that is kept for the answer
PARTIAL_WORDS = (60, 250)  # a map's answer, at least and at most
TOKENS_PER_WORD = 4  # upper bound over the languages that o200k_base knows well; the answer's hard limit
EXPECTED_TOKENS_PER_WORD = 2.0  # of an answer, its numbers in brackets included
ANSWER_SLACK_TOKENS = 64
MOST_NUMBERS = 0.6  # of a chunk's tokens, that its sentences' numbers may add; else they get none
MANY_WORDS = 1_000_000  # of a source: its summary has the words that were asked for
TOPIC_DOCUMENTS = 8  # from so many on they are merged by topic
EXTRA_CALLS = 3  # of a summary: once for its language, twice for its length
MARK_TOKENS = 3  # of a number in brackets, in a partial
VERBATIM_WORDS = 30  # a document of so few is its own summary
JOINT_TOKENS = 24  # per part of a merge: its number, "part 12 of 34", line breaks, and what tokens do at a seam
MESSAGE_TOKENS = 12  # that the chat protocol adds to a message, with some to spare
SMALLEST_SUMMARY_WORDS = 12
READERS = 2  # documents read at once: half of the time goes into counting tokens, outside of Python's lock
LEAST_MATERIAL_TOKENS = 64  # of a prompt: with less, it would be all instruction
WHOLE_CHUNKS = (
    4  # a document of up to so many chunks is read whole, if the window allows: merging costs more than it brings
)


PromptKind = Literal["map", "merge", "refine"]


class DoesNotFit(ValueError):
    """The strategy `single` needs a document in one call, and it is longer than the model's window allows."""


class PlanCost(NamedTuple):
    """What a plan asks for, at most, if each answer can be used as it comes."""

    maps: int  # calls that read a chunk
    merges: int
    verbatim: int  # texts too short to be summarised: no calls
    depth: int  # calls that wait for each other
    prompt_tokens: int
    completion_tokens: int
    expected_tokens: int  # of the answers, if they are as long as asked
    extra_calls: int  # at most, for summaries that miss their language or length
    facets: int = 0

    @property
    def steps(self) -> int:
        """All that is to be done."""
        return self.maps + self.merges + self.verbatim + self.facets


def make_plan(documents: Documents, options: Options, facts: ModelFacts, chunk_tokens: int) -> Plan:
    """Return the plan of a batch. Takes seconds for many megabytes, so call it in a thread.

    Raises `DoesNotFit`.
    """
    return _Planner(options, facts, token_counter(facts.name), chunk_tokens).plan(documents)


def plan_cost(plan: Plan) -> PlanCost:
    """Return the number of calls and the upper bounds of their tokens."""
    steps = plan["steps"].values()
    kinds = Counter(step["kind"] for step in steps)
    asked = [step for step in steps if step["kind"] != "verbatim"]
    depths: dict[str, int] = {}
    for id, step in plan["steps"].items():  # a merge stands behind its inputs
        beneath = max((depths[lower] for lower in step["inputs"]), default=0)
        depths[id] = beneath + (step["kind"] != "verbatim")
    facets, facet_prompts, facet_answers = facet_cost(plan)
    return PlanCost(
        maps=kinds["map"] + kinds["refine"],
        merges=kinds["merge"],
        verbatim=kinds["verbatim"],
        depth=max(depths.values(), default=0) + depth_of_facets(plan),
        prompt_tokens=sum(step["prompt_tokens"] for step in asked) + facet_prompts,
        completion_tokens=sum(step["max_tokens"] for step in asked) + facet_answers,
        extra_calls=EXTRA_CALLS * sum(step["is_summary"] for step in asked),
        expected_tokens=sum(round(EXPECTED_TOKENS_PER_WORD * step["words"]) for step in asked) + facet_answers // 3,
        facets=facets,
    )


class Beside(NamedTuple):
    """Tokens that a prompt spends on a chunk beside its text and its document, at most."""

    section: int  # its headings
    numbers: int  # of its sentences


class _Read(NamedTuple):
    """What reading a document tells its plan."""

    language: str  # its own
    chunks: list[Chunk]
    words: list[int]  # of each chunk
    beside: list[Beside]  # each chunk's text
    digest: int  # of title and text
    features: Features  # that tell its topic


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
        self._overheads: dict[tuple[str, PromptKind], int] = {}
        self._beyond: dict[str, int] = {}
        self._titles: dict[str, int] = {}  # tokens of each document's title, as a prompt shows it
        self._headers: dict[str, int] = {}  # tokens of what a chunk's prompt says of its document
        self._digests: dict[str, int] = {}  # of the documents' summaries and the merges above, by step
        self._topics: dict[str, int] = {}  # of the documents' summaries, by step
        self._places: dict[str, int] = {}  # in the batch, of a step's first document

    def plan(self, documents: Documents) -> Plan:
        with ThreadPoolExecutor(READERS) as pool:
            reading = pool.map(lambda document: self._read(document, documents), documents)
            pieces = list(zip(documents, reading, strict=True))
        planned = [self._document(position, *piece) for position, piece in enumerate(pieces)]
        final, variants = "", []
        if self.options.scope != "document":
            read = {document.id: read for document, read in pieces}
            tops = [self.steps[document["top"]] for document in planned if document["top"]]
            if tops:
                final = tops[0]["id"] if len(tops) == 1 else self._merge_across(tops, planned, read)
                self.steps[final]["is_summary"] = True
                variants = self._variants(final)
        sections = self._sections({final, *variants})
        plan = Plan(
            documents=planned,
            steps=self.steps,
            sections=sections,
            levels=self._levels(sections, {final, *variants}),
            final=final,
            variants=variants,
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
            map_tokens=lambda language: self._overhead(language, "map"),
            most_tokens=(self.prompt_tokens, int(self.facts.window_tokens * ANSWER_SHARE)),
        )

    def _read(self, document: Document, documents: Documents) -> _Read:
        language = detect_language(document.text)
        header = documents.header(document.id, is_long=True)
        shown = [prompts.shown_title(document.title), prompts.header_text(header)]
        self._titles[document.id], self._headers[document.id] = self.tokens.count(shown)
        chunks = self._chunks(document, language)
        return _Read(
            language,
            chunks,
            [count_words(document.text[chunk.start : chunk.end]) for chunk in chunks],
            [self._beside(document, header, chunk) for chunk in chunks],
            _digest(document),
            features_of(document.text),
        )

    def _beside(self, document: Document, header: Header, chunk: Chunk) -> Beside:
        if self.facts.provider == "embedded":  # it has no prompts
            return Beside(0, 0)
        sentences = count_sentences(document.text[chunk.start : chunk.end])
        highest = sentences + most_marks(self._target(MANY_WORDS))
        section, number = self.tokens.count([f"\nSection: {header.outline.path(chunk.start)}", f" [{highest}]"])
        return Beside(section, sentences * (number + 1))

    def _groups_by_topic(self, documents: int) -> bool:
        by = self.options.group_by
        return by == "topic" or (by == "auto" and documents >= TOPIC_DOCUMENTS)

    def _document(self, position: int, document: Document, read: _Read) -> DocumentPlan:
        """Plan one document: the calls that read it and the merges up to its summary."""
        source_words = sum(read.words)
        target = self._target(source_words)
        wanted = self._language(read.language)
        is_verbatim = self._is_verbatim(read, wanted)
        refines = self.options.strategy == "refine"
        layer: list[Step] = []
        read_words = 0
        for part, (chunk, words, beside) in enumerate(zip(read.chunks, read.words, read.beside, strict=True)):
            read_words += words
            if refines:  # of what was read so far, as of a document of that length
                partial = self._target(read_words)
            else:
                partial = target if len(read.chunks) == 1 else self._partial_words(words, source_words, target)
            step = self._read_chunk(
                f"{position}.{part}",
                document,
                chunk,
                part=part,
                parts=len(read.chunks),
                words=partial,
                source_words=words,
                language=wanted,
                beside=beside,
            )
            if is_verbatim:
                step["kind"], step["words"] = "verbatim", max(1, words)
                step["max_tokens"] = chunk.tokens + beside.numbers
            elif refines and layer:
                before = layer.pop()
                step["kind"], step["inputs"], step["level"] = "refine", [before["id"]], before["level"] + 1
                step["source_words"] += before["source_words"]
            layer.append(step)
        top = self._merge_up(layer, f"{position}.m", document.id, target, wanted)
        if top:
            top["is_summary"] = True
        return DocumentPlan(
            id=document.id,
            title=document.title,
            language=read.language,
            characters=sum(chunk.end - chunk.start for chunk in read.chunks),
            words=source_words,
            chunks=len(read.chunks),
            top=top["id"] if top else "",
        )

    def _is_verbatim(self, read: _Read, wanted: str) -> bool:
        """Tell whether a document is so short that it is its own summary, if it need not be translated or judged."""
        short = len(read.chunks) == 1 and sum(read.words) <= VERBATIM_WORDS
        return short and wanted == read.language and self.options.focus is None

    @property
    def _reading(self) -> PromptKind:
        """The kind of the prompts that hold chunks."""
        return "refine" if self.options.strategy == "refine" else "map"

    def _so_far_tokens(self, document: str) -> int:
        """Tokens of the summary that a chunk's prompt continues, at most."""
        if self._reading == "map":
            return 0
        words = self._target(MANY_WORDS)
        return _answer_tokens(words) + MARK_TOKENS * most_marks(words) + self._titles[document] + JOINT_TOKENS

    def _variants(self, final: str) -> list[str]:
        """Plan the batch's summary as often as it is wanted beside the first; return the steps' ids."""
        ids = []
        for variant in range(1, self.options.variants):
            step = self.steps[final].copy()
            step["id"], step["variant"] = f"{final}~{variant}", variant
            self.steps[step["id"]] = step
            ids.append(step["id"])
        return ids

    def _chunks(self, document: Document, language: str) -> list[Chunk]:
        wanted = self._language(language)
        beside = self._headers[document.id] + self._so_far_tokens(document.id)
        material = self._material(wanted, beside, self._reading) - self._beyond_map(wanted)
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

    def _merge_across(self, tops: Sequence[Step], planned: Sequence[DocumentPlan], read: Mapping[str, _Read]) -> str:
        """Plan the merges from the documents' summaries to the batch's; return the last one's id."""
        by_language: Counter[str] = Counter()
        for document in planned:
            by_language[document["language"]] += document["characters"]
        language = self._language(by_language.most_common(1)[0][0])
        target = self._target(sum(document["words"] for document in planned))
        self._digests = {step["id"]: read[str(step["document"])].digest for step in tops}
        self._places = {step["id"]: place for place, step in enumerate(tops)}
        # Those that stand in one prompt stand in the order of the batch.
        if len(tops) > self._fan_in(tops, language) and self._groups_by_topic(len(planned)):
            # Topics are found by digest, so that they do not depend on where in the batch a document stands.
            drawn = sorted(tops, key=lambda step: self._digests[step["id"]])
            topics = topics_of([read[str(step["document"])].features for step in drawn])
            self._topics = {step["id"]: topic for step, topic in zip(drawn, topics, strict=True)}
            tops = sorted(tops, key=lambda step: (self._topics[step["id"]], self._place(step)))
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
            fan_in = self._fan_in(layer, language)
            if len(layer) <= fan_in:
                groups = [layer]
            elif document is None:
                groups = self._by_content(layer, fan_in)
            else:
                groups = _balanced(layer, fan_in)
            last = len(groups) == 1
            merged = [
                group[0]
                if len(group) == 1
                else self._merge(f"{prefix}{round}.{number}", group, document, target, language, last=last)
                for number, group in enumerate(groups)
            ]
            if document is None:
                for step, group in zip(merged, groups, strict=True):
                    self._digests[step["id"]] = min(self._digests[lower["id"]] for lower in group)
                    self._places[step["id"]] = self._place(group[0])
            layer = merged
        return layer[0] if layer else None

    def _fan_in(self, layer: Sequence[Step], language: str) -> int:
        """Return how many steps of a layer one merge can take. Raises `DoesNotFit`."""
        widest = max(self._part_tokens(step) for step in layer)
        material = self._material(language, 0, "merge")
        if material < 2 * widest:
            raise DoesNotFit(f"The window of {self.facts.name} is too small to merge two partial summaries.")
        room = min(self.room, material) // widest
        return max(fan_in for fan_in in FAN_INS if fan_in <= max(2, room))

    def _by_content(self, layer: Sequence[Step], most: int) -> list[list[Step]]:
        """Divide documents into groups whose borders their own contents set, and their topics: a document more or less
        changes the group that it stands in, and seldom another.
        """
        groups = [sorted(group, key=self._place) for group in self._cut(layer, most)]
        return sorted(groups, key=lambda group: self._place(group[0]))  # in the order of the sources again

    def _cut(self, layer: Sequence[Step], most: int) -> Iterator[Sequence[Step]]:
        """Cut a layer where a topic ends or else behind the step with the lowest digest, and so on with both parts. As
        no place is counted from the beginning, a step more leaves the cuts as they are, but for those next to it.
        """
        ends = [at for at in self._middle(layer, max(2, most // 4)) if self._ends_topic(layer, at)]
        if not ends and len(layer) <= most:
            yield layer
            return
        at = min(ends or self._middle(layer, (most + 1) // 3), key=lambda at: self._digests[layer[at - 1]["id"]])
        yield from self._cut(layer[:at], most)
        yield from self._cut(layer[at:], most)

    def _middle(self, layer: Sequence[Step], least: int) -> list[int]:
        """Return the places where neither part is shorter than `least` or a quarter of the whole, so that no contents
        make a deep tree; of places that are alike the first is the one nearest to the middle.
        """
        least = max(least, len(layer) // 4)
        return sorted(range(least, len(layer) - least + 1), key=lambda at: abs(2 * at - len(layer)))

    def _ends_topic(self, layer: Sequence[Step], at: int) -> bool:
        return self._topics.get(layer[at - 1]["id"]) != self._topics.get(layer[at]["id"])

    def _place(self, step: Step) -> int:
        return self._places[step["id"]]

    def _part_tokens(self, step: Step) -> int:
        """Tokens of a partial in a merge prompt, at most."""
        title = self._titles[step["document"]] if step["document"] is not None else 0
        return step["max_tokens"] + MARK_TOKENS * most_marks(step["words"]) + title + JOINT_TOKENS

    def _material(self, language: str, title_tokens: int, kind: PromptKind) -> int:
        """Tokens of material that a prompt has room for. Raises `DoesNotFit` when the rest leaves none."""
        material = self.prompt_tokens - self._overhead(language, kind) - title_tokens
        if material < LEAST_MATERIAL_TOKENS:
            raise DoesNotFit(f"The window of {self.facts.name} is too small for the focus and the title.")
        return material

    def _read_chunk(
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
        beside: Beside,
    ) -> Step:
        """Plan the call that reads a chunk."""
        prompt_tokens = self._overhead(language, self._reading) + self._headers[document.id] + beside.section
        prompt_tokens += chunk.tokens + (self._so_far_tokens(document.id) if part else 0)
        is_numbered = beside.numbers <= MOST_NUMBERS * chunk.tokens and (
            prompt_tokens + beside.numbers <= self.prompt_tokens
        )
        step = Step(
            id=id,
            kind="map",
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
            prompt_tokens=prompt_tokens + (beside.numbers if is_numbered else 0),
            max_tokens=_answer_tokens(words),
            is_summary=False,
            is_numbered=is_numbered,
            variant=0,
        )
        self.steps[id] = step
        return step

    def _merge(
        self, id: str, group: Sequence[Step], document: str | None, target: int, language: str, *, last: bool
    ) -> Step:
        words = sum(step["words"] for step in group)
        material = sum(self._part_tokens(step) for step in group)
        budget = target if last else min(max(target, PARTIAL_WORDS[1]), max(1, words // 2), self.most_words)
        step = Step(
            id=id,
            kind="merge",
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
            prompt_tokens=self._overhead(language, "merge") + material,
            max_tokens=_answer_tokens(budget),
            is_summary=False,
            is_numbered=True,
            variant=0,
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

    def _overhead(self, language: str, kind: PromptKind) -> int:
        """Tokens of a prompt without its material, at most."""
        if (language, kind) not in self._overheads:
            most = self._overheads[language, kind] = max(
                self._count_prompt(kind, task)
                for task in (
                    prompts.Task(9_999, language, is_summary=True, variant=self.options.variants - 1),
                    prompts.Task(9_999, language, is_summary=False),
                    prompts.Task(9_999, language, is_summary=True, is_conclusion=self.options.style == "report"),
                )
            )
            return most
        return self._overheads[language, kind]

    def _count_prompt(self, kind: PromptKind, task: prompts.Task) -> int:
        chunk: dict[str, Any] = {"header": Header(""), "section": "", "text": "", "part": 99_998, "parts": 99_999}
        wishes = self.options.wishes
        if kind == "merge":
            messages = prompts.merge_messages(parts=[], task=task, wishes=wishes)
        elif kind == "refine":
            messages = prompts.refine_messages(so_far="", **chunk, task=task, wishes=wishes)
        else:
            messages = prompts.map_messages(**chunk, task=task, wishes=wishes)
        return self._count(messages)

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
                map_tokens=self._overhead(language, "map"),
            )
        return self._beyond[language]

    def _sections(self, finals: Container[str]) -> list[list[str]]:
        """Pack steps into sections of about SECTION_STEPS: every merge that has no more steps beneath it stands with
        all of them, so that most documents are finished inside one section. The last step stands alone, and so do its
        variants. Where each call waits for the one before, a document stays together whatever its length.
        """
        refines = self.options.strategy == "refine"
        most = len(self.steps) if refines else max(SECTION_STEPS, math.isqrt(len(self.steps)))
        above = {lower: step["id"] for step in self.steps.values() for lower in step["inputs"] if not step["variant"]}
        sizes: dict[str, int] = {}  # of a step with all beneath it, which stand before it
        for id, step in self.steps.items():
            sizes[id] = 1 + sum(sizes[lower] for lower in step["inputs"])
        tops: dict[str, str | None] = {}  # the highest step that a step shares a section with; None: it is in none
        for id in reversed(self.steps):
            is_inside = id not in finals and sizes[id] <= most
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

    def _levels(self, sections: Sequence[Sequence[str]], finals: Container[str]) -> list[list[list[str]]]:
        """Return the merges that no section holds, without the last, by level and packed for one Send each."""
        placed = {id for section in sections for id in section}
        by_level: dict[int, list[str]] = {}
        for step in self.steps.values():
            if step["id"] not in placed and step["id"] not in finals:
                by_level.setdefault(step["level"], []).append(step["id"])
        return [
            [ids[start : start + SECTION_STEPS] for start in range(0, len(ids), SECTION_STEPS)]
            for _, ids in sorted(by_level.items())
        ]


def _balanced(layer: Sequence[Step], most: int) -> list[list[Step]]:
    """Divide a layer, in order, into as few groups of about equal size as hold at most so many steps."""
    number = math.ceil(len(layer) / most)
    borders = [round(index * len(layer) / number) for index in range(number + 1)]
    return [list(layer[left:right]) for left, right in pairwise(borders)]


def _digest(document: Document) -> int:
    text = f"{document.title}\n{document.text}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())


def _answer_tokens(words: int) -> int:
    return words * TOKENS_PER_WORD + ANSWER_SLACK_TOKENS
