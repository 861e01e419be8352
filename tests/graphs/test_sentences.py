"""Sentences: exact offsets whatever the text, borders where a reader sees them."""

import pytest
import sentencex
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.text.sentences import LONGEST_CHARACTERS, split_sentences

ODD = st.lists(
    st.sampled_from(
        [
            *"aB. \n\t\r\0!?\"'(:|#-1,",
            "\r\n",
            "\n\n",
            "\u0301",
            "\u200b",
            "\ufeff",
            "\u2028",
            "\u3000",
            "\f",
            "😀",
            "👨\u200d👩\u200d👧",
            *["가", "했다.", "다.\n", "”", "“", "「", "。", "」", "漢", "かな", "\ud800", "```", "Mr. ", "word "],
        ]
    )
    | st.characters(),
    max_size=60,
).map("".join)


def sentences(text: str, language: str = "en") -> list[str]:
    return [text[start:end] for start, end in split_sentences(text, language)]


def check_offsets(text: str, spans: list[tuple[int, int]]) -> None:
    position = 0
    for start, end in spans:
        assert position <= start < end <= len(text)
        assert not text[position:start].strip()
        assert text[start:end] == text[start:end].strip()
        position = end
    assert not text[position:].strip()


@given(ODD, st.sampled_from(["en", "ko", "ja", "zh", "xx", ""]))
@settings(max_examples=150, deadline=None)
def test_spans_are_ordered_trimmed_and_cover_every_character_that_is_not_whitespace(text: str, language: str) -> None:
    check_offsets(text, split_sentences(text, language))


