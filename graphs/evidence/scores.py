"""How good a summary is, as far as that can be told without a reference and without a model.

All figures are shares from 0 to 1 unless their line says otherwise. They catch gross faults, not subtle ones: a high
`support` says that the words stand in the sources, not that the sentence is true.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

from graphs.evidence.citations import Place
from graphs.evidence.names import missing, names_and_numbers
from graphs.evidence.rouge import rouge_tokens
from graphs.text.language import detect_language, primary
from graphs.text.words import count_words, terms, terms_of, word_forms

TOP_TERMS = 25
SUPPORTED = 0.35
"""The least support of a sentence that rests on what it cites: half of its words, in new order, have about as much."""

_PARTS = 10  # of the sources, over which citations may spread
_ALIKE = 0.8  # of the terms that two sentences share: they say the same
_PIECE_CHARACTERS = 200_000  # read at once
_MOST_COUNTED = 1 << 20  # terms; rare ones are forgotten before that
_LEAST_LETTERS = 40  # characters of a sentence whose language can be told by itself
_LONGEST_FRAGMENT = 400  # tokens


class Stated(NamedTuple):
    """A sentence of a summary with what it cites."""

    text: str
    citations: Sequence[Place]


class Scores(NamedTuple):
    """All figures of one summary."""

    support: float
    least_support: float
    unsupported_sentences: float
    names_supported: float
    terms_covered: float
    documents_covered: float
    spread: float
    density: float
    novelty: float
    compression: float
    repetition: float
    alike_sentences: int
    length: float
    language: float
    citations_valid: float
    citations_precise: float
    sentences_cited: float
    citations_per_sentence: float


EXPLANATIONS: Mapping[str, str] = {
    "support": "How much of the wording of a sentence stands in the places that it cites; the mean over the sentences.",
    "least_support": "The same, of the sentence that has least.",
    "unsupported_sentences": "The share of sentences whose wording hardly stands in what they cite.",
    "names_supported": "The share of names and numbers that stand in the sources.",
    "terms_covered": "The share of the 25 most frequent terms of the sources that the summary has.",
    "documents_covered": "The share of the documents that at least one sentence cites.",
    "spread": "How evenly the citations lie over the sources: 1 evenly, 0 all in one tenth.",
    "density": "The mean length, in words, of the passages that the summary took over word by word.",
    "novelty": "The share of word pairs that do not stand in the cited places: the summary's own wording.",
    "compression": "How many words of the sources there are for one of the summary.",
    "repetition": "The share of sequences of three words that came before.",
    "alike_sentences": "The number of pairs of sentences that say nearly the same.",
    "length": "The words of the summary for each word that was asked for.",
    "language": "The share of sentences in the language that was asked for.",
    "citations_valid": "The share of citations that point at a place that exists.",
    "citations_precise": "The share of citations whose place has the wording of the sentence.",
    "sentences_cited": "The share of sentences with at least one such citation.",
    "citations_per_sentence": "The mean number of citations of a sentence.",
}
"""A sentence of explanation for each figure."""


def score_summary(
    sentences: Sequence[Stated],
    sources: Mapping[str, str],
    *,
    language: str,
    target_words: int,
    source_words: int,
    top: Sequence[str],
) -> Scores:
    """All figures of a summary; `sources` are the texts that it is of, by id, `top` their `top_terms`.

    Reads the sources only for names that the cited places lack. An empty summary has no support and covers nothing.
    """
    text = " ".join(sentence.text for sentence in sentences)
    tokens = rouge_tokens(text)
    places = [[_passage(citation, sources) for citation in sentence.citations] for sentence in sentences]
    evidence = [" \n".join(filter(None, own)) for own in places]
    shares = [wording_share(sentence.text, own) for sentence, own in zip(sentences, evidence, strict=True)]
    wanted = list(dict.fromkeys(name for sentence in sentences for name in names_and_numbers(sentence.text)))
    absent = missing(missing(wanted, evidence), sources.values())
    precise = [
        [passage is not None and wording_share(sentence.text, passage) >= SUPPORTED for passage in own]
        for sentence, own in zip(sentences, places, strict=True)
    ]
    cited = [citation for sentence in sentences for citation in sentence.citations]
    flat = [passage for own in places for passage in own]
    flat_evidence = [passage for passage in flat if passage]  # no fragment reaches from one into the next
    words = count_words(text)
    return Scores(
        support=_mean(shares),
        least_support=min(shares, default=0.0),
        unsupported_sentences=_mean(share < SUPPORTED for share in shares),
        names_supported=1.0 - len(absent) / len(wanted) if wanted else 1.0,
        terms_covered=terms_covered(text, top),
        documents_covered=len({citation.document for citation in cited} & set(sources)) / max(1, len(sources)),
        spread=spread(cited, sources),
        density=density(tokens, [token for own in flat_evidence for token in [*rouge_tokens(own), ""]]),
        novelty=1.0 - kept_pairs(tokens, rouge_tokens("\n".join(evidence))) if tokens else 0.0,
        compression=source_words / max(1, words),
        repetition=repetition(tokens),
        alike_sentences=alike_sentences([sentence.text for sentence in sentences]),
        length=words / max(1, target_words),
        language=language_share([sentence.text for sentence in sentences], language),
        citations_valid=_mean(passage is not None for passage in flat),
        citations_precise=_mean(one for own in precise for one in own),
        sentences_cited=_mean(any(own) for own in precise),
        citations_per_sentence=len(cited) / max(1, len(sentences)),
    )


def wording_share(sentence: str, evidence: str) -> float:
    """The mean of the share of word pairs and of the share of telling words that stand in the evidence.

    A figure of whole summaries, measured against people's judgements of them (`bench/judgements.py`). What the
    citations of one sentence lack is told by `support_of`, which leaves the order of words out.
    """
    own = set(terms(sentence))
    if not own:
        return 1.0 if evidence else 0.0
    telling = len(own & set(terms(evidence))) / len(own)
    return (kept_pairs(rouge_tokens(sentence), rouge_tokens(evidence)) + telling) / 2


def kept_pairs(summary: Sequence[str], source: Sequence[str]) -> float:
    """The share of the summary's pairs of neighbouring tokens that the source has; of tokens where there is no pair."""
    if len(summary) < 2:
        return len(set(summary) & set(source)) / max(1, len(summary))
    own = list(pairwise(summary))
    known = set(pairwise(source))
    return sum(pair in known for pair in own) / len(own)


