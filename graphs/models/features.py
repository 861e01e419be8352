"""What the embedded model knows of each sentence: terms, kind, centrality. Sparse, in plain numpy arrays."""

import re
from array import array
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from graphs.text.words import SPACELESS, count_words, terms

Numbers = NDArray[np.int64]
Values = NDArray[np.float64]

DAMPING = 0.85
ITERATIONS = 60
_CONVERGED = 1e-9

PROSE, SHORT, APPARATUS, WORDLESS = range(4)
"""Kinds of sentence, best first: a summary takes a worse kind only from a span that holds no better one."""

_DENSE = re.compile(f"[{SPACELESS}\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff]")
_LETTER = re.compile(r"[^\W\d_]")
_SPEAKER = re.compile(r"[^\n:.!?]{1,40}:[ \t]")
_LINE = re.compile(r"\S[^\n]*")
_QUOTE = re.compile('["“”«»「『]')
_SENTENCE_END = re.compile(r"[.!?…。！？｡:;][\"'”’»」』)\]）】]*$|[다요죠까]$")
_REFERENCES = re.compile(
    r"(?:#+ *)?(?:\d+\.? *)?(?:references?|bibliography|works cited|literature cited"
    r"|참고 ?문헌|参考文献|參考文獻)[:.]?",
    re.IGNORECASE,
)
_AFTER_REFERENCES = re.compile(r"#{1,6}\s|appendi(?:x|ces)\b|annex\b|부록|付録|附录", re.IGNORECASE)
_APPARATUS = re.compile(
    r"[#|]|```|~~~"  # heading, table row, fence
    r"|(?:import|from|def|class|return|function|const|let|var|public|private)\s.*[;:({]$"
    r"|\[\d{1,3}\]\s.*(?:19|20)\d\d",  # reference list
    re.DOTALL,
)
_LEADER = re.compile(r"\.{4,}|(?:\. ){4,}|…{2,}|·{4,}")  # a table of contents
_LONGEST_HEADING = 200  # characters
_CODE = ("=>", "==", "()", "</", "{{", "}}")
_REPEATED = ("|", "\t", " › ", " » ", " · ", " > ")  # twice in a sentence: a table row or a trail of links
_CITATION = ("doi:", "doi.org/", "arxiv:", " pp. ", "isbn ", "isbn:")
_WEBSITE = (
    *("all rights reserved", "cookie policy", "privacy policy", "sign in", "log in", "subscribe to", "click here"),
    *("skip to content", "무단 전재", "무단전재", "저작권자", "로그인", "구독하기", "바로가기"),
)
_WEBSITE_WORDS = 15  # longer sentences with these phrases are prose about them
_MARKER = re.compile(r"(?:[-*+•‣◦▪●○◎■□◆◇▶▷►※∙·–—>]|\(?(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})[.)]|\[\d{1,3}\])\s*$")


class Matrix(NamedTuple):
    """A sparse matrix by rows. Row i holds `values[starts[i]:starts[i + 1]]` in the columns of the same places."""

    starts: Numbers
    """Shape (rows + 1,)."""
    rows: Numbers
    columns: Numbers
    values: Values
    """Shape (non-zero,) each, ordered by row, then column."""
    width: int
    """The number of columns."""

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """How often each term stands in each text; terms are numbered as they first come."""
        vocabulary = _Vocabulary()
        flat, lengths = array("q"), array("q")
        for text in texts:
            found = terms(text)
            lengths.append(len(found))
            flat.extend(map(vocabulary.__getitem__, found))
        width = max(1, len(vocabulary))
        rows = np.repeat(np.arange(len(texts), dtype=np.int64), np.array(lengths, dtype=np.int64))
        cells, counts = np.unique(rows * width + np.array(flat, dtype=np.int64), return_counts=True)
        rows, columns = np.divmod(cells, width)
        starts = np.searchsorted(rows, np.arange(len(texts) + 1))
        return cls(starts.astype(np.int64), rows, columns, counts.astype(np.float64), width)

    def head(self, height: int) -> Self:
        """The first rows."""
        stop = int(self.starts[height])
        columns, values = self.columns[:stop], self.values[:stop]
        return self._replace(starts=self.starts[: height + 1], rows=self.rows[:stop], columns=columns, values=values)

    def row(self, number: int) -> Values:
        """One row with its zeros: shape (width,)."""
        start, stop = int(self.starts[number]), int(self.starts[number + 1])
        return np.asarray(
            np.bincount(self.columns[start:stop], self.values[start:stop], minlength=self.width), dtype=np.float64
        )

    @property
    def height(self) -> int:
        """The number of rows."""
        return len(self.starts) - 1

    def times(self, vector: Values) -> Values:
        """The product with a vector of shape (width,): shape (height,)."""
        return np.asarray(
            np.bincount(self.rows, self.values * vector[self.columns], minlength=self.height), dtype=np.float64
        )

    def transposed_times(self, vector: Values) -> Values:
        """The product of the transpose with a vector of shape (height,): shape (width,)."""
        return np.asarray(
            np.bincount(self.columns, self.values * vector[self.rows], minlength=self.width), dtype=np.float64
        )

    def scaled(self, by_row: Values) -> Self:
        """Each row times its own factor."""
        return self._replace(values=self.values * by_row[self.rows])

    def squares(self) -> Values:
        """The squared length of each row."""
        return np.asarray(np.bincount(self.rows, self.values**2, minlength=self.height), dtype=np.float64)

    def apart(self, groups: Numbers) -> Self:
        """The matrix whose rows share a column only within their group: products stay inside the groups."""
        cells, columns = np.unique(groups[self.rows] * self.width + self.columns, return_inverse=True)
        return self._replace(columns=columns.astype(np.int64), width=max(1, len(cells)))


