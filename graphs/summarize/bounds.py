"""How many words each answer is to have, and how many tokens each prompt and answer may: what a plan promises."""

from collections.abc import Sequence
from typing import Any, Literal

from graphs.models.catalog import ModelFacts
from graphs.models.chat import Messages
from graphs.summarize import prompts
from graphs.summarize.authors import most_marks
from graphs.summarize.context import Options
from graphs.summarize.documents import Document
from graphs.summarize.facet_plan import most_beyond_map
from graphs.summarize.state import Step
from graphs.text.outline import Header
from graphs.text.tokens import TokenCounter, count_messages

FAN_IN = 32  # partials that one merge takes at most, however large the window: a model skims longer lists
FAN_INS = (2, 3, 4, 6, 8, 12, 16, 24, FAN_IN)  # in steps, so that one longer title does not divide all documents anew
WINDOW_SHARE = 0.5  # of the window that a chunk, or a merge's partials, may fill: a model reads the rest less well
ANSWER_SHARE = 0.2  # of the window that is kept for the answer
PARTIAL_WORDS = (60, 250)  # a map's answer, at least and at most
TOKENS_PER_WORD = 4  # upper bound over the languages that o200k_base knows well; the answer's hard limit
ANSWER_SLACK_TOKENS = 64
MANY_WORDS = 1_000_000  # of a source: its summary has the words that were asked for
MARK_TOKENS = 3  # of a number in brackets, in a partial
JOINT_TOKENS = 24  # per part of a merge: its number, "part 12 of 34", line breaks, and what tokens do at a seam
SMALLEST_SUMMARY_WORDS = 12
LEAST_MATERIAL_TOKENS = 64  # of a prompt: with less, it would be all instruction

PromptKind = Literal["map", "merge", "refine"]


class DoesNotFit(ValueError):
    """What is asked for does not fit the model's window."""


