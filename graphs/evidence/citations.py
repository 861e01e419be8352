"""Say what each sentence of a summary rests on: exact places in the sources.

A model that quotes brings its places along. What a chat model wrote is aligned with the sources by BM25 (Robertson &
Zaragoza, "The Probabilistic Relevance Framework", 2009): the source sentence that shares the most telling words with
it. Of several that share nearly as much, the one wins that stands where the sentence's neighbours in the summary come
from. `bench/attribution.py` measures it against people, and the numbers below were chosen by it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, compress
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from graphs.evidence.scoring import CANDIDATE_SHARE, CANDIDATES, Block, Integers, Scoring, Terms, best_sentences, idf_of
from graphs.text.sentences import sentence_spans, split_sentences
from graphs.text.words import BREAK, terms, terms_of, word_forms

CITATIONS = 2  # of one sentence, at most
SECOND_SHARE = 0.8  # of the best score, for a second citation to be worth giving
LEAST_SHARE = 0.15  # of a sentence's term weight that its citation must share, or it gets none

PIECE_CHARACTERS = 100_000  # read at once: some milliseconds in which no other thread of Python runs
REMEMBERED_FORMS = 1 << 16  # of words: some 10 MB
BLOCK_SIZE = 250_000  # postings or sentences that are sorted and scored at once


class Source(Protocol):
    """A text that may be cited."""

    @property
    def id(self) -> str:
        """The document's id."""

    @property
    def text(self) -> str:
        """The document's text."""


Spans = Iterable[tuple[int, int]]
"""The first character of each sentence of a text, and its end, exclusive."""


def spans_of(source: Source) -> Spans:
    """Find the sentences of a source."""
    return sentence_spans(source.text)


class Place(NamedTuple):
    """A sentence of a source."""

    document: str
    start: int  # characters
    end: int


class Claim(NamedTuple):
    """A sentence whose places are wanted; `document` narrows the search to one source."""

    sentence: str
    document: str | None = None
    around: str = ""  # its neighbours in the summary, which hint at the part of the sources that it is from


def claims_of(text: str, *, language: str, document: str | None = None) -> list[Claim]:
    """Return the sentences of a summary, to be searched for."""
    sentences = [" ".join(text[start:end].split()) for start, end in split_sentences(text, language)]
    return [Claim(sentence, document, around(sentences, place)) for place, sentence in enumerate(sentences)]


def around(sentences: Sequence[str], place: int) -> str:
    """Return the neighbours of a sentence of a summary."""
    return " ".join([*sentences[max(0, place - 1) : place], *sentences[place + 1 : place + 2]])


class SentenceSearch:
    """BM25 over the sentences of a batch."""

    def __init__(self, sources: Iterable[Source], sentences: Callable[[Source], Spans] = spans_of) -> None:
        self._sources = sources
        self._sentences = sentences  # finds those of a source, where somebody knows them already

    def find(self, claims: Sequence[Claim]) -> list[list[Place]]:
        """Return the places that each claim rests on, best first; none where too little is shared.

        Reads once each source that some claim may rest on, a second for some 15 megabytes, and then takes a few
        milliseconds a claim, so ask for all claims at once and in a thread. Memory is that of the words of the claims
        and of what is around them in the sources, not of all words.
        """
        if not claims:
            return []
        index = _Index(claims)
        asked = {claim.document for claim in claims}
        for source in self._sources:
            if None in asked or source.id in asked:
                index.read(source, self._sentences(source))
        return index.places()


class _Wanted:
    """The terms of the claims by number, and in which documents their places are wanted."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        self.numbers: dict[str, int] = {}
        self.documents: dict[str, int] = {}  # that claims are narrowed to, by number
        self.of_claims: list[Integers] = []
        self.around_claims: list[Integers] = []
        anywhere: set[int] = set()
        inside: set[tuple[int, int]] = set()
        for claim in claims:
            own, beside = self._numbered(claim.sentence), self._numbered(claim.around)
            self.of_claims.append(np.array(own, np.int64))
            self.around_claims.append(np.array(beside, np.int64))
            if claim.document is None:
                anywhere.update(own, beside)
            else:
                number = self.documents.setdefault(claim.document, len(self.documents))
                inside.update((number, term) for term in chain(own, beside))
        self._anywhere = np.zeros(len(self.numbers), bool)
        self._anywhere[list(anywhere)] = True
        self._inside = np.array(sorted(number * len(self.numbers) + term for number, term in inside), np.int64)

    def _numbered(self, text: str) -> list[int]:
        return [self.numbers.setdefault(term, len(self.numbers)) for term in dict.fromkeys(terms(text))]

    def keeps(self, documents: Integers, terms: Integers) -> NDArray[np.bool_]:
        """Return for each pair of a document's number and a term whether the places are wanted."""
        kept: NDArray[np.bool_] = self._anywhere[terms]
        if len(self._inside):
            pairs = documents * len(self.numbers) + terms
            places = np.minimum(np.searchsorted(self._inside, pairs), len(self._inside) - 1)
            kept |= self._inside[places] == pairs
        return kept


