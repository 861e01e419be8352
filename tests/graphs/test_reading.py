"""Reading a batch at once gives what reading each sentence by itself would."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.models.matrix import scale
from graphs.models.reading import read
from graphs.text.forms import forms_of
from graphs.text.lengths import FEW, count_all, pieces
from graphs.text.pairs import key_of, pairs_of
from graphs.text.words import fold, terms, word_forms

ASCII = st.text(st.characters(max_codepoint=127), max_size=40)
MIXED = st.text(
    st.sampled_from("aZ9 .,'-\t\n_\0가나다힣ㄱ東京かなカタไทย๑๒½Ａé́«»😀𠀀\ud800\u00a0\u3000ﬁⅣ") | st.characters(),
    max_size=30,
)


@given(st.lists(MIXED, min_size=FEW + 1, max_size=FEW + 6))
@settings(deadline=None)
def test_words_counted_at_once_are_those_counted_one_by_one(texts: list[str]) -> None:
    alone = [int(count_all([text])[0]) for text in texts]
    assert count_all(texts).tolist() == alone


@given(
    st.lists(ASCII, min_size=1, max_size=6),
    st.lists(st.sampled_from(["antidisestablishment", "a", "ab" * 4]), max_size=9),
)
@settings(deadline=None)
def test_each_word_is_found_once_and_stands_where_it_stood(texts: list[str], words: list[str]) -> None:
    texts = [*texts, " ".join(words)]
    found = forms_of(texts)
    assert len(set(found.distinct)) == len(found.distinct)
    assert [found.distinct[word] for word in found.words.tolist()] == word_forms(texts, ascii=True)


@given(st.lists(MIXED, max_size=6))
@settings(deadline=None)
def test_the_terms_of_a_batch_are_those_of_its_sentences(texts: list[str]) -> None:
    counts = read(texts).counts
    for number, text in enumerate(texts):
        start, stop = counts.starts[number : number + 2]
        assert sorted(counts.values[start:stop].tolist()) == sorted(
            float(terms(text).count(term)) for term in set(terms(text))
        )
    columns: dict[str, int] = {}
    for number, text in enumerate(texts):
        own = set(counts.columns[slice(*counts.starts[number : number + 2])].tolist())
        for term in set(terms(text)) & set(columns):
            assert columns[term] in own
        if len(set(terms(text))) == 1:
            columns.setdefault(terms(text)[0], *own)


def test_pairs_stay_within_a_script_and_leave_the_rest() -> None:
    found = pairs_of(fold("한국어 text 東京タワー서울 漢 end"))
    assert found is not None
    keys = [int(found.keys[place]) for place in found.inverse.tolist()]
    pairs = ["한국", "국어", "東京", "京タ", "タワ", "ワー", "서울", "漢"]
    assert sorted(keys) == sorted(map(key_of, pairs))
    assert found.rest.split() == ["text", "end"]
    assert len(found.rest) == len("한국어 text 東京タワー서울 漢 end")
    assert pairs_of("only words") is None


def test_many_different_characters_are_paired_like_few(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "가나다 가나 다라마 漢字漢"
    by_table = pairs_of(text)
    monkeypatch.setattr("graphs.text.pairs._MOST_CELLS", 0)
    by_sorting = pairs_of(text)
    assert by_table is not None
    assert by_sorting is not None
    assert by_table.keys[by_table.inverse].tolist() == by_sorting.keys[by_sorting.inverse].tolist()


def test_a_batch_of_several_pieces_is_read_like_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"The {animal} number {number} 다리를 건넜다." for number in range(30) for animal in ("fox", "wolf")]
    whole = read(texts)
    monkeypatch.setattr("graphs.text.lengths.PIECE_CHARACTERS", 100)
    assert len(pieces(texts)) > 5
    parts = read(texts)
    assert parts.words.tolist() == whole.words.tolist()
    assert parts.numbers.tolist() == whole.numbers.tolist() == [1] * 60
    assert parts.counts.rows.tolist() == whole.counts.rows.tolist()
    ones = np.ones(60)
    assert sorted(parts.counts.transposed_times(ones)) == sorted(whole.counts.transposed_times(ones))


def test_what_is_kept_of_words_from_batch_to_batch_is_bounded_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = [f"okay word{number} e.g. x{number} 2024" for number in range(40)]
    before = read(texts)
    monkeypatch.setattr("graphs.models.reading.KEPT_FACTS", 5)
    after = read(texts)
    assert after.counts.columns.tolist() == before.counts.columns.tolist()
    assert after.persons.tolist() == before.persons.tolist() == [1] * 40


@pytest.mark.parametrize("cells", [0, 64])
def test_columns_of_different_groups_are_apart(monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    monkeypatch.setattr("graphs.models.matrix._TABLE_CELLS", cells)
    counts = read(["red fox", "blue fox", "red fox"]).counts
    apart = counts.apart(np.array([0, 0, 2]))
    assert apart.width == 5
    first, second, third = (apart.row(number) for number in range(3))
    assert [float(one @ other) for one, other in ((first, second), (first, third), (second, third))] == [1.0, 0.0, 0.0]


def test_values_are_scaled_within_their_group_by_its_prose() -> None:
    values = np.array([[1.0, 3.0, 2.0, 5.0, 9.0, 7.0]])
    prose, groups = np.array([1.0, 1.0, 1.0, 0.0, 1.0, 0.0]), np.array([0, 0, 0, 0, 2, 2])
    assert scale(values, prose, groups).tolist() == [[0.0, 1.0, 0.5, 1.0, 0.0, 0.0]]