class _Vocabulary(dict[str, int]):
    """Numbers terms as they first come."""

    def __missing__(self, term: str) -> int:
        number = self[term] = len(self)
        return number


def inverse_frequency(counts: Matrix) -> Values:
    """log((1 + N) / (1 + df)) + 1 for each term over N sentences (Spärck Jones 1972, smoothed): shape (width,)."""
    frequency = np.bincount(counts.columns, minlength=counts.width)
    return np.asarray(np.log((1.0 + counts.height) / (1.0 + frequency)) + 1.0, dtype=np.float64)


def weigh(counts: Matrix, inverse: Values) -> Matrix:
    """(1 + log tf) * idf with rows of length one (Salton & Buckley 1988)."""
    weighed = counts._replace(values=(1.0 + np.log(counts.values)) * inverse[counts.columns])
    length = np.sqrt(weighed.squares())
    return weighed.scaled(1.0 / np.where(length > 0.0, length, 1.0))


def centrality(matrix: Matrix) -> Values:
    """The stationary weights of a walk between sentences that share terms, summing to one: shape (height,).

    p = (1 - d) / N + d * S' p with S = M M' without its diagonal and rows summing to one, never formed: one step is
    M (M' v). With `weigh` this is the continuous LexRank of Erkan & Radev 2004 (section 3.3), with `overlap` the
    TextRank of Mihalcea & Tarau 2004. Sentences without neighbours give their weight to all.
    """
    height = matrix.height
    if height == 0:
        return np.zeros(0)
    itself = matrix.squares()
    degree = np.maximum(matrix.times(matrix.transposed_times(np.ones(height))) - itself, 0.0)
    linked = degree > 1e-12
    share = np.where(linked, 1.0 / np.where(linked, degree, 1.0), 0.0)
    weights = np.full(height, 1.0 / height)
    for _ in range(ITERATIONS):
        outgoing = weights * share
        walked = np.maximum(matrix.times(matrix.transposed_times(outgoing)) - itself * outgoing, 0.0)
        stranded = float(weights[~linked].sum())
        following = (1.0 - DAMPING + DAMPING * stranded) / height + DAMPING * walked
        moved = float(np.abs(following - weights).sum())
        weights = following
        if moved < _CONVERGED:
            break
    return weights


def overlap(counts: Matrix) -> Matrix:
    """Rows whose products are |a & b| / (2 sqrt(log |a| log |b|)), near the |a & b| / (log |a| + log |b|) of TextRank.

    The geometric instead of the arithmetic mean of the logarithms makes it a product of sparse rows; one is added to
    each length, so that a sentence of one term has a logarithm to divide by.
    """
    sizes = np.diff(counts.starts).astype(np.float64)
    scale = 1.0 / np.sqrt(2.0 * np.log(np.maximum(sizes, 1.0) + 1.0))
    return counts._replace(values=np.ones_like(counts.values)).scaled(scale)


