"""Chunks to documents to the batch: by code, with counts that are right whatever the models said."""

import pytest

from graphs.facets import Merged, Part, merge_documents, merge_parts, shown
from graphs.facets.answers import Action, Mood, Named
from graphs.facets.counting import Haystack

TEXT = "Ansan has a harbour. The harbour of Ansan is old. ANSAN's harbours: Ansander is no Ansan. 안산은 안산시의 안산이다."


@pytest.mark.parametrize(
    ("needle", "count"),
    [
        ("Ansan", 4),
        ("harbour", 2),
        ("harbour of Ansan", 1),
        ("harbour  of\nAnsan", 1),
        ("안산", 3),
        ("moon", 0),
        ("", 0),
        (" ", 0),
        ("(", 0),
    ],
)
def test_a_name_is_counted_as_a_word_of_its_own_with_or_without_a_particle(needle: str, count: int) -> None:
    assert Haystack(TEXT).count(needle) == count


@pytest.mark.parametrize(
    ("text", "number", "count"),
    [("12 of 1,200 and 12.5 and 12", "12", 2), ("1,200 or 11,200", "1,200", 1), ("1923년, in 1923.", "1923", 2)],
)
def test_a_number_is_not_found_inside_of_another(text: str, number: str, count: int) -> None:
    assert Haystack(text).count(number) == count


@pytest.mark.parametrize(
    ("text", "needle", "count"),
    [
        ("Precis는 안산에서 Precis를 썼다. 구Precis, Precision", "Precis", 3),
        ("该港口于1923年开放，2030年之前扩建。", "1923年", 1),
        ("该港口于1923年开放，2030年之前扩建。", "2030", 1),
        ("在Python里", "Python", 1),
        ("구안산 안산", "안산", 1),
        ("제12조와 112조", "12", 1),
    ],
)
def test_a_word_ends_where_another_script_begins(text: str, needle: str, count: int) -> None:
    assert Haystack(text).count(needle) == count


def test_a_sign_on_a_letter_is_a_part_of_its_word() -> None:
    assert Haystack("का काम किताब कि").count("का") == 1
    assert Haystack("कि किताब").count("क") == 0


def test_entities_are_united_and_counted_in_the_source_not_as_often_as_models_name_them() -> None:
    parts = [Part(10, [Named("Ansan", "place"), Named("harbour", "other")]), Part(10, [Named("ANSAN", "place")])] * 3
    (ansan, harbour) = merge_parts("entities", parts, "a", TEXT).items
    assert ansan == {"name": "Ansan", "type": "place", "count": 4, "documents": 1}
    assert harbour["count"] == 2


def test_a_name_has_the_type_that_most_chunks_give_it() -> None:
    parts = [Part(9, [Named("Ansan", type)]) for type in ("person", "place", "other", "place")]
    assert merge_parts("entities", parts, "a", TEXT).items[0]["type"] == "place"


def test_counts_of_documents_are_added_up_in_the_batch() -> None:
    first = merge_parts("entities", [Part(9, [Named("Ansan", "place")])], "a", "Ansan, Ansan.")
    second = merge_parts("entities", [Part(9, [Named("Ansan", "place"), Named("Busan", "place")])], "b", "Ansan Busan")
    assert merge_documents("entities", [first, second]) == [
        {"name": "Ansan", "type": "place", "count": 3, "documents": 2},
        {"name": "Busan", "type": "place", "count": 1, "documents": 1},
    ]


def test_key_terms_of_longer_chunks_and_better_places_weigh_more() -> None:
    merged = merge_parts("key_terms", [Part(1_000, ["harbour", "Ansan"]), Part(10, ["Ansan"])], "a", TEXT)
    assert [(item["term"], item["count"]) for item in merged.items] == [("harbour", 2), ("Ansan", 4)]
    assert [item["weight"] for item in merged.items] == [1.0, 0.677]
    batch = merge_documents("key_terms", [merged, merge_parts("key_terms", [Part(10_000, ["moon"])], "b", "moon")])
    assert [item["term"] for item in batch] == ["moon", "harbour", "Ansan"]


def test_questions_that_say_the_same_are_one_and_stand_in_the_sources_order() -> None:
    parts = [Part(5, ["When was it opened?", "Who came?"]), Part(5, ["when was it opened ?", "What then?"])]
    merged = merge_parts("questions", parts, "a", "")
    assert [item["question"] for item in merged.items] == ["When was it opened?", "Who came?", "What then?"]


def test_of_many_documents_each_has_its_first_action_before_any_has_its_second() -> None:
    merged = [
        merge_parts("action_items", [Part(5, [Action(f"Do {place} in {id}", "", "") for place in range(30)])], id, "")
        for id in ("a", "b", "c")
    ]
    batch = merge_documents("action_items", merged)
    assert len(batch) == 50
    assert [item["document"] for item in batch] == ["a"] * 17 + ["b"] * 17 + ["c"] * 16
    assert batch[0] == {"action": "Do 0 in a", "who": None, "due": None, "document": "a"}


def test_sentiment_is_the_mean_by_words() -> None:
    merged = merge_parts(
        "sentiment", [Part(300, [Mood("positive", 0.8)]), Part(100, [Mood("negative", -0.4)])], "a", ""
    )
    assert merged.items == [{"label": "positive", "score": 0.5}]
    other = Merged([{"label": "negative", "score": -0.9}], 400)
    assert merge_documents("sentiment", [merged, other]) == [{"label": "mixed", "score": -0.2}]
    assert merge_documents("sentiment", [Merged([{"label": "neutral", "score": 0.1}], 9)])[0]["label"] == "neutral"
    assert merge_documents("sentiment", []) == []


def test_categories_are_tallied_by_words() -> None:
    merged = merge_parts("categories", [Part(300, ["law", "trade"]), Part(100, ["Law"])], "a", "")
    assert merged.items == [{"category": "law", "share": 1.0}, {"category": "trade", "share": 0.75}]
    assert merge_documents("categories", [merged, Merged([], 400)]) == [
        {"category": "law", "share": 0.5},
        {"category": "trade", "share": 0.38},
    ]


def test_a_document_shows_fewer_items_than_it_gives_to_the_batch() -> None:
    text = " ".join(f"Name{number}" for number in range(300))
    merged = merge_parts("entities", [Part(300, [Named(f"Name{n}", "other") for n in range(300)])], "a", text)
    assert (len(merged.items), len(shown("entities", merged))) == (200, 50)
