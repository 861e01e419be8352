"""The embedded model: which sentences it may take, which it takes, and that it always takes the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.models.extractive import BatchIndex, Sentence
from graphs.models.features import centrality
from graphs.models.kinds import APPARATUS, PROSE, SHORT, WORDLESS, Sentences, kinds
from graphs.models.matrix import inverse_frequency, weigh
from graphs.models.reading import Reading
from graphs.text.sentences import split_sentences
from graphs.text.words import count_words, simplified, terms
from tests.graphs.readings import read

BRIDGE = """# The river bridge

The city council voted on Monday to repair the old river bridge before the winter.
Engineers had warned that the cables of the bridge were losing a tenth of their strength every year.
The repair of the bridge will cost nine million euros and will take about eighteen months.
A bakery on the north bank gave free coffee to everybody who came to the meeting.
During the repair a ferry will carry people across the river between six and midnight.
The council expects that traffic on the bridge will fall by a third while the cables are replaced.
Yes.

| year | cost |
| 2024 | 3 |
"""

LIBRARY = """시 의회는 강변에 새 도서관을 짓는 계획을 월요일에 승인했다.
새 도서관은 열람실 네 곳과 어린이실 한 곳을 갖춘다.
공사는 내년 봄에 시작해 이 년 뒤에 끝날 예정이다. 주민들은 오래전부터 강변 도서관을 요구해 왔다.
그날 아침에는 짙은 안개가 끼어 회의가 조금 늦게 열렸다. 의회는 도서관 공사 비용을 백이십억 원으로 잡았다."""

DOCUMENTS = [("bridge", BRIDGE), ("library", LIBRARY)]


def texts_of(index: BatchIndex, documents: list[tuple[str, str]], numbers: list[int]) -> list[str]:
    texts = dict(documents)
    return [texts[found.document][found.start : found.end] for found in map(index.sentence, numbers)]


def all_within(index: BatchIndex, documents: list[tuple[str, str]]) -> list[int]:
    return [number for identity, text in documents for number in index.within(identity, 0, len(text))]


def kinds_of(text: str, spans: list[tuple[int, int]], reading: Reading) -> list[int]:
    starts, ends = np.array(spans).T
    alone, least = np.zeros(len(spans), np.int64), np.full(len(spans), 6)
    found: list[int] = kinds(Sentences(text, starts, ends, alone, reading.words, least, reading.suspects)).tolist()
    return found


def test_candidates_are_prose_and_not_headings_tables_or_fragments() -> None:
    index = BatchIndex.build(DOCUMENTS)
    found = texts_of(index, DOCUMENTS, index.within("bridge", 0, len(BRIDGE)))
    assert len(found) == 6
    assert all(sentence.endswith(".") and count_words(sentence) > 6 for sentence in found)


def test_a_span_without_prose_gives_what_it_holds() -> None:
    index = BatchIndex.build(DOCUMENTS)
    heading = BRIDGE.index("\n")
    assert texts_of(index, DOCUMENTS, index.within("bridge", 0, heading)) == ["# The river bridge"]
    short = BRIDGE.index("Yes.")
    assert texts_of(index, DOCUMENTS, index.within("bridge", short, len(BRIDGE))) == ["Yes."]
    table = BRIDGE.index("| year")
    assert texts_of(index, DOCUMENTS, index.within("bridge", table, len(BRIDGE)))[0] == "| year | cost |"


def test_a_span_inside_one_sentence_gives_that_sentence() -> None:
    index = BatchIndex.build(DOCUMENTS)
    middle = BRIDGE.index("nine million")
    assert "nine million" in texts_of(index, DOCUMENTS, index.within("bridge", middle, middle + 4))[0]


@given(st.integers(0, len(BRIDGE)), st.integers(0, len(BRIDGE)))
@settings(deadline=None)
def test_every_span_that_holds_a_word_has_a_candidate(one: int, other: int) -> None:
    index = BatchIndex.build([("bridge", BRIDGE)])
    start, end = sorted((one, other))
    found = index.within("bridge", start, end)
    assert found or not count_words(BRIDGE[start:end])
    assert found == sorted(found)


def test_numbers_and_sentences_are_inverse() -> None:
    index = BatchIndex.build(DOCUMENTS)
    assert [index.number(index.sentence(number)) for number in range(len(index))] == list(range(len(index)))


def test_an_unknown_sentence_has_no_number() -> None:
    index = BatchIndex.build(DOCUMENTS)
    for unknown in (Sentence("bridge", 1, 2), Sentence("absent", 0, 5), Sentence("library", 10_000, 10_001)):
        with pytest.raises(KeyError):
            index.number(unknown)
    with pytest.raises(KeyError):
        index.within("absent", 0, 5)
    for number in (-1, len(index)):
        with pytest.raises(IndexError):
            index.sentence(number)


def test_a_selection_is_in_source_order_and_within_the_budget() -> None:
    index = BatchIndex.build(DOCUMENTS)
    candidates = all_within(index, DOCUMENTS)
    for words in (20, 30, 45, 60, 100):
        chosen = index.select(candidates, words)
        assert chosen == sorted(set(chosen))
        assert 0 < sum(map(count_words, texts_of(index, DOCUMENTS, chosen))) <= words * 1.15


def test_when_every_sentence_is_too_long_the_shortest_is_taken() -> None:
    index = BatchIndex.build(DOCUMENTS)
    candidates = index.within("bridge", 0, len(BRIDGE))
    chosen = index.select(candidates, 2)
    lengths = [count_words(sentence) for sentence in texts_of(index, DOCUMENTS, candidates)]
    assert [count_words(sentence) for sentence in texts_of(index, DOCUMENTS, chosen)] == [min(lengths)]


def test_a_summary_prefers_what_the_document_is_about() -> None:
    for identity, text, aside in (("bridge", BRIDGE, "bakery"), ("library", LIBRARY, "안개")):
        index = BatchIndex.build([(identity, text)])
        chosen = index.select(index.within(identity, 0, len(text)), 45 if identity == "bridge" else 20)
        assert len(chosen) > 1
        assert not any(aside in sentence for sentence in texts_of(index, [(identity, text)], chosen))


def test_a_focus_moves_the_choice() -> None:
    index = BatchIndex.build(DOCUMENTS, focus="free coffee from the bakery")
    chosen = index.select(index.within("bridge", 0, len(BRIDGE)), 18)
    assert "bakery" in texts_of(index, DOCUMENTS, chosen)[0]


def test_the_same_sentence_is_never_taken_twice() -> None:
    copies = [(str(number), BRIDGE) for number in range(4)]
    index = BatchIndex.build(copies)
    chosen = texts_of(index, copies, index.select(all_within(index, copies), 500))
    assert len(chosen) == len(set(chosen)) == 6


def test_equal_batches_give_equal_scores_and_choices() -> None:
    one, other = BatchIndex.build(DOCUMENTS), BatchIndex.build(iter(DOCUMENTS))
    candidates = all_within(one, DOCUMENTS)
    assert one.digest == other.digest
    assert one.select(candidates, 50) == other.select(candidates[::-1], 50)


def test_the_digest_tells_ids_texts_order_and_focus_apart() -> None:
    batches = [
        BatchIndex.build(DOCUMENTS),
        BatchIndex.build(DOCUMENTS[::-1]),
        BatchIndex.build(DOCUMENTS, focus=""),
        BatchIndex.build(DOCUMENTS, focus="bridge"),
        BatchIndex.build([("a", "bc")]),
        BatchIndex.build([("ab", "c")]),
        BatchIndex.build([("a", ""), ("bc", "")]),
    ]
    assert len({index.digest for index in batches}) == len(batches)


@pytest.mark.parametrize("text", ["", "word", "... !!! —", "\n\n", "The of and.", "\ud800", "가", "word " * 3_000])
def test_odd_documents_are_indexed_and_asked(text: str) -> None:
    documents = [("odd", text), ("same", text)]
    index = BatchIndex.build(documents)
    candidates = all_within(index, documents)
    assert bool(candidates) == bool(count_words(text))
    assert bool(index.select(candidates, 10)) == bool(candidates)


def test_an_empty_batch_has_no_sentence() -> None:
    index = BatchIndex.build([])
    assert len(index) == 0
    assert index.select([], 10) == []


def test_equal_ids_and_empty_budgets_are_refused() -> None:
    with pytest.raises(ValueError, match="same id"):
        BatchIndex.build([("a", "One."), ("a", "Two.")])
    with pytest.raises(ValueError, match="at least one word"):
        BatchIndex.build(DOCUMENTS).select([0], 0)


def test_a_story_is_taken_from_all_its_parts() -> None:
    scenes = [
        f'"I saw the {animal} near the {place} again this morning," said the keeper of the light in a low voice. '
        f"Nobody on the {place} had ever believed that a {animal} could cross the water in one night."
        for animal in ("fox", "wolf", "otter", "heron", "badger", "falcon", "lynx", "raven", "seal", "hare", "stoat")
        for place in (
            "pier",
            "cliff",
            "island",
            "meadow",
            "marsh",
            "quarry",
            "orchard",
            "harbour",
            "tower",
            "bridge",
            "mill",
            "cave",
        )
    ]
    text = "\n\n".join(scenes)
    index = BatchIndex.build([("story", text)])
    starts = [index.sentence(number).start for number in index.select(index.within("story", 0, len(text)), 200)]
    quarters = {4 * start // len(text) for start in starts}
    assert quarters == {0, 1, 2, 3}


def test_turns_of_a_few_words_are_no_candidates_in_a_dialogue() -> None:
    turns = [
        "Anna: Okay, and what did they say about the new remote control last week?",
        "Ben: They said that the remote control should have fewer buttons and be found by its sound when it is lost.",
        "Anna: Right, that is fine with me.",
        "Ben: And the price must stay under twenty five euros, which leaves us about twelve euros to build one.",
        "Anna: Then rubber is cheaper than wood, so I would say that we take a rubber case with a single battery.",
        "Ben: Good.",
    ]
    text = "\n".join(turns)
    index = BatchIndex.build([("meeting", text)])
    found = texts_of(index, [("meeting", text)], index.within("meeting", 0, len(text)))
    assert found == [turns[1], turns[3], turns[4]]


def test_a_reference_list_is_apparatus() -> None:
    text = "We measured the flow of the river.\n\nReferences\n\nLee, A. The flow of rivers. Journal of Water, 2019."
    spans = split_sentences(text)
    reading = read([text[start:end] for start, end in spans])
    found = kinds_of(text, spans, reading)
    assert found[0] == PROSE
    assert set(found[1:]) == {APPARATUS}
    assert kinds_of("Why? !!", [(0, 4), (5, 7)], read(["Why?", "!!"])) == [SHORT, WORDLESS]


def test_centrality_is_the_sum_of_the_similarities_to_all_others() -> None:
    counts = read(["red fox runs", "red fox sleeps", "blue whale sleeps", "fox whale", "lonely word"]).counts
    matrix = weigh(counts, inverse_frequency(counts))
    rows = np.stack([matrix.row(number) for number in range(matrix.height)])
    similar = rows @ rows.T
    np.fill_diagonal(similar, 0.0)
    assert similar.any()
    assert centrality(matrix, np.ones(5)) == pytest.approx(similar.sum(axis=1))


FERRY = """A ferry has carried people across the lake since the spring of 1911.
The ferry of the lake was built of oak by two brothers from the village.
In winter the lake freezes and the ferry is pulled ashore by horses.
Tickets for the ferry cost the same as a loaf of bread for seventy years.
The last captain of the ferry retired when the road around the lake was opened."""

VACCINE = """Researchers tested a vaccine against dengue fever in four thousand children.
The vaccine lowered the number of infections by about sixty percent over two years.
Children who had been infected before were protected better than the others.
The trial of the vaccine found no severe side effects in either group.
A larger trial of the vaccine in five countries begins next year."""


def test_each_of_several_unlike_documents_has_its_due() -> None:
    documents = [*DOCUMENTS, ("ferry", FERRY), ("vaccine", VACCINE)]
    index = BatchIndex.build(documents)
    chosen = [index.sentence(number) for number in index.select(all_within(index, documents), 80)]
    assert {sentence.document for sentence in chosen} == {"bridge", "library", "ferry", "vaccine"}
    order = [identity for identity, _ in documents]
    assert [order.index(sentence.document) for sentence in chosen] == sorted(
        order.index(sentence.document) for sentence in chosen
    )


def test_a_short_document_has_its_due_beside_a_long_one() -> None:
    long = "\n".join(
        f"In the year {1900 + number} the town counted {number * 7 + 3} boats of the {kind} fleet in its harbour."
        for number, kind in enumerate(["herring", "mussel", "salmon", "tuna", "cod"] * 40)
    )
    documents = [("long", long), ("short", VACCINE)]
    index = BatchIndex.build(documents)
    chosen = [index.sentence(number) for number in index.select(all_within(index, documents), 100)]
    words = {
        identity: sum(count_words(text[start:end]) for owner, start, end in chosen if owner == identity)
        for identity, text in documents
    }
    assert words["short"] > 20
    assert words["long"] > words["short"]


def test_long_conversations_are_degraded_and_nothing_else() -> None:
    turns = [
        f"{'Anna' if number % 2 else 'Ben'}: I think that we should talk about item number {number} of the long list now."
        for number in range(300)
    ]
    documents = [("meeting", "\n".join(turns)), ("chat", "\n".join(turns[:20])), ("bridge", BRIDGE)]
    assert BatchIndex.build(documents).degraded == {"meeting": "long_conversation"}


@pytest.mark.parametrize(
    "speakers", [("Right Hon. Ann Lee", "Mr. Ben Kim"), ("The Chair (Ms. Eva Roy (North, Ind.))", "Cho")]
)
def test_speakers_with_titles_and_offices_make_a_conversation(speakers: tuple[str, str]) -> None:
    turns = [
        f"{speakers[number % 2]}: The committee has to decide about item number {number} of the very long list now."
        for number in range(300)
    ]
    assert BatchIndex.build([("meeting", "\n".join(turns))]).degraded == {"meeting": "long_conversation"}


def test_of_minutes_without_names_the_matter_is_taken_and_not_the_formulas() -> None:
    formulas = "의석을 정돈하여 주시기 바랍니다.\n성원이 되었으므로 지금부터 본회의를 개의하겠습니다.\n먼저 보고가 있겠습니다.\n"
    items = "".join(
        f"다음은 의사일정 제{number}항에 대해 말씀드리겠습니다.\n질의하실 의원님 안 계십니까?\n"
        f"강변 도서관 {number}호관을 짓는 데에 드는 비용은 모두 군의 예산으로 마련하는 것이 타당하다고 판단됩니다.\n"
        for number in range(1, 80)
    )
    documents = [("minutes", formulas + items)]
    index = BatchIndex.build(documents)
    assert index.degraded == {"minutes": "long_conversation"}
    chosen = texts_of(index, documents, index.select(all_within(index, documents), 40))
    assert chosen
    assert all("도서관" in sentence for sentence in chosen)


def test_a_table_of_contents_that_was_a_chunk_by_itself_is_not_in_what_is_merged() -> None:
    contents = """Contents

