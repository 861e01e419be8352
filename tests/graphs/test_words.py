"""Words: what is counted, and the terms that stand for a text."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from graphs.text.words import BREAK, as_paragraph, count_words, terms, terms_of, word_forms


def test_english_words_are_the_pieces_between_spaces_that_hold_a_letter_or_digit() -> None:
    assert count_words("The well-known pump — it's 3.5 m high … isn't it?") == 9


def test_korean_words_are_eojeol() -> None:
    assert count_words("서울시는 2024년에 도서관을 세 곳 지었다.") == 6


def test_scripts_without_spaces_count_half_their_characters_rounded_up() -> None:
    assert count_words("下雨了。") == 2
    assert count_words("東京でPython") == 3
    assert count_words("สวัสดี") == 3


def test_punctuation_and_emoji_alone_are_no_words() -> None:
    assert count_words("... — !? 😀 \u200b ___") == 0


@given(st.text(), st.text())
def test_words_of_two_texts_add_up_across_a_space(left: str, right: str) -> None:
    assert count_words(left + " " + right) == count_words(left) + count_words(right)


def test_terms_leave_stop_words_out_and_agree_for_the_forms_of_a_word() -> None:
    assert terms("The pumps were pumping what they had pumped") == ["pump"] * 3
    assert len(set(terms("make makes making"))) == 1
    assert len(set(terms("stop stopped stopping stops"))) == 1
    assert len(set(terms("study studies studied studying"))) == 1


def test_words_that_only_look_inflected_keep_their_letters() -> None:
    assert terms("bus glass thing red sing analysis") == ["bus", "glass", "thing", "red", "sing", "analysis"]


def test_numbers_are_kept_whole() -> None:
    assert terms("1,200 ships and 3.5 percent in 1998") == ["1,200", "ship", "3.5", "percent", "1998"]


def test_hangul_kana_and_han_become_bigrams() -> None:
    assert terms("도서관을 책") == ["도서", "서관", "관을", "책"]
    assert terms("東京タワー") == ["東京", "京タ", "タワ", "ワー"]


def test_mixed_words_part_at_the_script() -> None:
    assert terms("AI는 GPU를") == ["ai", "는", "gpu", "를"]


def test_cyrillic_and_greek_words_are_lower_cased() -> None:
    assert terms("Москва Αθήνα") == ["москва", "αθήνα"]


@given(st.text())
def test_terms_do_not_depend_on_the_normal_form(text: str) -> None:
    assert terms(unicodedata.normalize("NFD", text)) == terms(unicodedata.normalize("NFC", text))


@given(st.text(alphabet=st.sampled_from("abE'’ .,1\u0301가각漢カक\u093fส")))
def test_terms_hold_no_space_and_are_never_empty(text: str) -> None:
    assert all(term and not any(letter.isspace() for letter in term) for term in terms(text))


@given(st.lists(st.text(alphabet=st.sampled_from("abE'’ .,-19\0\u0301가각漢カΣσﬁ\u093fส\n"), max_size=25), min_size=1))
def test_texts_read_at_once_have_the_terms_of_each_one(texts: list[str]) -> None:
    for ascii in (True, False):
        own = [text for text in texts if text.isascii() is ascii]
        read: list[list[str]] = [[]]
        for form in word_forms(own, ascii=ascii):
            if form == BREAK:
                read.append([])
            else:
                read[-1] += terms_of(form, ascii=ascii)
        assert read == ([terms(text) for text in own] or [[]])


def test_a_danda_is_no_part_of_a_word() -> None:
    assert terms("जहाज आए।") == ["जहाज", "आए"]


def test_sentences_are_joined_as_their_script_does() -> None:
    assert as_paragraph(["One.", "Two."]) == "One. Two."
    assert as_paragraph(["항구는 오래되었다", "배가 왔다."]) == "항구는 오래되었다 배가 왔다."
    assert as_paragraph(["他来了。", "1929年。", "Python很好。"]) == "他来了。1929年。Python很好。"
    assert as_paragraph([]) == ""
