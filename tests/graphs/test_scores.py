"""The scores without a reference: each tells a good summary from one with the fault that it is for."""

import pytest

from graphs.evidence import EXPLANATIONS, Place, Scores, Stated, score_summary, top_terms
from graphs.evidence.names import missing, names_and_numbers
from graphs.evidence.scores import density, language_share, repetition, spread, wording_share

BRIDGE = (
    "The council of Ansan voted to repair the old river bridge before the winter. Engineers had warned that the cables "
    "were losing strength. The repair of the bridge will cost 9,000,000 euros. A ferry will carry people meanwhile."
)
LIBRARY = "시 의회는 강변에 새 도서관을 짓는 계획을 승인했다. 공사는 내년 봄에 시작해 이 년 뒤에 끝날 예정이다."
SOURCES = {"bridge": BRIDGE, "library": LIBRARY}


def place(part: str, document: str = "bridge") -> Place:
    start = SOURCES[document].index(part)
    return Place(document, start, start + len(part))


COST = place("The repair of the bridge will cost 9,000,000 euros.")
VOTE = place("The council of Ansan voted to repair the old river bridge before the winter.")


def scores(*sentences: Stated, language: str = "en", target_words: int = 20) -> Scores:
    top = top_terms(SOURCES.values())
    return score_summary(
        list(sentences), SOURCES, language=language, target_words=target_words, source_words=60, top=top
    )


def test_every_score_has_its_explanation() -> None:
    assert set(EXPLANATIONS) == set(Scores._fields)


def test_a_quotation_is_supported_and_an_invention_is_not() -> None:
    quoted = scores(Stated("The repair of the bridge will cost 9,000,000 euros.", [COST]))
    invented = scores(Stated("Voters elected a young mayor after long debates.", [COST]))
    assert quoted.support == quoted.citations_precise == quoted.sentences_cited == 1.0
    assert invented.support < 0.1
    assert invented.citations_precise == invented.sentences_cited == 0.0
    assert invented.unsupported_sentences == 1.0
    assert quoted.novelty == 0.0
    assert quoted.density == 11.0  # the number is three tokens
    assert invented.novelty == 1.0


def test_other_words_are_supported_less_than_a_quotation_and_more_than_an_invention() -> None:
    evidence = "The repair of the bridge will cost 9,000,000 euros."
    shares = [
        wording_share(sentence, evidence)
        for sentence in ("Voters elected a mayor.", "The bridge will be repaired for 9,000,000 euros.", evidence)
    ]
    assert shares == sorted(shares)
    assert 0.3 < shares[1] < 1.0


def test_names_and_numbers_that_the_sources_lack_are_counted() -> None:
    told = names_and_numbers("Repairing costs 7,000,000 euros, says Mayor Kim of Ansan.")
    assert missing(told, SOURCES.values()) == ["7,000,000", "Mayor", "Kim"]
    assert scores(Stated("It costs 9000000 euros in Ansan.", [COST])).names_supported == 1.0
    assert scores(Stated("It costs 7 euros in Ansan.", [COST])).names_supported == 0.5


def test_a_number_is_not_found_inside_a_longer_one() -> None:
    assert missing(["19"], ["in 1923"]) == ["19"]
    assert missing(["19", "1923"], ["in 1923", "and 19 more"]) == []


def test_names_are_capitalised_words_but_not_the_first() -> None:
    assert names_and_numbers("The mayor of New Ansan met UN envoys on 3 June 2024.") == [
        "New",
        "Ansan",
        "UN",
        "3",
        "June",
        "2024",
    ]
    assert names_and_numbers("UN envoys met.") == ["UN"]
    assert names_and_numbers("공사비는 120억 원이다.") == ["120"]
    assert names_and_numbers("시는 2024년에 Ansan과 함께 在Busan里 UN을 만났다.") == ["2024", "Ansan", "Busan", "UN"]


def test_citations_that_point_nowhere_are_not_valid() -> None:
    nowhere = [Place("absent", 0, 5), Place("bridge", 10, 10_000), Place("bridge", 5, 5)]
    found = scores(Stated("The repair of the bridge will cost 9,000,000 euros.", [COST, *nowhere]))
    assert found.citations_valid == found.citations_precise == 0.25
    assert found.sentences_cited == 1.0
    assert found.citations_per_sentence == 4.0


def test_each_document_that_is_cited_counts_once() -> None:
    assert scores(Stated("a", [COST]), Stated("b", [VOTE])).documents_covered == 0.5
    both = scores(Stated("a", [COST]), Stated("b", [place("공사는", "library")]))
    assert both.documents_covered == 1.0


def test_citations_all_over_the_sources_are_more_spread_than_those_of_one_place() -> None:
    sources = {"a": "x" * 1_000, "b": "y" * 1_000}
    beginning = [Place("a", start, start + 5) for start in (0, 10, 20, 30)]
    everywhere = [Place("a", 0, 5), Place("a", 900, 905), Place("b", 100, 105), Place("b", 900, 905)]
    assert spread(beginning, sources) == pytest.approx(0.0)
    assert spread(everywhere, sources) == pytest.approx(1.0)
    assert 0.0 < spread([*beginning[:3], everywhere[3]], sources) < 1.0
    assert spread([], sources) == 0.0


def test_repetition_is_seen_within_and_between_sentences() -> None:
    one = Stated("The old bridge of the town is closed.", [])
    assert scores(one).repetition == scores(one).alike_sentences == 0
    twice = scores(one, one)
    assert twice.alike_sentences == 1
    assert twice.repetition > 0.3
    assert repetition([]) == 0.0


def test_length_is_words_for_each_word_asked_for() -> None:
    found = scores(Stated("one two three four five", []), target_words=10)
    assert found.length == 0.5
    assert found.compression == 12.0


def test_a_summary_in_another_language_is_told() -> None:
    korean = "시 의회는 강변에 새 도서관을 짓는 계획을 승인했다."
    english = "The council voted on Monday to repair the old river bridge before the winter."
    assert language_share([korean, english], "ko") == 0.5
    assert language_share([english, "Yes."], "en-GB") == 1.0


def test_the_top_terms_are_the_most_frequent_and_no_numbers() -> None:
    top = top_terms(["The bridge, bridge and bridges of 1923. " * 3, "다리 다리 다리"], most=2)
    assert top == ["bridg", "다리"]


def test_what_has_more_of_the_top_terms_covers_more() -> None:
    poor, rich = Stated("A ferry.", []), Stated("The repair of the bridge, voted by the council.", [])
    assert scores(poor).terms_covered < scores(rich).terms_covered


def test_density_is_the_length_of_what_was_taken_over() -> None:
    source = "a b c d e f g".split()
    assert density("a b c d".split(), source) == 4.0
    assert density("a b f g".split(), source) == 2.0
    assert density("x y".split(), source) == 0.0


def test_an_empty_summary_supports_and_covers_nothing() -> None:
    found = scores()
    assert found.support == found.terms_covered == found.documents_covered == found.sentences_cited == 0.0
    assert all(isinstance(value, int | float) for value in found)
    assert score_summary([], {}, language="en", target_words=0, source_words=0, top=[]).length == 0.0