Summary ............................................................................................................ 4
Introduction...................................................................................................... 6
Overview of the U.S. Courts of Appeals and U.S. District Courts.......... 7
"""
    documents = [("report", f"{contents}\n{BRIDGE}")]
    index = BatchIndex.build(documents)
    apparatus = index.within("report", 0, len(contents))
    assert any("....." in sentence for sentence in texts_of(index, documents, index.select(apparatus, 40)))
    prose = index.within("report", len(contents), len(documents[0][1]))
    assert index.select([*apparatus, *prose], 60) == index.select(prose, 60)


def test_sentences_that_announce_a_list_are_left_out_without_it() -> None:
    announcing = [
        "The council named three reasons why the old bridge has to be closed:",
        "위원회는 다음 각 호의 사항을 심의한다.",
    ]
    documents = [("bridge", BRIDGE.replace("\n\n|", "\n\n" + "\n\n".join(announcing) + "\n\n|"))]
    index = BatchIndex.build(documents)
    assert not set(announcing) & set(texts_of(index, documents, all_within(index, documents)))


def test_what_a_paper_says_of_itself_counts_more() -> None:
    sentences = [
        "The river has been crossed by ferries and by bridges for as long as anybody remembers.",
        "Old ferries of the upper town are said to have been cheaper.",
        "In this {} ferries of the lower town are said to be cheaper.",
        "A flood has closed all of them in the year before the last.",
    ]
    for word, expected in (("paper", [0, 2]), ("river", [0, 1])):
        documents = [("paper", " ".join(sentences).format(word))]
        index = BatchIndex.build(documents)
        assert index.select(all_within(index, documents), 27) == expected
    assert read(["Our results are new.", "We propose a ferry.", "본 논문에서는 다리를 다룬다."]).cues.all()
    assert not read(["The results are new.", "They propose a ferry.", "논문은 다리를 다룬다."]).cues.any()


def test_what_speaks_of_him_or_her_is_told_in_three_scripts() -> None:
    leaning = [
        "He said so.",
        "Their ship is lost.",
        "그는 말했다.",
        "彼は言った。",
        "The captain said so.",
        "Heat rises.",
    ]
    assert read(leaning).leaning.tolist() == [True, True, True, True, False, False]


def test_sentences_of_navigation_and_copyright_are_no_prose() -> None:
    lines = [
        "Home › News › Local",
        "Please sign in or log in to read all the news of the day.",
        "무단 전재 및 재배포를 금지한다는 점을 알려 드립니다.",
        "In *Proceedings of the 57th Annual Meeting of the Association* (ACL 2019), pages 1895–1910, Florence, Italy.",
        "The council voted on Monday to repair the old river bridge before the winter.",
        "This is a work of the United States Government and is in the public domain in the United States (17 U.S.C. 105).",
        "© 2024 The Authors, published by the society of river engineers in Ansan.",
        "See doi:10.1000/182 and arXiv:1234.5678 for all the details of the method.",
        "The mayor said that the right to sign in the name of the town was hers, and that all members had agreed to it.",
    ]
    reading = read(lines)
    text = "\n".join(lines)
    starts = [text.index(line) for line in lines]
    spans = [(start, start + len(line)) for start, line in zip(starts, lines, strict=True)]
    found = kinds_of(text, spans, reading)
    assert found == [*[APPARATUS] * 4, PROSE, APPARATUS, APPARATUS, APPARATUS, PROSE]


@given(st.lists(st.text(), min_size=1, max_size=5))
@settings(deadline=None)
def test_what_is_read_of_sentences_is_what_their_own_words_are(texts: list[str]) -> None:
    reading = read(texts)
    assert reading.words.tolist() == [count_words(text) for text in texts]
    assert reading.counts.height == len(texts)
    for number, text in enumerate(texts):
        start, stop = reading.counts.starts[number : number + 2]
        assert reading.counts.values[start:stop].sum() == len(terms(text))


TYPOGRAPHIC = [
    "it’s",
    "“bridge”",
    "old—new",
    "wait…",
    "…",
    "naïve",
    "다리",
    "1,200",
    "3–5",
    "’tis",
    "•",
    "‘so’",
    "the end.",
]


@given(st.lists(st.sampled_from(TYPOGRAPHIC)), st.sampled_from([" ", "\u00a0", "\n"]))
def test_simplified_text_has_the_same_terms_and_words_at_the_same_places(words: list[str], space: str) -> None:
    text = space.join(words)
    plain = simplified(text)
    assert len(plain) == len(text)
    assert terms(plain) == terms(text)
    assert count_words(plain) == count_words(text)


def test_more_terms_than_are_told_apart_share_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphs.models.reading.MOST_TERMS", 8)
    monkeypatch.setattr("graphs.models.reading.MOST_CHARACTERS", 40)
    monkeypatch.setattr("graphs.text.passages.PASSAGE_CHARACTERS", 100)
    texts = [f"word{number} other{number} thing{number}" for number in range(50)]
    reading = read(texts)
    assert reading.counts.width == 8
    assert read(texts).counts.columns.tolist() == reading.counts.columns.tolist()
    assert reading.counts.transposed_times(np.ones(50)).sum() == 150
