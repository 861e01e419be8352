"""Reading a batch at once gives what reading each sentence by itself would."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.models.matrix import scale
from graphs.models.vocabulary import Vocabulary, shared
from graphs.text.arrays import gaps, runs_of
from graphs.text.forms import LONGEST, forms_of
from graphs.text.lengths import FEW, count_all
from graphs.text.pairs import key_of, pairs_of
from graphs.text.passages import Passage, passages
from graphs.text.words import count_words, fold, terms, word_forms
from tests.graphs.readings import read

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
    st.lists(st.sampled_from(["antidisestablishmentarian", "12345678", "e.g.", "a...b", "1,200", "--", "x"]) | ASCII)
)
@settings(deadline=None)
def test_the_words_of_a_text_are_told_without_the_signs_around_them(words: list[str]) -> None:
    text = " ".join(words).replace("\0", " ")
    found = forms_of(text)
    bare = [word.strip(".,'") for word in word_forms([text], ascii=True)]
    assert found.spelt(np.arange(len(found.starts))) == [word for word in bare if word]
    assert int(found.opens.sum()) == count_words(text)


@given(st.lists(st.text("abc", min_size=1, max_size=LONGEST + 2), min_size=1), st.booleans())
@settings(deadline=None)
def test_equal_words_and_no_others_have_the_same_number(words: list[str], again: bool) -> None:
    vocabulary = Vocabulary()
    numbers = [vocabulary.numbers_of_forms(forms_of(" ".join(words))).tolist() for _ in range(1 + again)]
    assert numbers[-1] == numbers[0]
    assert len(set(zip(words, numbers[0], strict=True))) == len(set(words)) == len(set(numbers[0]))


def test_words_that_fall_into_one_slot_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphs.models.vocabulary._SCATTER", np.uint64(0))
    vocabulary = Vocabulary()
    forms = forms_of(" ".join(f"word{number}" for number in range(100)))
    assert len(set(vocabulary.numbers_of_forms(forms).tolist())) == 100
    assert vocabulary.numbers_of_forms(forms).tolist() == vocabulary.numbers_of_forms(forms).tolist()


@given(st.lists(MIXED, min_size=1, max_size=6), st.booleans())
@settings(deadline=None)
def test_passages_hold_the_sentences_of_the_documents_parted_by_white_space(texts: list[str], touching: bool) -> None:
    between = "" if touching else "\n"
    lengths = np.array([len(text) for text in texts], np.int64)
    starts = np.cumsum(lengths + len(between)) - lengths - len(between)
    document = Passage(between.join(texts), starts, starts + lengths)
    for characters in (10, 1000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("graphs.text.passages.PASSAGE_CHARACTERS", characters)
            found = list(passages([document, document]))
        rows = [passage.sentences(np.arange(len(passage.starts))) for passage in found]
        assert [sentence for own in rows for sentence in own] == texts * 2
        for passage in found:
            gaps = zip(passage.ends[:-1].tolist(), passage.starts[1:].tolist(), strict=True)
            assert all(passage.text[end:start].isspace() for end, start in gaps)


@given(st.lists(MIXED, min_size=1, max_size=6))
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


def test_a_text_without_pairs_is_left_as_it_is() -> None:
    found = pairs_of("only wörds")
    assert found is not None
    assert not len(found.keys)
    assert found.rest == "only wörds"
    assert pairs_of("๓๔ ตัวเลข") is None  # digits of a script without spaces belong to words


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
    monkeypatch.setattr("graphs.text.passages.PASSAGE_CHARACTERS", 100)
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
    assert len(shared()) > len(texts)
    monkeypatch.setattr("graphs.models.reading.KEPT_CHARACTERS", 5)
    after = read(texts)
    assert len(shared()) == 1
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


def test_runs_and_gaps_are_those_of_neighbours() -> None:
    numbers = np.array([4, 4, 0, 7, 7, 7])
    assert runs_of(numbers).tolist() == [0, 2, 3]
    assert gaps(runs_of(numbers), len(numbers)).tolist() == [2, 1, 3]
    assert runs_of(numbers[:0]).tolist() == gaps(numbers[:0], 0).tolist() == []


@pytest.mark.parametrize(
    ("sentence", "has_cue"),
    [
        ("WE PROPOSE a pump", True),
        ("in thi\u017f paper", True),  # the long s is an s to a pattern that ignores case
        ("our findings", True),
        ("it says in This Report of ours", True),
        ("of this, the paper says little", False),
        ("we will present results", False),
    ],
)
def test_a_cue_is_a_phrase_in_any_case_and_not_its_words(sentence: str, has_cue: bool) -> None:
    assert read([sentence]).cues.tolist() == [has_cue]


def test_values_are_scaled_within_their_group_by_its_prose() -> None:
    values = np.array([[1.0, 3.0, 2.0, 5.0, 9.0, 7.0]])
    prose, groups = np.array([1.0, 1.0, 1.0, 0.0, 1.0, 0.0]), np.array([0, 0, 0, 0, 2, 2])
    assert scale(values, prose, groups).tolist() == [[0.0, 1.0, 0.5, 1.0, 0.0, 0.0]]


def test_values_of_one_group_are_scaled_as_they_are_beside_another() -> None:
    values, prose = np.array([[1.0, 3.0, 2.0, 5.0], [4.0, 4.0, 4.0, 9.0]]), np.array([1.0, 1.0, 1.0, 0.0])
    expected = [[0.0, 1.0, 0.5, 1.0], [0.0, 0.0, 0.0, 0.0]]
    assert scale(values, prose, np.zeros(4, np.int64)).tolist() == expected
    beside = np.concatenate([values, np.ones((2, 1))], axis=1)
    found = scale(beside, np.append(prose, 1.0), np.array([0, 0, 0, 0, 1]))
    assert found[:, :4].tolist() == expected
    assert scale(values, np.zeros(4), np.zeros(4, np.int64)).tolist() == np.zeros((2, 4)).tolist()