def scale(values: Values, groups: Numbers) -> Values:
    """Values moved into 0 to 1 within each group; all zero where a group has only one value."""
    size = int(groups.max()) + 1 if len(groups) else 0
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(low, groups, values)
    np.maximum.at(high, groups, values)
    width = (high - low)[groups]
    flat = width <= 1e-12 * np.abs(high)[groups]
    return np.where(flat, 0.0, (values - low[groups]) / np.where(flat, 1.0, width))


def is_dense(text: str) -> bool:
    """Whether most letters are Hangul, Kana, Han or Thai, where fewer characters and words say as much."""
    sample = text[:5_000]
    return not sample.isascii() and 2 * len(_DENSE.findall(sample)) > len(_LETTER.findall(sample))


def is_dialogue(text: str) -> bool:
    """Whether more than half of the first lines begin with the name of a speaker and a colon."""
    lines = [match.start() for match in _LINE.finditer(text[:100_000])]
    return len(lines) >= 4 and 2 * sum(_SPEAKER.match(text, start) is not None for start in lines) > len(lines)


def quoted_share(sentences: Sequence[str]) -> float:
    """The share of sentences that hold a quotation mark."""
    return sum(_QUOTE.search(sentence) is not None for sentence in sentences) / max(1, len(sentences))


def kinds(text: str, spans: Sequence[tuple[int, int]], words: Sequence[int], least_words: int) -> list[int]:
    """The kind of each sentence of a document: PROSE, SHORT (under `least_words`), APPARATUS or WORDLESS.

    Apparatus is what stands around the prose: headings, list markers, table rows, code, navigation, reference lists.
    """
    result = []
    in_references = False
    for (start, end), count in zip(spans, words, strict=True):
        sentence = text[start:end]
        if count == 0:
            result.append(WORDLESS)
            continue
        if count <= 4 and _REFERENCES.fullmatch(sentence):
            in_references = 3 * start > len(text)
        elif in_references and _AFTER_REFERENCES.match(sentence):
            in_references = False
        heads = count < 2 * least_words and _is_heading(text, start, end)
        if heads or in_references or _is_apparatus(sentence, count):
            result.append(APPARATUS)
        else:
            result.append(SHORT if count < least_words else PROSE)
    return result


def _is_apparatus(sentence: str, words: int) -> bool:
    """Whether the sentence looks like a marker, a table row, code, navigation or an entry of a reference list."""
    if (
        _APPARATUS.match(sentence)
        or _MARKER.match(sentence)
        or _LEADER.search(sentence)
        or sentence.endswith((");", "{", "}"))
    ):
        return True
    if any(sign in sentence for sign in _CODE) or any(sentence.count(sign) > 1 for sign in _REPEATED):
        return True
    lowered = sentence.lower()
    return any(sign in lowered for sign in _CITATION) or (
        words <= _WEBSITE_WORDS and any(phrase in lowered for phrase in _WEBSITE)
    )


def _is_heading(text: str, start: int, end: int) -> bool:
    """Whether the span is a line of its own, or part of a short paragraph of one line, that ends like no sentence."""
    before = text[max(0, start - 40) : start].rstrip(" \t")
    after = text[end : end + 40].lstrip(" \t")
    alone = (not before or before[-1] in "\r\n") and (not after or after[0] in "\r\n")
    if not alone:
        start, end, alone = _short_paragraph(text, start, end)
    return alone and not _SENTENCE_END.search(text[max(start, end - 8) : end])


def _short_paragraph(text: str, start: int, end: int) -> tuple[int, int, bool]:
    """The line around a span, and whether it is a paragraph by itself that is short enough for a heading."""
    left = text.rfind("\n", max(0, start - _LONGEST_HEADING), start) + 1
    right = text.find("\n", end, end + _LONGEST_HEADING)
    right = len(text) if right < 0 and end + _LONGEST_HEADING >= len(text) else right
    if right < 0 or right - left > _LONGEST_HEADING or (left == 0 and start > _LONGEST_HEADING):
        return start, end, False
    stands_first = left == 0 or text[max(0, left - 2) : left] == "\n\n"
    return left, right, stands_first and not text[right : right + 2].strip()


def count_all(sentences: Sequence[str]) -> Numbers:
    """The words of each sentence: shape (sentences,)."""
    return np.array([count_words(sentence) for sentence in sentences], dtype=np.int64)