@given(ODD)
@settings(max_examples=50, deadline=None)
def test_sentences_longer_than_the_window_keep_exact_offsets(text: str) -> None:
    repeated = text * (2 * LONGEST_CHARACTERS // max(1, len(text)) + 1)
    check_offsets(repeated, split_sentences(repeated))


def test_pieces_that_do_not_add_up_to_the_window_cost_no_character(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentencex, "segment", lambda language, text: ["One. ", "thr"])
    assert sentences("One. Two. Three.") == ["One. Two. Three."]


@pytest.mark.parametrize("space", ["\u00a0", "\u2003", "\u202f", "\u3000"])
def test_a_wide_space_between_a_capital_and_a_full_stop_is_read_like_any_other(space: str) -> None:
    text = "He takes vitamin C . She takes none of it."
    for language in ("en", "ko", "ja", "fr"):
        assert split_sentences(text.replace(" .", space + "."), language) == split_sentences(text, language)


def test_abbreviations_and_decimals_do_not_end_a_sentence() -> None:
    text = "Mr. Lee paid 3.50 euros at the U.S. embassy. Then he left."
    assert sentences(text) == ["Mr. Lee paid 3.50 euros at the U.S. embassy.", "Then he left."]


def test_the_letter_of_an_exhibit_is_no_initial_of_the_next_sentence() -> None:
    text = "The fee is set out in Exhibit A. Provider shall bill it. See Schedule C. Payment is due. Ask J. Smith."
    assert sentences(text) == [
        "The fee is set out in Exhibit A.",
        "Provider shall bill it.",
        "See Schedule C.",
        "Payment is due.",
        "Ask J. Smith.",
    ]
    assert sentences("Appendix A. Data Sources") == ["Appendix A. Data Sources"]  # a heading


def test_a_title_stays_with_the_name_behind_it() -> None:
    found = ["We go back to Ms. Collins, Dr. No and (Mr. Will).", "See Figs. 3 and 4.", "Ask Mr. Is he in?", "The team"]
    assert sentences(" ".join(found)) == found
    assert sentences("Nobody knows the Mr.\n\nHe left.") == ["Nobody knows the Mr.", "He left."]


def test_a_sign_that_closes_an_emphasis_stays_with_it() -> None:
    found = ["- **Constitution.**", "Indents were removed.", "**Names are bold.**", "_Titles are not._"]
    assert sentences(" ".join(found)) == found


def test_a_hard_wrapped_paragraph_is_not_cut_at_its_lines() -> None:
    text = (
        "The harbour was closed for two days because the storm had moved the\n"
        "Northern buoys out of the channel. Pilots were told to wait outside the\n"
        "breakwater.\n"
    )
    assert [piece.split("\n")[0][:11] for piece in sentences(text)] == ["The harbour", "Pilots were"]


def test_a_name_whose_initials_begin_a_wrapped_line_stays_whole() -> None:
    text = (
        "The number of nominees who were confirmed ranged from a high of\n305 to a low of 148 in the single term of George\n"
        "H. W. Bush. The others were not confirmed in any of these years.\nA. First of all, the President nominates whom "
        "he wants.\nB. Then, the Senate votes on the nominee."
    )
    found = [" ".join(sentence.split()) for sentence in sentences(text)]
    assert len(found) == 4
    assert found[0].endswith("in the single term of George H. W. Bush.")
    assert found[2] == "A. First of all, the President nominates whom he wants."


def test_a_hard_wrapped_korean_paragraph_is_not_cut_at_its_lines() -> None:
    text = (
        "시 의회는 어제 열린 회의에서 새 도서관을 강변에 짓기로\n"
        "결정했다. 공사는 내년 봄에 시작해 이 년 뒤에 끝날\n예정이다."
    )
    assert len(sentences(text, "ko")) == 2


def test_headings_items_and_table_rows_stand_alone() -> None:
    text = (
        "# Results\nThe first trial of the pump went well, and the second one went even better.\n"
        "- cheap to build\n- easy to repair\n1. Measure\n2. Repeat\n| a | b |\n| 1 | 2 |\nMethods\n"
        "We measured the flow at noon on every working day of the month of March.\n"
    )
    found = sentences(text)
    for alone in (
        "# Results",
        "- cheap to build",
        "- easy to repair",
        "1. Measure",
        "| a | b |",
        "| 1 | 2 |",
        "Methods",
    ):
        assert alone in found


@pytest.mark.parametrize(
    "start",
    [
        *("1. ", "123) ", "(12) ", "[7] ", "٣. ", "a. ", "B) ", "(c) ", "viii) ", "xi. ", "(viii. ", "가. ", "(나) "),
        *("- ", "• ", "– ", "> ", "①", "㉠ ", "・"),
        *("Ann: ", "Dr No:\t", "진행자: ", f"A{'b' * 30}: "),
    ],
)
def test_each_kind_of_item_or_turn_begins_anew_below_a_full_line(start: str) -> None:
    full = "the council decided on the library by the river."
    assert sentences(f"{full}\n{start}and so it went on until the evening, and then\n{full}")[0] == full
    # A name of one character more, or a sign within the word, is no such start.
    joined = sentences(f"{full[:-1]}\nand so: it went on. until the evening, and then\n{full}")
    assert joined[0].startswith(full[:-1] + "\nand so: it")


def test_blank_lines_part_what_has_no_full_stop() -> None:
    assert sentences("The title\n \t\nThe author\r\n\r\nThe text") == ["The title", "The author", "The text"]


def test_lines_of_code_in_a_fence_stand_alone() -> None:
    assert sentences("```\nx = 1\ny = x\n```\nDone here.") == ["```", "x = 1", "y = x", "```", "Done here."]


def test_turns_of_a_dialogue_stand_alone() -> None:
    assert sentences("Anna: I think so\nBen: I do not\n진행자: 다음 안건입니다") == [
        "Anna: I think so",
        "Ben: I do not",
        "진행자: 다음 안건입니다",
    ]


def test_a_korean_quotation_stays_with_the_verb_that_reports_it() -> None:
    text = '그는 "내일은 비가 온다."고 말했다. 그래서 우산을 샀다.'
    assert sentences(text, "ko") == ['그는 "내일은 비가 온다."고 말했다.', "그래서 우산을 샀다."]


def test_korean_sentences_without_a_space_between_them_are_parted() -> None:
    assert sentences("비가 왔다.길이 젖었다. 나는 뛰었다!", "ko") == ["비가 왔다.", "길이 젖었다.", "나는 뛰었다!"]


def test_japanese_and_chinese_end_at_the_wide_full_stop() -> None:
    assert sentences("雨が降った。傘を買った。", "ja") == ["雨が降った。", "傘を買った。"]
    assert sentences("下雨了。我买了一把伞。", "zh") == ["下雨了。", "我买了一把伞。"]


def test_a_number_behind_a_wide_full_stop_begins_a_sentence() -> None:
    assert sentences("他来了。1929年冬天，一场大风暴。") == ["他来了。", "1929年冬天，一场大风暴。"]
    assert sentences("彼は来た。3月に始まる。") == ["彼は来た。", "3月に始まる。"]


def test_thai_which_has_no_full_stop_is_cut_at_its_spaces_into_pieces_that_are_not_too_short() -> None:
    first, second = "ท่าเรือของเมืองเปิดในปี 1923 หลังจากก่อสร้างมาสิบปี", "สภาเมืองตัดสินใจสร้างท่าเทียบเรือขึ้นใหม่ด้วยหินแทนไม้"
    assert sentences(f"{first} {second}") == [first, second]
    assert sentences("ท่าเรือ ของเมือง") == ["ท่าเรือ ของเมือง"]


def test_text_without_borders_is_cut_at_a_space_before_the_limit() -> None:
    found = sentences("word " * 2_000)
    assert max(map(len, found)) <= LONGEST_CHARACTERS
    assert all(set(piece.split()) == {"word"} for piece in found)


def test_text_without_spaces_is_cut_outside_combined_characters() -> None:
    text = "e\u0301" * LONGEST_CHARACTERS
    assert not any(piece.startswith("\u0301") for piece in sentences(text))


def test_whitespace_alone_has_no_sentence() -> None:
    assert split_sentences("") == split_sentences(" \n\r\n\t\u2028\u3000") == []
