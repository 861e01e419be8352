"""Choose every call of a run: chunks, sections, the tree of merges, words to write and token bounds.

The tree is fixed by sizes alone, so the plan is also the dry run: how many calls, how many tokens at most, how deep.
What it fixes for one document hangs on no other, so the calls that read it may begin before the rest is planned.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import count

from graphs.models.catalog import ModelFacts
from graphs.summarize.bounds import PARTIAL_WORDS, Bounds, answer_limit
from graphs.summarize.context import Budget, Options
from graphs.summarize.documents import Document, Documents
from graphs.summarize.facet_plan import facet_plans, wanted_summaries
from graphs.summarize.grouping import ContentGroups, balanced, digest_of, sources_of
from graphs.summarize.reading import Beside, Reader, Reading, Traits
from graphs.summarize.sending import levels_of, sections_of
from graphs.summarize.state import DocumentPlan, GroupPlan, Plan, Step
from graphs.text.chunking import Chunk
from graphs.text.tokens import token_counter

MOST_NUMBERS = 0.6  # of a chunk's tokens, that its sentences' numbers may add; else they get none
TOPIC_DOCUMENTS = 8  # from so many on they are merged by topic
VERBATIM_WORDS = 30  # a document of so few is its own summary

Begin = Callable[[Sequence[Step]], None]


def begin_nothing(steps: Sequence[Step]) -> None:
    """Do nothing: the plan is all that is wanted."""


def make_plan(
    documents: Documents, options: Options, facts: ModelFacts, chunk_tokens: int, begin: Begin = begin_nothing
) -> Plan:
    """Return the plan of a batch. Takes seconds for many megabytes, so call it in a thread.

    `begin` is handed the steps that read a document as soon as they are planned, those left out whose answer people
    watch being written. Raises `DoesNotFit`.
    """
    return _Planner(Bounds(options, facts, token_counter(facts.name)), chunk_tokens, begin).plan(documents)


class _Planner:
    def __init__(self, bounds: Bounds, chunk_tokens: int, begin: Begin) -> None:
        self.bounds = bounds
        self.options = bounds.options
        self.facts = bounds.facts
        self.chunk_tokens = chunk_tokens
        self.begin = begin
        self.steps: dict[str, Step] = {}

    def plan(self, documents: Documents) -> Plan:
        traits: dict[str, Traits] = {}  # all that is kept of the readings: chunks are many
        planned: list[DocumentPlan] = []
        reader = Reader(documents, self.bounds, self.chunk_tokens)
        for position, document in enumerate(documents):
            read = reader.read(document)
            traits[document.id] = read.traits
            planned.append(self._document(position, document, read))
            self._begin(planned)
        final, variants, groups = "", [], []
        if self.options.scope != "document":
            groups = self._groups({document.id: document.group for document in documents}, planned, traits)
            if top := self._merge_across(planned, traits, "m", groups):
                final = top["id"]
                variants = self._variants(final)
        self._mark_finals([final] if final else [document["top"] for document in planned if document["top"]])
        finals = {final, *variants}
        sections = sections_of(self.steps, finals, whole=self.bounds.reading == "refine")
        plan = Plan(
            documents=planned,
            steps=self.steps,
            sections=sections,
            levels=levels_of(self.steps, sections, finals),
            final=final,
            variants=variants,
            groups=groups,
        )
        if self.options.facets:
            self._add_facets(plan)
        return plan

    def _begin(self, planned: Sequence[DocumentPlan]) -> None:
        """Let the steps that read the last document begin: they are as they will be in the end."""
        *earlier, last = planned
        # The summary of the only text is that of the batch, and shown while it is written, which is known at the end.
        is_shown = self.options.scope == "document" or not any(document["top"] for document in earlier)
        reading = [self.steps[f"{len(earlier)}.{part}"] for part in range(last["chunks"])]
        self.begin([step for step in reading if step["kind"] == "map" and not (step["is_summary"] and is_shown)])

    def _mark_finals(self, ids: Sequence[str]) -> None:
        """Mark the steps whose answers people watch being written: not a report's end, which is put together first."""
        for step in map(self.steps.__getitem__, ids):
            step["is_final"] = step["document"] is not None or self.options.style != "report"

    def _add_facets(self, plan: Plan) -> None:
        """Plan the calls beside those of the summaries."""
        plan["summaries"] = wanted_summaries(plan, self.options.scope)
        plan["facets_wait"] = self.options.budget != Budget()
        plan["facets"] = facet_plans(
            self.options.all_facets,
            self.options.labels,
            plan,
            self.facts,
            count=self.bounds.count,
            map_tokens=lambda language: self.bounds.overhead(language, "map"),
            most_tokens=(self.bounds.prompt_tokens, self.bounds.answer_tokens),
        )

    # ---------------------------------------------------------------- a document

    def _document(self, position: int, document: Document, read: Reading) -> DocumentPlan:
        """Plan one document: the calls that read it and the merges up to its summary."""
        source_words = sum(read.words)
        target = self.bounds.target(source_words)
        wanted = self.bounds.language(read.language)
        is_verbatim = self._is_verbatim(read, wanted)
        refines = self.bounds.reading == "refine"
        layer: list[Step] = []
        read_words = 0
        for part, (chunk, words, beside) in enumerate(zip(read.chunks, read.words, read.beside, strict=True)):
            read_words += words
            if refines:  # of what was read so far, as of a document of that length
                partial = self.bounds.target(read_words)
            else:
                partial = target if len(read.chunks) == 1 else self.bounds.partial_words(words, source_words, target)
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

    def _is_verbatim(self, read: Reading, wanted: str) -> bool:
        """Tell whether a document is so short that it is its own summary, if it need not be translated or judged."""
        short = len(read.chunks) == 1 and sum(read.words) <= VERBATIM_WORDS
        return short and wanted == read.language and self.options.focus is None

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
        prompt_tokens = self.bounds.overhead(language, self.bounds.reading) + self.bounds.headers[document.id]
        prompt_tokens += beside.section + chunk.tokens + (self.bounds.so_far_tokens(document.id) if part else 0)
        is_numbered = beside.numbers <= MOST_NUMBERS * chunk.tokens and (
            prompt_tokens + beside.numbers <= self.bounds.prompt_tokens
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
            max_tokens=answer_limit(words),
            is_summary=False,
            is_numbered=is_numbered,
            variant=0,
        )
        self.steps[id] = step
        return step

    # ---------------------------------------------------------------- merges

    def _groups(
        self, labels: Mapping[str, str], planned: Sequence[DocumentPlan], traits: Mapping[str, Traits]
    ) -> list[GroupPlan]:
        """Plan the summary of each group of documents, as of a batch. Where all text is in one group there are none:
        that summary is the batch's.
        """
        members: dict[str, list[DocumentPlan]] = {}
        for document in planned:
            if label := labels[document["id"]]:
                members.setdefault(label, []).append(document)
        with_text = {labels[document["id"]] for document in planned if document["top"]}
        if len(with_text) < 2:
            return []
        groups = []
        for number, (label, own) in enumerate(members.items()):
            top = self._merge_across(own, traits, f"g{number}.m")
            if top:
                top["group"] = label
            groups.append(
                GroupPlan(name=label, documents=[document["id"] for document in own], top=top["id"] if top else "")
            )
        return groups

    def _merge_across(
        self,
        planned: Sequence[DocumentPlan],
        traits: Mapping[str, Traits],
        prefix: str,
        groups: Sequence[GroupPlan] = (),
    ) -> Step | None:
        """Plan the merges from the summaries of documents, and of groups of them, to that of all; return the last one,
        or None where nothing has text.
        """
        sources = sources_of(planned, groups)
        tops = [self.steps[id] for id in sources]
        if len(tops) < 2:
            return tops[0] if tops else None
        by_language: Counter[str] = Counter()
        for document in planned:
            by_language[document["language"]] += document["characters"]
        language = self.bounds.language(by_language.most_common(1)[0][0])
        target = self.bounds.target(sum(document["words"] for document in planned))
        content = ContentGroups(
            # A group's label stays as it is when its documents change.
            digests={
                id: digest_of(source.group) if source.group else traits[source.document].digest
                for id, source in sources.items()
            },
            places={id: place for place, id in enumerate(sources)},
        )
        # Those that stand in one prompt stand in the order of the batch, and so do sources that the caller has named.
        if not groups and len(tops) > self.bounds.fan_in(tops, language) and self._groups_by_topic(len(planned)):
            tops = content.sorted_by_topic(tops, {id: document.features for id, document in traits.items()})
        top = self._merge_up(tops, prefix, None, target, language, content)
        assert top is not None  # there are at least two
        top["is_summary"] = True
        return top

    def _groups_by_topic(self, documents: int) -> bool:
        by = self.options.group_by
        return by == "topic" or (by == "auto" and documents >= TOPIC_DOCUMENTS)

    def _merge_up(
        self,
        layer: Sequence[Step],
        prefix: str,
        document: str | None,
        target: int,
        language: str,
        content: ContentGroups | None = None,
    ) -> Step | None:
        """Add levels of merges until one step is left; return it, or None for an empty layer."""
        layer = list(layer)
        for round in count(1):
            if len(layer) < 2:
                break
            fan_in = self.bounds.fan_in(layer, language)
            if len(layer) <= fan_in:
                groups = [layer]
            else:
                groups = content.groups(layer, fan_in) if content else balanced(layer, fan_in)
            last = len(groups) == 1
            layer = [
                group[0]
                if len(group) == 1
                else self._merge(f"{prefix}{round}.{number}", group, document, target, language, last=last)
                for number, group in enumerate(groups)
            ]
            if content:
                for step, group in zip(layer, groups, strict=True):
                    content.put(step, group)
        return layer[0] if layer else None

    def _merge(
        self, id: str, group: Sequence[Step], document: str | None, target: int, language: str, *, last: bool
    ) -> Step:
        words = sum(step["words"] for step in group)
        material = sum(self.bounds.part_tokens(step) for step in group)
        most = min(max(target, PARTIAL_WORDS[1]), max(1, words // 2), self.bounds.most_words)
        budget = target if last else most
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
            prompt_tokens=self.bounds.overhead(language, "merge") + material,
            max_tokens=answer_limit(budget),
            is_summary=False,
            is_numbered=True,
            variant=0,
        )
        self.steps[id] = step
        return step

    def _variants(self, final: str) -> list[str]:
        """Plan the batch's summary as often as it is wanted beside the first; return the steps' ids."""
        ids = []
        for variant in range(1, self.options.variants):
            step = self.steps[final].copy()
            step["id"], step["variant"] = f"{final}~{variant}", variant
            self.steps[step["id"]] = step
            ids.append(step["id"])
        return ids