class _Codes(dict[str, int]):
    """What each word of the sources means to the search, looked up at the speed of C.

    A code from 0 up is the number of terms of a word that has no wanted one; `BREAK` is -1; from -2 down a code is
    the number of an entry, which is a word with wanted terms.
    """

    def __init__(self, numbers: Mapping[str, int], *, ascii: bool) -> None:
        self._numbers = numbers
        self._ascii = ascii
        self._made: list[int] = []  # by entry: how many terms there are in all
        self._first: list[int] = [0]  # by entry: where its wanted terms begin
        self._terms: list[int] = []  # wanted ones, of all entries
        self._entries: tuple[Integers, Integers, Integers] | None = None  # these three, while none is added

    def __missing__(self, form: str) -> int:
        code = self[form] = -1 if form == BREAK else self._code(terms_of(form, ascii=self._ascii))
        return code

    def _code(self, made: Sequence[str]) -> int:
        wanted = [self._numbers[term] for term in made if term in self._numbers]
        if not wanted:
            return len(made)
        self._entries = None
        self._made.append(len(made))
        self._terms += wanted
        self._first.append(len(self._terms))
        return -1 - len(self._made)

    def read(self, texts: Sequence[str]) -> tuple[Integers, Integers, Integers]:
        """Return the number of terms of each text, and the wanted terms in order, each with its text."""
        forms = word_forms(texts, ascii=self._ascii)
        codes = np.fromiter(map(self.__getitem__, forms), np.int64, len(forms))
        if self._entries is None:
            self._entries = np.array(self._made, np.int64), np.array(self._first), np.array(self._terms, np.int64)
        made, first, terms = self._entries
        text_of = np.cumsum(codes == -1)
        hits = np.flatnonzero(codes < -1)
        entries = -2 - codes[hits]
        codes[hits] = made[entries]
        lengths = np.bincount(text_of, np.maximum(codes, 0), len(texts)).astype(np.int64)
        begins, times = first[entries], first[entries + 1] - first[entries]
        places = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times - begins, times)
        found = terms[places]
        if len(self) > REMEMBERED_FORMS:  # a text that repeats nothing would fill the memory
            self.clear()
            self._made, self._first, self._terms, self._entries = [], [0], [], None
        return lengths, np.repeat(text_of[hits], times), found


