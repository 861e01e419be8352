"""Citations: the search gives what its formula gives when it is written down plainly, from claims in one pass."""

import math
import random
import tracemalloc
from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.evidence import citations
from graphs.evidence.citations import (
    CITATIONS,
    LEAST_SHARE,
    SECOND_SHARE,
    Claim,
    Place,
    SentenceSearch,
    claims_of,
)
from graphs.evidence.scoring import AROUND, AROUND_WEIGHT, CANDIDATE_SHARE, CANDIDATES, K1, NEXT_WEIGHT, B
from graphs.summarize import Document, Documents
from graphs.text.sentences import split_sentences
from graphs.text.words import terms

WORDS = st.sampled_from(
    "The the keeper keepers lamp ship sailed 3.5 1,200 rock'n'roll don't it’s naïve ﬁne Straße ΟΔΟΣ x\0y \u0301 "
    "등대지기는 배가 항구로 東京タワー 灯台守 。 ไทย a1 2nd's . ! harbour noon \ud800".split(" ")
)
SENTENCES = st.lists(WORDS, min_size=1, max_size=9).map(lambda words: " ".join(words) + ". ")
TEXTS = st.lists(st.lists(SENTENCES, max_size=12).map("".join), max_size=5)
CLAIMS = st.lists(st.tuples(SENTENCES, st.none() | st.integers(0, 4), st.just("") | SENTENCES), max_size=8)


def plain_search(documents: Documents, claims: list[Claim]) -> list[list[Place]]:
    """The formula over all sentences that some claim may rest on, best first; at equal scores the earlier place."""
    asked = {claim.document for claim in claims}
    sentences = [
        (Place(document.id, start, end), Counter(terms(document.text[start:end])))
        for document in documents
        if None in asked or document.id in asked
        for start, end in split_sentences(document.text)
    ]
    mean = max(1.0, sum(counted.total() for _, counted in sentences) / len(sentences)) if sentences else 1.0
    everything = {term for _, counted in sentences for term in counted}
    known = {term for claim in claims for term in terms(f"{claim.sentence} {claim.around}") if term in everything}
    scripts = {term.isascii() for term in known}

    def placed(claim: Claim) -> list[Place]:
        inside = [(place, counted) for place, counted in sentences if claim.document in (None, place.document)]
        df = Counter(term for _, counted in inside for term in counted)

        def idf(term: str) -> float:
            return math.log(1 + (len(inside) - max(df[term], 1) + 0.5) / (max(df[term], 1) + 0.5))

        def score(text: str, number: int, owner: str) -> float:
            if not 0 <= number < len(inside) or inside[number][0].document != owner:
                return 0.0
            counted = inside[number][1]
            norm = K1 * (1 - B + B * counted.total() / mean)
            wanted = dict.fromkeys(terms(text))
            return sum(idf(term) * (counted[term] * (K1 + 1) / (counted[term] + norm)) for term in wanted)

        own = [score(claim.sentence, number, place.document) for number, (place, _) in enumerate(inside)]
        ranked = sorted((number for number, found in enumerate(own) if found), key=lambda number: -own[number])
        ranked = [number for number in ranked[:CANDIDATES] if own[number] >= CANDIDATE_SHARE * own[ranked[0]]]

        def full(number: int) -> float:
            owner = inside[number][0].document
            beside = sum(score(claim.sentence, number + step, owner) for step in (-1, 1))
            near = [step for step in range(-AROUND, AROUND + 1) if step]
            return own[number] + (
                NEXT_WEIGHT * beside + AROUND_WEIGHT * max(score(claim.around, number + step, owner) for step in near)
            )

        scores = {number: full(number) for number in ranked}
        best = sorted(ranked, key=lambda number: -scores[number])[:CITATIONS]
        wanted = dict.fromkeys(terms(claim.sentence))
        least = LEAST_SHARE * sum(idf(term) for term in wanted if term in known or term.isascii() in scripts)
        return [
            inside[number][0]
            for number in best
            if scores[number] >= SECOND_SHARE * scores[best[0]]
            and sum(idf(term) for term in wanted if term in inside[number][1]) >= least
        ]

    return [placed(claim) for claim in claims]


def batch(texts: list[str]) -> Documents:
    return Documents(Document(f"d{number}", "", text) for number, text in enumerate(texts))


@given(TEXTS, CLAIMS)
@settings(deadline=None, max_examples=150)
def test_the_search_finds_what_the_formula_finds(texts: list[str], asked: list[tuple[str, int | None, str]]) -> None:
    documents = batch(texts)
    claims = [Claim(sentence, None if number is None else f"d{number}", around) for sentence, number, around in asked]
    assert SentenceSearch(documents).find(claims) == plain_search(documents, claims)


