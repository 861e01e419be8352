"""The model `embedded:extractive`, its pure part: which sentences of a batch say most within a number of words."""

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple, Self

import numpy as np

from graphs.models.features import Features, agreement, likeness, measure, mix
from graphs.models.genres import LEAST_REVIEWS, REVIEWS, Look, batch_genre, genre, is_dense, is_long_talk
from graphs.models.kinds import PROSE, SHORT, WORDLESS, Sentences, kinds
from graphs.models.matrix import Values, inverse_frequency, weigh
from graphs.models.meaning import MOST_SENTENCES, Model, by_meaning
from graphs.models.picking import MOST_CANDIDATES, Balance, Picker, Terms, best_of_each
from graphs.models.reading import Reading, read
from graphs.models.wording import wording
from graphs.text.arrays import Numbers, gaps, runs_of
from graphs.text.lengths import pieces
from graphs.text.passages import Passage, passages
from graphs.text.sentences import sentence_spans

VERSION = "extractive-9"
"""Part of every digest: change it with anything that changes a score."""

OVERRUN = 0.15
"""The share by which a selection may be longer than asked, and shorter where sentences of other lengths can be had."""

LONG_TALK = "long_conversation"
"""Why a summary is degraded: few sentences of a long meeting say what it came to."""

_FEW = 3  # sentences of prose, with which a document is short
_BLANK_LINE = "\n\n"
_PART_WORDS = 40  # the words of one part where a selection is spread: about two sentences
_PARTS = 12
_LIKE = 0.15  # mean cosine of documents from which on they are taken as being about one thing
_UNLIKE = 0.05  # and below which as being about nothing in common
_BALANCE = 1.5  # more than any score: of unlike documents each has its due before one has more


class Sentence(NamedTuple):
    """A sentence of the batch: document id, start and end in characters of its text."""

    document: str
    start: int
    end: int


class _Document(NamedTuple):
    identity: str
    text: str
    starts: Numbers
    ends: Numbers

    def passage(self) -> Passage:
        """Its sentences."""
        return Passage(self.text, self.starts, self.ends)


