"""Choosing sentences one by one: worth, repetition, novelty, balance and length."""

import numpy as np

from graphs.models.matrix import inverse_frequency, weigh
from graphs.models.picking import Balance, Picker, Terms, best_of_each
from tests.graphs.readings import read

TEXTS = ["red fox runs", "red fox runs", "blue whale swims", "grey wolf waits"]


def picker(
    scores: list[float],
    lengths: list[int],
    *,
    redundancy: float = 0.5,
    novelty: float = 0.0,
    balance: Balance | None = None,
    leaning: list[bool] | None = None,
) -> Picker:
    counts = read(TEXTS[: len(scores)]).counts
    terms = Terms(weigh(counts, inverse_frequency(counts)), np.ones(counts.width))
    numbers = np.arange(len(scores))
    weights = {"redundancy": redundancy, "novelty": novelty}
    leans = np.array(leaning or [False] * len(scores))
    return Picker(terms, numbers, np.array(scores), np.array(lengths), leans, **weights, balance=balance)


def everything(count: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(count, dtype=np.bool_)


def test_the_best_are_taken_until_the_words_are_used() -> None:
    chosen = picker([0.1, 0.2, 0.9, 0.8], [10, 10, 10, 10])
    chosen.take(20, 23, everything(4), 20, enough=20)
    assert chosen.taken == [2, 3]


def test_what_a_chosen_sentence_says_is_not_taken_again() -> None:
    chosen = picker([1.0, 0.9, 0.2, 0.1], [10, 10, 10, 10])
    chosen.take(30, 34, everything(4), 30, enough=30)
    assert chosen.taken == [0, 2, 3]


def test_a_sentence_that_would_overrun_is_passed_over() -> None:
    chosen = picker([1.0, 0.0, 0.9, 0.8], [10, 10, 30, 10])
    chosen.take(20, 23, everything(4), 20, enough=20)
    assert chosen.taken == [0, 3]


def test_a_sentence_that_leans_on_the_one_before_waits_for_it() -> None:
    for scores, expected in (([0.0, 0.5, 0.9, 0.85], [3, 2]), ([0.0, 0.95, 0.9, 0.85], [1, 2])):
        chosen = picker(scores, [10, 10, 10, 10], redundancy=0.0, leaning=[False, False, True, False])
        chosen.take(20, 23, everything(4), 20, enough=20)
        assert chosen.taken == expected


def test_with_enough_words_nothing_much_poorer_than_what_no_longer_fits_is_taken() -> None:
    for enough, expected in ((18, [0, 3]), (17, [0])):
        chosen = picker([1.0, 0.0, 0.9, 0.5], [17, 6, 30, 6])
        chosen.take(20, 23, everything(4), 20, enough=enough)
        assert chosen.taken == expected
    chosen = picker([1.0, 0.0, 0.9, 0.85], [17, 6, 30, 6])
    chosen.take(20, 23, everything(4), 20, enough=17)
    assert chosen.taken == [0, 3]


def test_new_terms_count_beside_the_score() -> None:
    scores, lengths = [0.5, 0.0, 0.4, 0.45], [10, 10, 10, 40]
    for novelty, expected in ((0.0, [0, 3]), (2.0, [0, 2])):
        chosen = picker(scores, lengths, novelty=novelty)
        chosen.take(15, 60, everything(4), 15, enough=15)
        assert chosen.taken == expected


def test_a_group_that_has_had_its_due_waits_for_the_others() -> None:
    groups = np.array([0, 0, 0, 1])
    balance = Balance(groups, np.array([0.5, 0.5]), 1.5)
    chosen = picker([1.0, 0.0, 0.9, 0.1], [10, 10, 10, 10], balance=balance)
    chosen.take(20, 23, everything(4), 20, enough=20)
    assert chosen.taken == [0, 3]


def test_a_sentence_that_would_use_the_due_of_all_is_no_first_choice() -> None:
    balance = Balance(np.array([0, 0, 1, 1]), np.array([0.5, 0.5]), 1.5)
    chosen = picker([1.0, 0.3, 0.5, 0.2], [40, 20, 20, 20], balance=balance)
    chosen.take(40, 46, everything(4), 40, enough=40)
    assert chosen.taken == [2, 1]


def test_a_selection_that_is_too_short_exchanges_a_sentence_for_a_longer_one() -> None:
    chosen = picker([1.0, 0.0, 0.85, 0.9], [13, 12, 20, 14])
    chosen.take(20, 23, everything(4), 20, enough=20)
    assert chosen.taken == [0]
    chosen.fill(17, 23)
    assert chosen.taken == [2]


def test_an_exchange_that_costs_much_is_not_made() -> None:
    chosen = picker([1.0, 0.0, 0.4, 0.9], [13, 12, 20, 14])
    chosen.take(20, 23, everything(4), 20, enough=20)
    chosen.fill(17, 23)
    assert chosen.taken == [0]


def test_of_many_candidates_the_best_of_each_group_are_kept_in_order() -> None:
    scores = np.array([0.1, 0.9, 0.5, 0.8, 0.2, 0.3])
    groups = np.array([0, 0, 0, 1, 1, 1])
    assert best_of_each(scores, groups, 4).tolist() == [1, 2, 3, 5]
    assert best_of_each(scores, groups, 6).tolist() == [0, 1, 2, 3, 4, 5]
    assert best_of_each(scores, groups, 1).tolist() == [1, 3]