class Bounds:
    """The words and tokens of one run's steps, by its options and its model."""

    def __init__(self, options: Options, facts: ModelFacts, tokens: TokenCounter) -> None:
        self.options = options
        self.facts = facts
        self.tokens = tokens
        self.room = int(facts.window_tokens * WINDOW_SHARE)  # tokens of material in one prompt, at most
        self.answer_tokens = int(facts.window_tokens * ANSWER_SHARE)  # of an answer, at most
        self.prompt_tokens = int(facts.window_tokens * (1 - ANSWER_SHARE))  # of a prompt, at most
        self.most_words = (self.answer_tokens - ANSWER_SLACK_TOKENS) // TOKENS_PER_WORD
        self.headers: dict[str, int] = {}  # tokens of what a chunk's prompt says of its document
        self._titles: dict[str, int] = {}  # tokens of each document's title, as a prompt shows it
        self._labels: dict[str, int] = {}  # and of each group's label
        self._overheads: dict[tuple[str, PromptKind], int] = {}
        self._beyond: dict[str, int] = {}

    def take_in(self, document: Document, header: Header) -> None:
        """Count what prompts say of a document."""
        shown = [prompts.shown_title(document.title), prompts.header_text(header)]
        self._titles[document.id], self.headers[document.id] = self.tokens.count(shown)

    # ---------------------------------------------------------------- words

    def language(self, own: str) -> str:
        """Return the language to write in; a model that quotes has no choice."""
        return own if self.options.language == "auto" or self.facts.provider == "embedded" else self.options.language

    def target(self, source_words: int) -> int:
        """Return the words of a summary: what the caller wants, but no more than half of the source."""
        return min(self.options.target_words, max(SMALLEST_SUMMARY_WORDS, source_words // 2), self.most_words)

    def partial_words(self, words: int, source_words: int, target: int) -> int:
        """Return the words of a chunk's partial: its share of two and a half summaries, within bounds, at most half of
        the chunk.
        """
        share = round(2.5 * target * words / max(1, source_words))
        most = min(PARTIAL_WORDS[1], self.most_words, words // 2)
        return max(SMALLEST_SUMMARY_WORDS, min(max(PARTIAL_WORDS[0], share), most))

    # ---------------------------------------------------------------- tokens

    @property
    def reading(self) -> PromptKind:
        """The kind of the prompts that hold chunks."""
        return "refine" if self.options.strategy == "refine" else "map"

    def material(self, language: str, header_tokens: int, kind: PromptKind) -> int:
        """Return the tokens of material that a prompt has room for. Raises `DoesNotFit` when the rest leaves none."""
        material = self.prompt_tokens - self.overhead(language, kind) - header_tokens
        if material < LEAST_MATERIAL_TOKENS:
            raise DoesNotFit(f"The window of {self.facts.name} is too small for the focus and the title.")
        return material

    def so_far_tokens(self, document: str) -> int:
        """Return the tokens of the summary that a chunk's prompt continues, at most."""
        if self.reading == "map":
            return 0
        words = self.target(MANY_WORDS)
        return self._carried_tokens(answer_limit(words), words, self._titles[document])

    def part_tokens(self, step: Step) -> int:
        """Return the tokens of a partial in a merge prompt, at most."""
        return self._carried_tokens(step["max_tokens"], step["words"], self._name_tokens(step))

    def _carried_tokens(self, max_tokens: int, words: int, name_tokens: int) -> int:
        return max_tokens + MARK_TOKENS * most_marks(words) + name_tokens + JOINT_TOKENS

    def _name_tokens(self, step: Step) -> int:
        """Return the tokens of the title, or of the group's label, that a merge names a partial by."""
        if "group" not in step:
            return self._titles[step["document"]] if step["document"] is not None else 0
        label = step["group"]
        if label not in self._labels:
            (self._labels[label],) = self.tokens.count([prompts.shown_title(label)])
        return self._labels[label]

    def fan_in(self, layer: Sequence[Step], language: str) -> int:
        """Return how many steps of a layer one merge can take. Raises `DoesNotFit`."""
        widest = max(self.part_tokens(step) for step in layer)
        material = self.material(language, 0, "merge")
        if material < 2 * widest:
            raise DoesNotFit(f"The window of {self.facts.name} is too small to merge two partial summaries.")
        room = min(self.room, material) // widest
        return max(fan_in for fan_in in FAN_INS if fan_in <= max(2, room))

    def overhead(self, language: str, kind: PromptKind) -> int:
        """Return the tokens of a prompt without its material, at most."""
        if (language, kind) not in self._overheads:
            tasks = (
                prompts.Task(9_999, language, is_summary=True, variant=self.options.variants - 1),
                prompts.Task(9_999, language, is_summary=False),
                prompts.Task(9_999, language, is_summary=True, is_conclusion=self.options.style == "report"),
            )
            self._overheads[language, kind] = max(self._empty_prompt(kind, task) for task in tasks)
        return self._overheads[language, kind]

    def _empty_prompt(self, kind: PromptKind, task: prompts.Task) -> int:
        chunk: dict[str, Any] = {"header": Header(""), "section": "", "text": "", "part": 99_998, "parts": 99_999}
        wishes = self.options.wishes
        if kind == "merge":
            return self.count(prompts.merge_messages(parts=[], task=task, wishes=wishes))
        if kind == "refine":
            return self.count(prompts.refine_messages(so_far="", **chunk, task=task, wishes=wishes))
        return self.count(prompts.map_messages(**chunk, task=task, wishes=wishes))

    def beyond_map(self, language: str) -> int:
        """Return the tokens that the facets' longest prompt for a chunk has beyond a map's."""
        if not self.options.facets or self.facts.provider == "embedded":
            return 0
        if language not in self._beyond:
            self._beyond[language] = most_beyond_map(
                self.options.all_facets,
                self.options.labels,
                language,
                count=self.count,
                map_tokens=self.overhead(language, "map"),
            )
        return self._beyond[language]

    def count(self, messages: Messages) -> int:
        """Return the tokens of a prompt, at most."""
        return count_messages(messages, self.tokens)


def answer_limit(words: int) -> int:
    """Return the tokens that an answer of so many words may have."""
    return words * TOKENS_PER_WORD + ANSWER_SLACK_TOKENS