class BatchIndex:
    """TF-IDF of the whole batch, its centrality and position features: computed once, asked often.

    Sentences are numbered from 0 in source order. Nothing changes after `build`, so threads may share an index. Memory
    grows with the number of terms, not with the square of the sentences.
    """

    digest: str
    """SHA-256 (hex) of everything that the scores depend on: version of the algorithm, ids, texts, focus."""

    degraded: dict[str, str]
    """Why the summary of a document is likely to be poor, by the ids of such documents: `long_conversation`."""

    def __init__(
        self, documents: Sequence[tuple[str, str]], focus: str | None, embedding: Callable[[], Model | None] | None
    ) -> None:
        self._embedding = embedding() if embedding and len(documents) >= LEAST_REVIEWS else None
        self.digest = _digest(documents, focus, self._embedding.version if self._embedding else "")
        documents_read = [_split(identity, text) for identity, text in documents]
        self._identities = [document.identity for document in documents_read]
        self._places = {identity: place for place, identity in enumerate(self._identities)}
        if len(self._places) < len(documents_read):
            raise ValueError("two documents of the batch have the same id")
        sizes = np.array([len(document.starts) for document in documents_read], dtype=np.int64)
        self._bounds = np.concatenate([[0], sizes.cumsum()]).astype(np.int64)
        empty = np.zeros(0, np.int64)
        self._starts = np.concatenate([empty, *[document.starts for document in documents_read]])
        self._ends = np.concatenate([empty, *[document.ends for document in documents_read]])
        self._owners = np.arange(len(documents_read), dtype=np.int64).repeat(sizes)
        asked = Passage(focus or "", np.zeros(1, np.int64), np.array([len(focus or "")], np.int64))
        reading = read(passage.simplified() for passage in passages([*map(_Document.passage, documents_read), asked]))
        self._words, self._leaning = reading.words[:-1], reading.leaning[:-1]
        persons = np.bincount(self._owners, reading.persons[:-1] > 0, minlength=len(sizes)) / np.maximum(sizes, 1)
        self._genres = [
            genre(Look(document.text, document.starts, document.ends, share))
            for document, share in zip(documents_read, persons.tolist(), strict=True)
        ]
        self._kinds = self._judge(documents_read, reading)
        self.degraded = {
            document.identity: LONG_TALK
            for document, weights in zip(documents_read, self._genres, strict=True)
            if is_long_talk(weights, len(document.starts))
        }
        self._score(documents_read, reading, sizes, focus)

    @classmethod
    def build(
        cls,
        documents: Iterable[tuple[str, str]],
        *,
        focus: str | None = None,
        embedding: Callable[[], Model | None] | None = None,
    ) -> Self:
        """The index of (id, text) pairs in source order; `focus` moves the scores towards what resembles it.

        `embedding`, such as `meaning.installed`, is called where there may be reviews, the only texts that are looked
        at with one. Takes about a tenth of a second for a megabyte, with an embedding some twenty seconds for a hundred
        reviews. Raises ValueError when two documents share an id.
        """
        return cls(list(documents), focus, embedding)

    def __len__(self) -> int:
        """The number of sentences of the batch."""
        return len(self._starts)

    def sentence(self, number: int) -> Sentence:
        """The sentence of a number. IndexError if there is none."""
        if number < 0:
            raise IndexError(number)
        start, end = int(self._starts[number]), int(self._ends[number])
        return Sentence(self._identities[int(self._owners[number])], start, end)

    def number(self, sentence: Sentence) -> int:
        """The number of a sentence. KeyError if the batch has no such sentence."""
        first, last = self._range(sentence.document)
        number = first + int(self._starts[first:last].searchsorted(sentence.start))
        if number == last or (self._starts[number], self._ends[number]) != sentence[1:]:
            raise KeyError(sentence)
        return number

    def within(self, document: str, start: int, end: int) -> list[int]:
        """The numbers of the sentences between two offsets of a document that a summary may take, in source order.

        They are prose; failing that short sentences, failing that headings, tables, code and the like; failing that
        what reaches into the span. So a span that holds a word of a sentence never gives an empty list. KeyError if the
        document is unknown.
        """
        first, last = self._range(document)
        low, high = (first + int(self._starts[first:last].searchsorted(offset)) for offset in (start, end))
        whole = first + int(self._ends[first:last].searchsorted(end, side="right"))
        reaching = low - 1 if low > first and self._ends[low - 1] > start else low
        for begin, stop in ((low, min(whole, high)), (reaching, high)):
            own = self._kinds[begin:stop]
            best = int(own.min(initial=WORDLESS))
            if best < WORDLESS:
                found: list[int] = (begin + (own == best).nonzero()[0]).tolist()
                return found
        return []

    def select(self, candidates: Sequence[int], words: int) -> list[int]:
        """The candidates that together say most in about `words` words, in source order.

        Maximal marginal relevance (Carbonell & Goldstein 1998) and coverage of terms (Lin & Bilmes 2011) by the scores
        of the whole batch: within the document when all candidates are of one, else across documents, where each of
        several unlike documents has its due. What stands around the prose, such as a table of contents that was all of
        a small span, is left out where its document has better candidates. Never longer than `words` and 15 %, unless
        every candidate alone is. Equal input gives equal output. ValueError if `words` is less than one.
        """
        if words < 1:
            raise ValueError("a selection has at least one word")
        numbers = np.unique(np.array(candidates, dtype=np.int64))
        if not len(numbers):
            return []
        numbers = self._without_apparatus(numbers)
        limit = int(words * (1.0 + OVERRUN))
        lengths = self._words[numbers]
        if int(lengths.min()) > limit:
            return [int(numbers[int(np.argmin(lengths))])]
        owners = self._owners[numbers]
        alone = bool(owners[0] == owners[-1])
        weights = self._genres[int(owners[0])] if alone else self._genre
        scores = (self._own if alone else self._across)[numbers]
        parts = max(1, min(_PARTS, words // _PART_WORDS, len(numbers) // 4)) if weights.spread else 1
        part = np.arange(len(numbers)) * parts // len(numbers)
        kept = best_of_each(scores, part if alone else owners, MOST_CANDIDATES)
        numbers, part = numbers[kept], part[kept]
        picker = Picker(
            self._terms,
            numbers,
            scores[kept],
            self._words[numbers],
            self._leaning[numbers],
            redundancy=weights.redundancy,
            novelty=weights.novelty,
            balance=None if alone or not self._strength else self._balance(owners, kept),
        )
        enough = math.ceil(words * (1.0 - OVERRUN))
        if parts > 1:
            for step in range(parts):
                # What earlier parts left over goes to this one: the budget is met, the parts stay nearly equal.
                picker.take(
                    words * (step + 1) // parts, int(limit * (step + 1) // parts), part == step, words, enough=enough
                )
        picker.take(words, limit, np.ones(len(numbers), dtype=np.bool_), words, enough=enough)
        picker.fill(enough, limit)
        return sorted(int(numbers[place]) for place in picker.taken)

    def _without_apparatus(self, numbers: Numbers) -> Numbers:
        """The candidates without those of a kind that stands around prose, where their document has better ones."""
        owners, own = self._owners[numbers], self._kinds[numbers]
        firsts = runs_of(owners)
        best = np.minimum.reduceat(own, firsts).repeat(gaps(firsts, len(own)))
        kept: Numbers = numbers[own <= np.maximum(best, SHORT)]
        return kept

    def _range(self, document: str) -> tuple[int, int]:
        place = self._places[document]
        return int(self._bounds[place]), int(self._bounds[place + 1])

    def _judge(self, documents: Sequence[_Document], reading: Reading) -> Numbers:
        """The kinds of all sentences; a short document has no short sentences."""
        least = np.array([weights.least_words for weights in self._genres], np.int64)[self._owners]
        found = [np.zeros(0, np.int64)]
        sizes = np.array([len(document.text) + len(_BLANK_LINE) for document in documents], np.int64)
        offsets = sizes.cumsum() - sizes
        for first, last in pieces([document.text for document in documents]):
            own = slice(int(self._bounds[first]), int(self._bounds[last]))
            owners = self._owners[own]
            moved = offsets[owners] - offsets[first]
            text = _BLANK_LINE.join(document.text for document in documents[first:last])
            starts, ends = self._starts[own] + moved, self._ends[own] + moved
            found.append(
                kinds(Sentences(text, starts, ends, owners, reading.words[own], least[own], reading.suspects[own]))
            )
        judged = np.concatenate(found)
        few = np.bincount(self._owners, judged == PROSE, minlength=len(documents)) < _FEW
        judged[few[self._owners] & (judged == SHORT)] = PROSE
        return judged

    def _score(self, documents: Sequence[_Document], reading: Reading, sizes: Numbers, focus: str | None) -> None:
        """Score every sentence within its document (`_own`) and across the batch (`_across`), each from 0 to 1."""
        height = len(self._starts)
        weighed = weigh(reading.counts, inverse_frequency(reading.counts.head(height)))
        tfidf = weighed.head(height)
        asked = np.zeros(height)
        if weighed.starts[height] < weighed.starts[-1]:
            # The root of the cosine: that a sentence speaks of it at all says more than how much else it says.
            asked = np.sqrt(np.maximum(tfidf.times(weighed.row(height)), 0.0))
        reading = reading.head(height)
        counts = reading.counts
        prose = _prose(self._kinds, self._owners, len(sizes))
        often = np.bincount(counts.columns, prose[counts.rows], minlength=counts.width)
        self._terms = Terms(tfidf, np.log(np.maximum(often, 1.0)))
        several = len(sizes) > 1
        apart = counts.apart(self._owners) if several else counts
        alike = likeness(tfidf, apart, prose, self._owners, len(sizes)) if several else 1.0
        self._genre = batch_genre(self._genres, sizes.tolist(), alike)
        together = min(max((alike - _UNLIKE) / (_LIKE - _UNLIKE), 0.0), 1.0)
        self._strength = 0.0 if self._genre == REVIEWS else _BALANCE * (1.0 - together)
        # A sentence's place among the prose of its document.
        before = np.concatenate([[0.0], prose.cumsum()])
        index = before[:-1] - before[self._bounds[self._owners]]
        by_overlap = any(weights.textrank for weights in (*self._genres, self._genre))
        features = measure(tfidf.like(apart), reading._replace(counts=apart), asked, prose=prose, by_overlap=by_overlap)
        self._own = self._across = mix(features, index, self._genres, prose=prose, groups=self._owners)
        if several and together > 0.0:
            features = measure(tfidf, reading, asked, prose=prose, by_overlap=by_overlap)
            features = features._replace(agreement=agreement(counts, apart))
            if self._genre.wording:
                read_as = [document.passage().simplified() for document in documents]
                texts = [text for own in read_as for text in own.sentences(np.arange(len(own.starts)))]
                features = features._replace(wording=wording(texts, prose))
            everything = np.zeros(height, np.int64)
            self._across = mix(features, index, [self._genre], prose=prose, groups=everything)
            if self._genre.meaning and self._embedding:
                features = self._with_meaning(features, self._embedding, documents, prose, focus)
                self._across = mix(features, index, [self._genre], prose=prose, groups=everything)

    def _with_meaning(
        self, features: Features, embedding: Model, documents: Sequence[_Document], prose: Values, focus: str | None
    ) -> Features:
        """The features with what the sentences mean that are best without; the same where most texts are dense."""
        if not len(prose) or 2 * sum(is_dense(document.text) for document in documents) >= len(documents):
            return features
        own = prose.nonzero()[0]
        best = own[np.sort(np.argsort(-self._across[own], kind="stable")[:MOST_SENTENCES])]
        texts = [documents[int(self._owners[row])].text[self._starts[row] : self._ends[row]] for row in best]
        return by_meaning(features, embedding, best, texts, focus)

    def _balance(self, owners: Numbers, kept: Numbers) -> Balance:
        """Each document's due: its share of the words, by the logarithm of the words that may be taken from it."""
        documents, groups = np.unique(owners[kept], return_inverse=True)
        sizes = np.array([self._words[slice(*self._bounds[place : place + 2])].sum() for place in documents.tolist()])
        due = np.log1p(sizes.astype(np.float64))
        return Balance(groups.astype(np.int64), due / due.sum(), self._strength)


def _prose(found: Numbers, owners: Numbers, size: int) -> Values:
    """1 for each sentence that is prose, else 0; all of a document that has none count as prose."""
    prose = found == PROSE
    has = np.bincount(owners, prose, minlength=size) > 0
    return np.where(has[owners], prose, True).astype(np.float64)


def _split(identity: str, text: str) -> _Document:
    bounds = np.fromiter(chain.from_iterable(sentence_spans(text)), np.int64)
    return _Document(identity, text, bounds[::2].copy(), bounds[1::2].copy())


def _digest(documents: Sequence[tuple[str, str]], focus: str | None, embedding: str) -> str:
    """SHA-256 over the versions and every part with its length in front, so that no two batches run together."""
    digest = hashlib.sha256(f"{VERSION} {embedding}".encode())
    for part in ("" if focus is None else "=" + focus, *(part for document in documents for part in document)):
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.hexdigest()