def density(summary: Sequence[str], source: Sequence[str]) -> float:
    """The mean over the summary's tokens of the length of the source's passage that each was taken from.

    Grusky et al., "Newsroom", 2018: the longest common fragments, found greedily from the left.
    """
    places: dict[str, list[int]] = {token: [] for token in summary}
    for place, token in enumerate(source):
        if token in places:
            places[token].append(place)
    total = position = 0
    while position < len(summary):
        longest = max((_common(summary, position, source, place) for place in places[summary[position]]), default=0)
        total += longest * longest
        position += max(1, longest)
    return total / max(1, len(summary))


class TermCounts:
    """How often texts have each term."""

    def __init__(self, text: str = "") -> None:
        self.counts: Counter[str] = Counter()
        for start in range(0, len(text), _PIECE_CHARACTERS):
            piece = text[start : start + _PIECE_CHARACTERS]
            ascii = piece.isascii()
            for form, count in Counter(word_forms([piece], ascii=ascii)).items():
                for term in terms_of(form, ascii=ascii):
                    self.counts[term] += count

    def add(self, other: "TermCounts") -> None:
        """Add what was counted in another text."""
        self.counts.update(other.counts)
        if len(self.counts) > _MOST_COUNTED:
            self.counts = Counter(dict(self.counts.most_common(_MOST_COUNTED // 2)))

    def top(self, most: int = TOP_TERMS) -> list[str]:
        """The most frequent terms, numbers left out."""
        ranked = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        return list(islice((term for term, _ in ranked if not term[0].isdigit()), most))


def top_terms(texts: Iterable[str], most: int = TOP_TERMS) -> list[str]:
    """The most frequent terms of the texts, numbers left out; a second for some 10 MB."""
    counts = TermCounts()
    for text in texts:
        counts.add(TermCounts(text))
    return counts.top(most)


def terms_covered(text: str, top: Sequence[str]) -> float:
    """The share of the top terms that the text has; 1 where there are none."""
    return len(set(top) & set(terms(text))) / len(top) if top else 1.0


def spread(cited: Sequence[Place], sources: Mapping[str, str]) -> float:
    """How evenly citations lie over ten equal parts of the sources: 1 less the Gini coefficient, scaled to reach 0."""
    total, before, parts = sum(map(len, sources.values())), {}, [0] * _PARTS
    position = 0
    for identity, text in sources.items():
        before[identity] = position
        position += len(text)
    inside = [citation for citation in cited if citation.document in sources]
    for citation in inside:
        place = min(before[citation.document] + max(0, citation.start), total - 1)
        parts[place * _PARTS // max(1, total)] += 1
    if not inside:
        return 0.0
    reached = min(_PARTS, len(inside))  # three citations cannot lie in more than three parts
    highest = sorted(parts, reverse=True)[:reached]
    gini = sum((2 * rank - reached - 1) * count for rank, count in enumerate(highest[::-1], 1)) / (
        reached * sum(highest)
    )
    return 1.0 - gini * reached / max(1, reached - 1) if reached > 1 else 1.0


def repetition(tokens: Sequence[str]) -> float:
    """The share of sequences of three tokens that came before."""
    triples = list(zip(tokens, tokens[1:], tokens[2:], strict=False))
    return 1.0 - len(set(triples)) / len(triples) if triples else 0.0


def alike_sentences(sentences: Sequence[str]) -> int:
    """The number of pairs of sentences that share most of their terms (Jaccard)."""
    sets = [own for sentence in sentences if (own := frozenset(terms(sentence)))]
    return sum(
        len(one & other) >= _ALIKE * len(one | other) for place, one in enumerate(sets) for other in sets[:place]
    )


def language_share(sentences: Sequence[str], language: str) -> float:
    """The share of sentences in a language; one that is too short to tell counts like the whole text."""
    wanted = primary(language)
    whole = detect_language(" ".join(sentences)) == wanted

    def is_in(sentence: str) -> bool:
        if len(sentence) < _LEAST_LETTERS or (wanted == "en" and whole and sentence.isascii()):
            return whole
        return detect_language(sentence) == wanted

    return _mean(map(is_in, sentences))


def _passage(citation: Place, sources: Mapping[str, str]) -> str | None:
    """The text of a citation; None where there is no such place."""
    text = sources.get(citation.document)
    if text is None or not 0 <= citation.start < citation.end <= len(text):
        return None
    return text[citation.start : citation.end]


def _common(summary: Sequence[str], position: int, source: Sequence[str], place: int) -> int:
    """How many tokens from two positions on are the same."""
    length = 0
    most = min(len(summary) - position, len(source) - place, _LONGEST_FRAGMENT)
    while length < most and summary[position + length] == source[place + length]:
        length += 1
    return length


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0
