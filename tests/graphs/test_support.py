"""Support: what a sentence and its citations share in words, names and numbers, and what is missing."""

import pytest

from graphs.evidence.support import DOUBTFUL, support_of

PASSAGE = "In 1923 Mayor Ana Ruiz opened the harbour of Ansan; it cost 1,200 pounds and had 3.5 miles of NASA's rope."


def missing(sentence: str, passage: str = PASSAGE, language: str = "en", *, same_language: bool = True) -> list[str]:
    return support_of(sentence, [passage], language=language, same_language=same_language).unsupported


def test_a_quotation_has_full_support_and_nothing_else_does() -> None:
    assert support_of(PASSAGE, [PASSAGE], language="en") == (1.0, [])
    assert support_of("Whales sing at night.", [PASSAGE], language="en").share == 0.0
    half = support_of("The harbour cost whales.", [PASSAGE], language="en").share
    assert half is not None
    assert 0 < half < 1


def test_without_passages_nothing_supports_a_sentence() -> None:
    support = support_of("Ana Ruiz opened it in 1923.", [], language="en")
    assert support.share == 0.0
    assert support.unsupported == ["Ruiz", "1923"]  # the first word may be capitalised for standing first
    assert support.is_doubtful


def test_a_sentence_without_words_cannot_be_measured() -> None:
    assert support_of("…", [PASSAGE], language="en") == (None, [])


@pytest.mark.parametrize(
    ("sentence", "names"),
    [
        ("The harbour was opened by Ana Ruiz.", []),
        ("The harbour was opened by Eva Ruiz.", ["Eva"]),
        ("Opened by ANA RUIZ.", []),  # however it is written
        ("It was Ansan's harbour and Ruiz’s joy.", []),
        ("It used rope of NASA.", []),
        ("It used rope of ESA.", ["ESA"]),
        ("NATO opened it.", ["NATO"]),  # an acronym is a name also where it stands first
        ("Harbours cost money.", []),
        ("It pleased Busan and Busan alone.", ["Busan"]),  # once
        ("I think it was Ana.", []),  # one letter is no name
    ],
)
def test_names_that_no_passage_holds_are_listed(sentence: str, names: list[str]) -> None:
    assert missing(sentence) == names


@pytest.mark.parametrize(
    ("sentence", "numbers"),
    [
        ("It cost 1,200 pounds.", []),
        ("It cost 1200 pounds.", []),
        ("It cost 12,00 pounds.", ["12,00"]),  # no separator of thousands
        ("It cost 1,201 pounds.", ["1,201"]),
        ("It had 3.5 miles.", []),
        ("It had 35 miles, 35 miles!", ["35"]),
        ("It was opened in 1923.", []),
        ("It was opened in 1932 at 12:30.", ["1932", "12:30"]),
    ],
)
def test_numbers_that_no_passage_holds_are_listed_with_or_without_separators(sentence: str, numbers: list[str]) -> None:
    assert missing(sentence) == numbers


def test_separators_are_compared_in_both_directions() -> None:
    assert missing("It cost 1,234,567 pounds.", "It cost 1234567 pounds.") == []
    assert missing("It cost 1234567 pounds.", "It cost 1,234,567 pounds.") == []
    assert missing("It cost 234567 pounds.", "It cost 1,234,567 pounds.") == ["234567"]


def test_passages_count_together() -> None:
    support = support_of("Ana Ruiz paid 1,200 pounds.", ["Ana Ruiz paid.", "It cost 1200 pounds."], language="en")
    assert support.unsupported == []
    assert support.share is not None
    assert support.share >= 0.75


def test_in_german_capitals_make_no_name() -> None:
    assert missing("Der neue Hafen kostete 5 Mark.", "Das kostete 5 Mark.", "de") == []
    assert missing("Der neue Hafen kostete 5 Mark.", "Das kostete 5 Mark.", "de-AT") == []
    assert missing("Der neue Hafen kostete 6 Mark.", "Das kostete 5 Mark.", "de") == ["6"]


def test_korean_sentences_are_measured_by_their_letters_and_numbers() -> None:
    passage = "시장 김민수는 1923년 안산항을 열었고 비용은 1,200만 원이었다."
    told = support_of("김민수 시장이 1923년에 안산항을 열었다.", [passage], language="ko")
    assert told.unsupported == []
    assert told.share is not None
    assert told.share > DOUBTFUL
    assert not told.is_doubtful
    other = support_of("고래는 밤에 노래한다 1932.", [passage], language="ko")
    assert other.unsupported == ["1932"]
    assert other.share is not None
    assert other.share < DOUBTFUL


@pytest.mark.parametrize("sentence", ["NASA는 안산에 왔다.", "그것은 NASA의 배였다.", "안산에 NASA가 왔다."])
def test_a_korean_particle_makes_no_other_name_of_a_latin_one(sentence: str) -> None:
    assert missing(sentence, "NASA가 안산에 왔고 그것은 NASA의 배였다.", "ko") == []
    assert missing(sentence, "ESA가 안산에 왔고 그것은 배였다.", "ko") == ["NASA"]


def test_across_languages_only_numbers_can_be_missed() -> None:
    support = support_of("시장은 1923년에 항구를 열었다.", [PASSAGE], language="ko", same_language=False)
    assert not support.is_doubtful
    assert support == (None, [])
    wrong = support_of("시장은 1932년에 항구를 열었다.", [PASSAGE], language="ko", same_language=False)
    assert wrong.unsupported == ["1932"]
    assert wrong.is_doubtful
    assert missing("Le maire Jean ouvrit le port.", same_language=False, language="fr") == []


def test_across_languages_a_share_is_given_where_words_agree() -> None:
    support = support_of("Ana Ruiz Ansan harbour 1923", [PASSAGE], language="fr", same_language=False)
    assert support.share == 1.0
