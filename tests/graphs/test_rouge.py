"""ROUGE: known figures, the same words in other scripts, and its bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.evidence import interval, rouge_of, rouge_tokens
from graphs.evidence.intervals import macro_interval
from graphs.evidence.porter import stem

# Of Porter's paper and of NLTK's departures from it.
STEMS = """
caresses caress ponies poni ties tie cats cat feed feed agreed agre plastered plaster motoring motor sing sing
conflated conflat troubled troubl sized size hopping hop falling fall hissing hiss failing fail filing file
happy happi sky sky enjoy enjoy relational relat conditional condit valenci valenc digitizer digit conformabli conform
radicalli radic vietnamization vietnam operator oper feudalism feudal decisiveness decis hopefulness hope formaliti formal
sensitiviti sensit sensibiliti sensibl triplicate triplic formative form formalize formal electrical electr goodness good
revival reviv allowance allow inference infer airliner airlin adjustable adjust irritant irrit replacement replac
adjustment adjust adoption adopt communism commun activate activ effective effect rate rate cease ceas controll control
dying die news news skies sky died die spied spi innings inning geologi geolog
""".split()


@pytest.mark.parametrize(("word", "expected"), list(zip(STEMS[::2], STEMS[1::2], strict=True)))
def test_words_are_stemmed_as_by_porter(word: str, expected: str) -> None:
    assert stem(word) == expected


def test_the_figures_are_those_of_the_definition() -> None:
    # "the cat was found under the bed" has 7 words; 4 of the 5 of the summary are among them, 2 pairs of 4.
    found = rouge_of(rouge_tokens("The cat under a bed."), rouge_tokens("the cat was found under the bed"))
    assert found.one == pytest.approx((4 / 5, 4 / 7, 8 / 12))
    assert found.two == pytest.approx((1 / 4, 1 / 6, 2 / 10))
    assert found.longest == pytest.approx((4 / 5, 4 / 7, 8 / 12))
    assert found.mean == pytest.approx((8 / 12 + 2 / 10) / 2)


def test_a_repeated_word_counts_only_as_often_as_the_reference_has_it() -> None:
    found = rouge_of(["the"] * 4, ["the", "end"])
    assert found.one.precision == 0.25
    assert found.one.recall == 0.5


def test_the_longest_common_sequence_keeps_the_order() -> None:
    assert rouge_of(list("abcd"), list("dcba")).longest.recall == 0.25
    assert rouge_of(list("axbxcxd"), list("abcd")).longest.recall == 1.0


def test_korean_shares_words_with_other_endings() -> None:
    found = rouge_of(rouge_tokens("도서관을 승인했다"), rouge_tokens("도서관이 승인됐다"))
    assert 0.3 < found.one.f1 < 0.7


def test_nothing_is_shared_with_nothing() -> None:
    assert rouge_of([], []) == rouge_of(["word"], []) == rouge_of([], ["word"])
    assert rouge_of([], ["word"]).mean == 0.0


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_shares_lie_between_zero_and_one_and_equal_texts_share_all(one: list[str], other: list[str]) -> None:
    found = rouge_of(one, other)
    assert all(0.0 <= share <= 1.0 for measure in found for share in measure)
    assert rouge_of(one, one).longest.f1 == (1.0 if one else 0.0)
    turned = rouge_of(other, one)
    assert (turned.one.precision, turned.longest.recall) == (found.one.recall, found.longest.precision)


def test_an_interval_holds_the_mean_and_narrows_with_more_values() -> None:
    few, many = interval([0.0, 1.0] * 5), interval([0.0, 1.0] * 500)
    assert few[0] < many[0] < 0.5 < many[1] < few[1]
    assert interval([0.0, 1.0] * 5) == few


def test_the_interval_of_a_mean_over_sets_weighs_every_set_alike() -> None:
    low, high = macro_interval([[1.0] * 100, [0.0]])
    assert low == high == 0.5
    with pytest.raises(ValueError, match="needs values"):
        macro_interval([])
    with pytest.raises(ValueError, match="needs values"):
        interval([])