@pytest.mark.parametrize(("piece", "block", "forms"), [(1, 1, 1), (60, 7, 3), (500, 40, 10**6)])
def test_places_do_not_depend_on_how_the_sources_are_cut_for_reading(
    piece: int, block: int, forms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shuffle = random.Random(7)
    words = "keeper lamps ship harbour noon storm pilots wait naïve café 등대지기는 배가 3.5 don't".split()
    texts = [". ".join(" ".join(shuffle.choices(words, k=6)) for _ in range(25)) + "." for _ in range(6)]
    documents = batch(texts)
    lines = [" ".join(shuffle.choices(words, k=5)) for _ in range(80)]
    wanted = [shuffle.choice([None, "d0", "d3", "d5"]) for _ in range(40)]
    claims = [Claim(*asked) for asked in zip(lines[::2], wanted, lines[1::2], strict=True)]
    whole = SentenceSearch(documents).find(claims)
    monkeypatch.setattr(citations, "PIECE_CHARACTERS", piece)
    monkeypatch.setattr(citations, "BLOCK_SIZE", block)
    monkeypatch.setattr(citations, "REMEMBERED_FORMS", forms)
    assert SentenceSearch(documents).find(claims) == whole
    assert whole == plain_search(documents, claims)


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


def test_a_document_that_no_claim_may_rest_on_is_not_read() -> None:
    class Source(NamedTuple):
        id: str

        @property
        def text(self) -> str:
            read.append(self.id)
            return "The ship came in late."

    read: list[str] = []
    sources = [Source(f"d{number}") for number in range(3)]
    assert SentenceSearch(sources).find([Claim("The ship came in.", "d1")]) == [[Place("d1", 0, 22)]]
    assert set(read) == {"d1"}
    SentenceSearch(sources).find([Claim("The ship came in.", "d1"), Claim("The ship came in.")])
    assert set(read) == {"d0", "d1", "d2"}


def test_a_claim_that_shares_too_little_has_no_place() -> None:
    documents = batch(["The ship came in before noon. The council met on Monday."])
    claims = [Claim("Quarks have colour and flavour."), Claim("The of and."), Claim("")]
    assert SentenceSearch(documents).find(claims) == [[], [], []]
    assert SentenceSearch(Documents()).find(claims) == [[], [], []]
    assert SentenceSearch(documents).find([]) == []


def test_most_words_that_no_source_has_mean_no_place() -> None:
    documents = batch(["The ship came in before noon. The council met on Monday. " * 5])
    told, made_up = SentenceSearch(documents).find(
        [
            Claim("A ship came before noon."),
            Claim("Ship crews of Lisbon protested loudly against wages, tariffs, quotas."),
        ]
    )
    assert told
    assert made_up == []


def test_words_of_a_script_that_the_sources_do_not_use_are_not_missed() -> None:
    documents = batch(["Samsung was founded in 1938. " + "The council met on Monday. " * 5])
    claim = Claim("삼성은 이병철이 대구에서 1938년에 세운 회사로 Samsung 그룹의 모태가 되었다.")
    assert SentenceSearch(documents).find([claim]) == [[Place("d0", 0, 28)]]


def test_of_sentences_alike_the_one_is_cited_that_stands_where_the_neighbours_come_from() -> None:
    filling = " ".join(f"Point {number} was noted by clerks." for number in range(20))
    text = f"The fee rises. Anglers asked for it. {filling} The harbour was dredged. The fee rises. {filling}"
    documents = batch([text])
    first, second = SentenceSearch(documents).find(
        [
            Claim("The fee rises.", "d0", "The anglers wanted that."),
            Claim("The fee rises.", "d0", "A harbour is dredged."),
        ]
    )
    assert first[0].start == text.index("The fee rises.")
    assert second[0].start == text.rindex("The fee rises.")


def test_neighbours_do_not_lead_to_a_sentence_that_shares_less_than_half_as_much() -> None:
    text = (
        "The new fee for night berths rises to forty crowns. " + "Rain fell on the hills. " * 30 + "Anglers met. A fee."
    )
    claim = Claim("The fee for night berths rises to forty crowns.", "d0", "Anglers met.")
    assert SentenceSearch(batch([text])).find([claim]) == [[Place("d0", 0, 51)]]


def test_a_word_that_a_document_repeats_tells_little_in_it_however_rare_it_is_elsewhere() -> None:
    texts = ["The lighthouse keeper slept. The lighthouse burnt. A lighthouse stood here. The keeper saw Anna."]
    documents = batch([*texts, *["Anna met the council. Anna left. Anna came." for _ in range(10)]])
    assert SentenceSearch(documents).find([Claim("The lighthouse of Anna.", "d0")]) == [[Place("d0", 76, 96)]]


def test_the_sentences_of_a_summary_are_claims_with_their_neighbours() -> None:
    assert claims_of("It rained.\nThe ship was late. All waited.", language="en", document="d1") == [
        Claim("It rained.", "d1", "The ship was late."),
        Claim("The ship was late.", "d1", "It rained. All waited."),
        Claim("All waited.", "d1", "The ship was late."),
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
