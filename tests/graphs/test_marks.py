"""The numbers in brackets: put before the sentences of a prompt, read from an answer in every shape that models use."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.evidence.marks import (
    LONGEST_RANGE,
    cited_numbers,
    marks_by_sentence,
    numbered,
    read_marks,
    renumbered,
    without_lookalikes,
)
from graphs.text.sentences import split_sentences

# Sentences that sentence splitting takes for one, in several languages and with what closes them.
SENTENCES = st.sampled_from(
    [
        "The harbour was opened in 1923.",
        "Who paid for the pier?",
        "It burned down!",
        'She said "the boats are late."',
        "The council met (for the third time.)",
        "He asked “where is the mayor?”",
        "등대지기는 정오 전에 배를 보았다.",
        "시장은 예산을 두 배로 늘렸다!",
        "船は正午前に港へ入った。",
        "Nr. 5 kostete 3,5 Millionen Euro.",
        "See the list in (3) and the note.",
    ]
)
BREAKS = st.sampled_from([" ", "\n\n", "\n\n- ", "\n\n1. ", "\n\n## Heading\n\n"])
TEXTS = st.lists(st.tuples(BREAKS, SENTENCES), min_size=1, max_size=8).map(
    lambda parts: "".join(part for pair in parts for part in pair).strip(" \n-")
)
# Anything at all, with many brackets and digits.
ANYTHING = st.text(st.sampled_from("[]【】()0123456789-–,;、 .\n\tab가。#*٣３"), max_size=80)


def cited(answer: str, known: Sequence[int] = range(1, 1_000)) -> list[tuple[str, list[int]]]:
    """Each sentence of an answer with the numbers that it cites."""
    marked = read_marks(answer)
    spans = split_sentences(marked.text)
    numbers = marks_by_sentence(marked, spans, known)
    return [(marked.text[start:end], own) for (start, end), own in zip(spans, numbers, strict=True)]


# ---------------------------------------------------------------- written


@given(TEXTS, st.integers(1, 5_000))
def test_reading_back_what_was_numbered_gives_each_sentence_its_number(text: str, first: int) -> None:
    spans = split_sentences(text)
    shown = numbered(text, spans, first)
    assert read_marks(shown).text == text
    assert cited(shown, range(first, first + 100)) == [
        (text[start:end], [number]) for number, (start, end) in enumerate(spans, first)
    ]


@given(ANYTHING)
def test_a_numbered_text_holds_each_number_once_and_no_other(text: str) -> None:
    spans = split_sentences(text)
    shown = numbered(text, spans, 7)
    found = [int(number) for number in re.findall(r"\[(\d+)\]", shown)]
    assert found == list(range(7, 7 + len(spans)))


@given(ANYTHING)
def test_a_text_without_lookalikes_has_its_length_and_cites_nothing(text: str) -> None:
    plain = without_lookalikes(text)
    assert len(plain) == len(text)
    assert cited_numbers(plain) == set()
    assert re.sub(r"[\[\]【】()]", "", plain) == re.sub(r"[\[\]【】()]", "", text)
    assert without_lookalikes(plain) == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("As shown [3].", "As shown (3)."),
        ("As shown [ 3 , 4-6 ].", "As shown ( 3 , 4-6 )."),
        ("As shown【12】.", "As shown(12)."),
        ("[[3]]", "[(3)]"),
        ("[\n3\n]", "(\n3\n)"),
        ("[٣] and [３]", "(٣) and (３)"),  # digits of other scripts
        ("[3]\N{ZERO WIDTH SPACE}[4]", "(3)\N{ZERO WIDTH SPACE}(4)"),
        ("[\N{ZERO WIDTH SPACE}3\N{ZERO WIDTH JOINER}] [4\N{SOFT HYPHEN}2]", None),
        ("［3］ and [3 4] and [-3]", "(3) and (3 4) and (-3)"),
        ("An array[i], a [link](there), a [note 3] and [1.5].", "An array[i], a [link](there), a [note 3] and [1.5]."),
    ],
)
def test_what_looks_like_a_number_in_a_source_stands_in_round_brackets(text: str, plain: str | None) -> None:
    if plain is None:
        plain = text.replace("[", "(").replace("]", ")")
    assert without_lookalikes(text) == plain


def test_a_source_of_blanks_and_brackets_takes_no_time_by_the_square_of_its_length() -> None:
    for text in (" " * 1_000_000 + "[", "[" * 1_000_000, "[1 " * 300_000, "[" + " " * 1_000_000, "[1," * 300_000):
        assert without_lookalikes(text) == text


# ---------------------------------------------------------------- read


@pytest.mark.parametrize(
    "answer",
    [
        "The pier fell [1]. It was rebuilt [2][3].",  # as they are asked for
        "The pier fell. [1] It was rebuilt. [2] [3]",
        "The pier fell.[1] It was rebuilt.[2][3]",
        "The pier fell [1]. It was rebuilt [2, 3].",
        "The pier fell [1]. It was rebuilt [2-3].",
        "The pier fell [1]. It was rebuilt [2–3].",
        "The pier fell [ 1 ]. It was rebuilt [2; 3].",
        "The pier fell【1】. It was rebuilt【2、3】.",
        "The pier [1] fell. It was [2] rebuilt [3].",  # inside the sentence
        "[1] The pier fell. [2][3] It was rebuilt.",  # before it, as in the material
        "[1] The pier fell. [2] [3] It was rebuilt.",
        "[1] The pier fell. [2, 3] It was rebuilt.",
    ],
)
def test_marks_are_read_wherever_a_model_puts_them(answer: str) -> None:
    assert cited(answer) == [("The pier fell.", [1]), ("It was rebuilt.", [2, 3])]
    assert read_marks(answer).text == "The pier fell. It was rebuilt."


@pytest.mark.parametrize(
    "answer",
    [
        "- The pier fell. [1]\n- It was rebuilt. [2][3]",
        "- The pier fell [1].\n- It was rebuilt [2][3].",
        "- [1] The pier fell.\n- [2][3] It was rebuilt.",
        "- [1] The pier fell.\n- [2] [3] It was rebuilt.",
        "[1] - The pier fell.\n[2][3] - It was rebuilt.",
    ],
)
def test_marks_of_list_items_belong_to_their_item(answer: str) -> None:
    assert cited(answer) == [("- The pier fell.", [1]), ("- It was rebuilt.", [2, 3])]


def test_marks_before_paragraphs_belong_to_them_and_leave_no_blank() -> None:
    answer = "[1][2] The pier fell.\n\n[3][4] It was rebuilt.\n\n1. [5] Boats came."
    assert read_marks(answer).text == "The pier fell.\n\nIt was rebuilt.\n\n1. Boats came."
    assert [numbers for _, numbers in cited(answer)] == [[1, 2], [3, 4], [5]]


def test_a_mark_on_a_line_of_its_own_belongs_to_what_stands_above() -> None:
    assert cited("The pier fell.\n[1]\nIt was rebuilt.\n[2]") == [("The pier fell.", [1]), ("It was rebuilt.", [2])]


def test_a_mark_behind_a_closed_quotation_belongs_to_it() -> None:
    assert cited('She said "go." [1] He went. [2]') == [('She said "go."', [1]), ("He went.", [2])]
    assert cited('[1] She said "go." [2] He went.') == [('She said "go."', [1]), ("He went.", [2])]


def test_korean_and_japanese_sentences_keep_their_marks() -> None:
    assert cited("부두가 무너졌다[1]. 다시 지었다[2][3].") == [("부두가 무너졌다.", [1]), ("다시 지었다.", [2, 3])]
    assert cited("橋が落ちた【1】。再建された【2】。") == [("橋が落ちた。", [1]), ("再建された。", [2])]


def test_a_range_stands_for_its_sentences_unless_it_is_longer_than_any_honest_one() -> None:
    assert cited_numbers("[3-6]") == {3, 4, 5, 6}
    assert cited_numbers(f"[1-{LONGEST_RANGE}]") == set(range(1, LONGEST_RANGE + 1))
    assert cited_numbers(f"[1-{LONGEST_RANGE + 1}]") == {1, LONGEST_RANGE + 1}
    assert cited_numbers("[1-999999]") == {1, 999_999}
    assert cited_numbers("[9-3]") == {3, 9}


def test_numbers_that_the_prompt_does_not_hold_are_left_out_and_the_rest_stands_once_in_order() -> None:
    assert cited("The pier fell [9][2][0][2][77].", known=range(1, 10)) == [("The pier fell.", [9, 2])]


@given(ANYTHING)
def test_reading_takes_nothing_but_marks_and_blanks_away(answer: str) -> None:
    marked = read_marks(answer)
    inside = r"[\s\d\[\]【】,;、–-]"  # of what no mark can hold, nothing is lost
    assert re.sub(inside, "", marked.text) == re.sub(inside, "", answer)
    if not marked.marks:
        assert marked.text == answer
    assert all(0 <= mark.position <= len(marked.text) + 1 for mark in marked.marks)
    assert {number for mark in marked.marks for number in mark.numbers} == cited_numbers(answer)


# ---------------------------------------------------------------- renumbered

MARKED = st.lists(
    st.tuples(
        st.sampled_from(["word", "word.", "- item", "\n"]),
        st.sampled_from(["", "[1]", " [2][3]", "[3-9]", "[4, 8]", "[99]"]),
    ),
    max_size=30,
).map(lambda parts: " ".join(word + mark for word, mark in parts))


@given(MARKED, st.dictionaries(st.integers(1, 9), st.integers(1, 100_000)), st.integers(0, 12))
def test_renumbered_text_never_holds_more_than_the_most_numbers_and_only_known_ones(
    answer: str, numbers: dict[int, int], most: int
) -> None:
    changed = renumbered(answer, numbers, most)
    found = [int(number) for number in re.findall(r"\[(\d+)\]", changed)]
    assert len(found) <= most
    assert set(found) <= {numbers[number] for number in cited_numbers(answer) if number in numbers}
    assert "".join(read_marks(changed).text.split()) == "".join(read_marks(answer).text.split())
    if most >= 7 * 30:
        assert set(found) == {numbers[number] for number in cited_numbers(answer) if number in numbers}


@given(MARKED)
def test_numbers_that_stay_the_same_stay_where_they_are(answer: str) -> None:
    same = {number: number for number in range(1, 100)}
    before, after = cited(answer), cited(renumbered(answer, same, 1_000))
    assert [(text, set(numbers)) for text, numbers in after] == [(text, set(numbers)) for text, numbers in before]


def test_two_numbers_of_one_sentence_are_cited_once() -> None:
    assert renumbered("The pier fell [3][4].", {3: 1, 4: 1}, 9) == "The pier fell [1][1]."
    assert cited(renumbered("The pier fell [3, 4].", {3: 1, 4: 1}, 9)) == [("The pier fell.", [1])]
