"""Citations: the search gives what BM25 gives when it is written down plainly, from claims in one pass over sources."""

import math
import random
import tracemalloc
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.evidence import citations
from graphs.evidence.citations import (
    CITATIONS,
    K1,
    LEAST_SHARE,
    SECOND_SHARE,
    B,
    Claim,
    Place,
    SentenceSearch,
    claims_of,
)
from graphs.summarize import Document, Documents
from graphs.text.sentences import split_sentences
from graphs.text.words import terms

WORDS = st.sampled_from(
    "The the keeper keepers lamp ship sailed 3.5 1,200 rock'n'roll don't it’s naïve ﬁne Straße ΟΔΟΣ x\0y \u0301 "
    "등대지기는 배가 항구로 東京タワー 灯台守 。 ไทย a1 2nd's . ! harbour noon \ud800".split(" ")
)
SENTENCES = st.lists(WORDS, min_size=1, max_size=9).map(lambda words: " ".join(words) + ". ")
TEXTS = st.lists(st.lists(SENTENCES, max_size=12).map("".join), max_size=5)
CLAIMS = st.lists(st.tuples(SENTENCES, st.none() | st.integers(0, 4)), max_size=8)


def plain_bm25(documents: Documents, claim: Claim) -> list[tuple[float, Place]]:
    """The formula over all sentences, best first; at equal scores the earlier place."""
    sentences = [
        (Place(document.id, start, end), Counter(terms(document.text[start:end])))
        for document in documents
        for start, end in split_sentences(document.text)
    ]
    mean = max(1.0, sum(counted.total() for _, counted in sentences) / len(sentences)) if sentences else 1.0
    df = Counter(term for _, counted in sentences for term in counted)
    wanted = [term for term in dict.fromkeys(terms(claim.sentence)) if df[term]]
    idf = {term: math.log(1 + (len(sentences) - df[term] + 0.5) / (df[term] + 0.5)) for term in wanted}
    ranked = []
    for place, counted in sentences:
        if claim.document in (None, place.document):
            norm = K1 * (1 - B + B * counted.total() / mean)
            score = sum(idf[term] * counted[term] * (K1 + 1) / (counted[term] + norm) for term in wanted)
            ranked.append((score, place))
    ranked.sort(key=lambda scored: -scored[0])
    best = ranked[:CITATIONS]
    floor = max(SECOND_SHARE * best[0][0], LEAST_SHARE * sum(idf.values())) if best else 0.0
    return [(score, place) for score, place in best if score and score >= floor]


def batch(texts: list[str]) -> Documents:
    return Documents(Document(f"d{number}", "", text) for number, text in enumerate(texts))


def assert_like_plain_bm25(documents: Documents, claims: list[Claim]) -> None:
    for claim, places in zip(claims, SentenceSearch(documents).find(claims), strict=True):
        assert places == [place for _, place in plain_bm25(documents, claim)]


@given(TEXTS, CLAIMS)
@settings(deadline=None, max_examples=150)
def test_the_search_finds_what_plain_bm25_finds(texts: list[str], asked: list[tuple[str, int | None]]) -> None:
    documents = batch(texts)
    claims = [Claim(sentence, None if number is None else f"d{number}") for sentence, number in asked]
    assert_like_plain_bm25(documents, claims)


@pytest.mark.parametrize(("piece", "block", "forms"), [(1, 1, 1), (60, 7, 3), (500, 40, 10**6)])
def test_places_do_not_depend_on_how_the_sources_are_cut_for_reading(
    piece: int, block: int, forms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shuffle = random.Random(7)
    words = "keeper lamps ship harbour noon storm pilots wait naïve café 등대지기는 배가 3.5 don't".split()
    texts = [". ".join(" ".join(shuffle.choices(words, k=6)) for _ in range(25)) + "." for _ in range(6)]
    documents = batch(texts)
    claims = [Claim(" ".join(shuffle.choices(words, k=5)), shuffle.choice([None, "d0", "d3", "d5"])) for _ in range(40)]
    whole = SentenceSearch(documents).find(claims)
    monkeypatch.setattr(citations, "PIECE_CHARACTERS", piece)
    monkeypatch.setattr(citations, "BLOCK_SIZE", block)
    monkeypatch.setattr(citations, "REMEMBERED_FORMS", forms)
    assert SentenceSearch(documents).find(claims) == whole
    assert_like_plain_bm25(documents, claims)


def test_a_claim_narrowed_to_a_document_is_ranked_inside_it_alone() -> None:
    documents = batch(
        ["The ship came in before noon. It rained.", "The ship came in late. The storm held up the pilots."]
    )
    anywhere, inside, nowhere = SentenceSearch(documents).find(
        [
            Claim("The ship came in before noon."),
            Claim("The ship came in before noon.", "d1"),
            Claim("Ship.", "unknown"),
        ]
    )
    assert anywhere == [Place("d0", 0, 29)]
    assert inside == [Place("d1", 0, 22)]
    assert nowhere == []


def test_a_claim_that_shares_too_little_has_no_place() -> None:
    documents = batch(["The ship came in before noon. The council met on Monday."])
    claims = [Claim("Quarks have colour and flavour."), Claim("The of and."), Claim("")]
    assert SentenceSearch(documents).find(claims) == [[], [], []]
    assert SentenceSearch(Documents()).find(claims) == [[], [], []]
    assert SentenceSearch(documents).find([]) == []


def test_the_sentences_of_a_summary_are_claims() -> None:
    assert claims_of("It rained.\nThe ship\nwas late.", language="en", document="d1") == [
        Claim("It rained.", "d1"),
        Claim("The ship was late.", "d1"),
    ]


def test_memory_grows_with_what_is_asked_and_not_with_the_sources() -> None:
    shuffle = random.Random(3)
    text = ". ".join(" ".join(f"w{shuffle.randrange(10**6)}" for _ in range(12)) for _ in range(15_000))
    documents = batch([text])
    tracemalloc.start()
    SentenceSearch(documents).find([Claim(text[:200]), Claim(text[-200:])])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(text) > 1_000_000
    assert peak < 20_000_000  # words remembered, mostly: their number is bounded
