"""How plainly a sentence is worded, beside the rest of the text."""

import numpy as np
import pytest

from graphs.models.wording import wording

MANY = ["The staff was friendly.", "The room was clean.", "The staff was helpful.", "Obsidian chandeliers overhang it."]


def test_a_sentence_in_the_words_of_many_is_plainer_than_one_in_words_of_its_own() -> None:
    found = wording(MANY, np.ones(4))
    # "the" and "was" stand there three times, "staff" twice, all others once.
    assert found == pytest.approx([(2 * np.log(3) + np.log(2)) / 4, 2 * np.log(3) / 4, found[0], 0.0])


def test_words_outside_of_prose_make_nothing_plainer() -> None:
    prose = np.array([1.0, 1.0, 0.0, 1.0])
    assert wording(MANY, prose) == pytest.approx([2 * np.log(2) / 4, 2 * np.log(2) / 4, 2 * np.log(2) / 4, 0.0])


def test_texts_without_words_are_not_plain() -> None:
    assert wording(["", " … ", "\0", "one"], np.ones(4)).tolist() == [0.0] * 4
    assert wording([], np.zeros(0)).tolist() == []


def test_case_and_script_part_no_word_from_itself() -> None:
    found = wording(["ÉTÉ Лето 여름", "été лето 여름", "\ud800"], np.ones(3))
    assert found == pytest.approx([np.log(2), np.log(2), 0.0])


def test_many_pieces_are_counted_together() -> None:
    texts = ["The staff was friendly and the rooms were clean."] * 10_000
    assert wording(texts, np.ones(len(texts)))[-1] == pytest.approx(np.log(10_000) + np.log(2) * 2 / 9)