class _Index:
    """What the claims' terms do in the sources."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        self._claims = claims
        self._wanted = _Wanted(claims)
        self._codes = [_Codes(self._wanted.numbers, ascii=ascii) for ascii in (False, True)]
        self._df = np.zeros(len(self._wanted.numbers), np.int64)
        self._ranges: dict[str, tuple[int, int]] = {}
        # The piece that is being gathered, by sentence.
        self._texts: list[str] = []
        self._spans: list[tuple[int, int]] = []
        self._documents: list[int] = []
        self._characters = 0
        # What was read, by sentence and piece. 32 bits: there may be millions.
        self._sentences = 0
        self._starts: list[NDArray[np.int32]] = []
        self._ends: list[NDArray[np.int32]] = []
        self._lengths: list[NDArray[np.int32]] = []
        self._blocks: list[Block] = []
        self._open: list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]] = []  # row, term, times
        self._open_first = 0
        self._open_size = 0

    def read(self, source: Source, spans: Spans) -> None:
        """Add the sentences of a source."""
        text = source.text
        document = self._wanted.documents.get(source.id, -1)
        first = self._sentences + len(self._texts)
        for span in spans:
            sentence = text[span[0] : span[1]]
            self._texts.append(sentence)
            self._spans.append(span)
            self._documents.append(document)
            self._characters += len(sentence)
            if self._characters >= PIECE_CHARACTERS:
                self._read_piece()
        self._ranges[source.id] = first, self._sentences + len(self._texts)

    def _read_piece(self) -> None:
        lengths = np.zeros(len(self._texts), np.int32)
        documents = np.array(self._documents, np.int64)
        plain = np.fromiter(map(str.isascii, self._texts), bool, len(self._texts))
        width = len(self._df)
        for codes, own_kind in zip(self._codes, (~plain, plain), strict=True):
            own = np.flatnonzero(own_kind)
            if not len(own):
                continue
            lengths[own], texts, found = codes.read(list(compress(self._texts, own_kind)))
            if not len(found):
                continue
            pairs, times = np.unique(texts * width + found, return_counts=True)
            rows, terms = own[pairs // width], pairs % width
            self._df += np.bincount(terms, minlength=width)
            kept = self._wanted.keeps(documents[rows], terms)
            postings = (rows[kept] + self._sentences, terms[kept], times[kept])
            row, term, time = (column.astype(np.int32) for column in postings)
            self._open.append((row, term, time))
            self._open_size += len(row)
        bounds = np.fromiter(chain.from_iterable(self._spans), np.int32, 2 * len(self._spans))
        self._starts.append(bounds[::2].copy())
        self._ends.append(bounds[1::2].copy())
        self._lengths.append(lengths)
        self._sentences += len(self._texts)
        for gathered in (self._texts, self._spans, self._documents):
            gathered.clear()
        self._characters = 0
        if max(self._open_size, self._sentences - self._open_first) >= BLOCK_SIZE:
            self._close_block()

    def _close_block(self) -> None:
        if self._open:
            rows, terms, times = (np.concatenate(column) for column in zip(*self._open, strict=True))
            order = np.lexsort((rows, terms))
            distinct, begins = np.unique(terms[order], return_index=True)
            self._blocks.append(
                Block(
                    first=self._open_first,
                    last=self._sentences,
                    terms=distinct.astype(np.int64),
                    begins=np.append(begins, len(terms)),
                    rows=rows[order],
                    times=times[order].astype(np.min_scalar_type(times.max(initial=0))),
                )
            )
        self._open = []
        self._open_first, self._open_size = self._sentences, 0

    def places(self) -> list[list[Place]]:
        """Return the places of each claim, best first."""
        if self._texts:
            self._read_piece()
        self._close_block()
        if not self._sentences:
            return [[] for _ in self._claims]
        scoring = Scoring(self._blocks, np.concatenate(self._lengths))
        numbers = zip(self._claims, self._wanted.of_claims, self._wanted.around_claims, strict=True)
        asked = [self._weighed(scoring, claim, own, around) for claim, own, around in numbers]
        best: list[list[tuple[float, int]]] = [[] for _ in self._claims]
        for block in self._blocks:
            weights = scoring.weights(block, slice(None))
            for number, (claim, (wanted, _)) in enumerate(zip(self._claims, asked, strict=True)):
                first, last = self._range(claim, block.first, block.last)
                if first < last:
                    best[number] += best_sentences(block, weights, wanted, first, last)
        starts, ends = np.concatenate(self._starts), np.concatenate(self._ends)
        owners, ranges = list(self._ranges), np.array(list(self._ranges.values()))
        counted = self._counted_terms()
        found: list[list[Place]] = []
        for scored, (wanted, around) in zip(best, asked, strict=True):
            if not scored:
                found.append([])
                continue
            scored.sort()
            least = CANDIDATE_SHARE * -scored[0][0]
            own = np.array([-score for score, _ in scored[:CANDIDATES] if -score >= least])
            rows = np.array([row for _, row in scored[: len(own)]])
            documents = np.searchsorted(ranges[:, 0], rows, "right") - 1
            scores = own + scoring.surroundings(wanted, around, rows, ranges[documents])
            shared = scoring.shared(wanted, rows) >= LEAST_SHARE * float(wanted.idf[counted[wanted.terms]].sum())
            order = np.argsort(-scores, kind="stable")[:CITATIONS]
            chosen = order[shared[order] & (scores[order] >= SECOND_SHARE * scores[order[0]])]
            found.append(
                [Place(owners[documents[at]], int(starts[rows[at]]), int(ends[rows[at]])) for at in chosen.tolist()]
            )
        return found

    def _weighed(self, scoring: Scoring, claim: Claim, own: Integers, around: Integers) -> tuple[Terms, Terms]:
        """Return the terms of a claim, and those around it, with what they weigh where it may rest."""
        first, last = self._range(claim, 0, self._sentences)

        def weighed(terms: Integers) -> Terms:
            often = self._df[terms] if claim.document is None else scoring.often(terms, first, last)
            return Terms(terms, idf_of(often, last - first))

        return weighed(own), weighed(around)

    def _counted_terms(self) -> NDArray[np.bool_]:
        """Return which terms a citation is expected to share: all, but for those of a script that no source uses.

        A summary in Korean shares only names and numbers with sources in English, and these may still be enough.
        """
        known = self._df > 0
        plain = np.fromiter(map(str.isascii, self._wanted.numbers), bool, len(known))
        counted: NDArray[np.bool_] = known | (plain & (known & plain).any()) | (~plain & (known & ~plain).any())
        return counted

    def _range(self, claim: Claim, first: int, last: int) -> tuple[int, int]:
        """Return which of the sentences [first, last) a claim may rest on."""
        if claim.document is None:
            return first, last
        own_first, own_last = self._ranges.get(claim.document, (0, 0))
        return max(own_first, first), min(own_last, last)
