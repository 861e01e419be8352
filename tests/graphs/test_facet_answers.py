"""Answers of models that keep to the form more or less, and some that do not."""

import pytest

from graphs.facets import READERS, Unreadable
from graphs.facets.answers import Action, Mood, Named

TEXT = (
    "The harbour of Ansan was opened in 1923 by Mayor Kim. Ships from Busan brought 1,200 crates for $3 million. "
    "안산 항구는 1923년에 문을 열었다. 김철수 시장은 부두를 고쳐야 한다고 말했다."
)
TERMS = ["harbour of Ansan", "ships", "crates"]


@pytest.mark.parametrize(
    "answer",
    [
        "harbour of Ansan\nships\ncrates",
        "- harbour of Ansan\n- ships\n- crates",
        "1. harbour of Ansan\n2. ships\n3) crates",
        "* **harbour of Ansan**\n* *ships*\n* `crates`",
        "Here are the key terms:\n\nharbour of Ansan\nships\ncrates\n",
        "Sure! Here is the list:\n- harbour of Ansan\n- ships\n- crates\n\nLet me know if you need more.",
        "```\nharbour of Ansan\nships\ncrates\n```",
        '```json\n["harbour of Ansan", "ships", "crates"]\n```',
        'The terms are ["harbour of Ansan", "ships", "crates"], as asked.',
        '{"key_terms": [{"term": "harbour of Ansan"}, {"term": "ships"}, {"term": "crates"}]}',
        '{"term": "harbour of Ansan"}\n{"term": "ships"}\n{"term": "crates"}',
        "\"harbour of Ansan\"\n“ships”\n'crates'",
        "harbour of Ansan\nharbour of Ansan\nthe moon\nships\ncrates",  # what does not stand in the text is left out
        "Harbour\nof Ansan".replace("Harbour\nof", "harbour  of") + "\r\nships\r\ncrates\r\n",
    ],
)
def test_terms_are_read_however_they_are_listed(answer: str) -> None:
    assert READERS["key_terms"](answer, TEXT, []) == TERMS


@pytest.mark.parametrize("facet", ["key_terms", "questions", "entities", "categories", "action_items"])
@pytest.mark.parametrize("answer", ["NONE", "None.", "**NONE**", "- NONE", "없음", "[]", "```json\n[]\n```"])
def test_nothing_is_an_answer_where_there_is_nothing(facet: str, answer: str) -> None:
    assert READERS[facet](answer, TEXT, []) == []


@pytest.mark.parametrize(
    ("facet", "answer"),
    [
        ("key_terms", "I am sorry, but I cannot help with that."),
        ("key_terms", "달\n화성\n목성"),  # nothing of it stands in the text
        ("questions", "The harbour was opened in 1923."),
        ("entities", "Ansan, Busan and Kim"),
        ("entities", "person | Napoleon\nplace | Atlantis"),
        ("sentiment", "The text speaks of a harbour."),
        ("categories", "This material belongs to the category of transport and of trade, I would say."),
        ("action_items", "The pier was repaired."),
        ("action_items", "x" * 5_000),
        ("key_terms", "[" * 50_000),
        ("entities", '{"type": "person", "name": 7'),
        ("entities", "a" + "*" * 20_000 + "x | person"),
    ],
)
def test_what_is_not_the_form_is_refused_and_never_taken_for_items(facet: str, answer: str) -> None:
    with pytest.raises(Unreadable):
        READERS[facet](answer, TEXT, [])


@pytest.mark.parametrize(
    "answer",
    [
        "person | Mayor Kim\nplace | Ansan\ndate | 1923\nmoney | $3 million",
        "- Person | Mayor Kim\n- GPE | Ansan\n- Date | 1923\n- Money | $3 million",
        "Mayor Kim | person\nAnsan | location\n1923 | year\n$3 million | amount",
        "| type | name |\n|---|---|\n| person | Mayor Kim |\n| place | Ansan |\n| date | 1923 |\n| money | $3 million |",
        '[{"type": "person", "name": "Mayor Kim"}, {"name": "Ansan", "type": "PLACE"}, ["date", "1923"], ["money", "$3 million"]]',
        "인물 | Mayor Kim\n장소 | Ansan\n날짜 | 1923\n금액 | $3 million\nperson | Napoleon",
    ],
)
def test_entities_are_read_with_their_types_and_only_those_of_the_text(answer: str) -> None:
    expected = [
        Named("Mayor Kim", "person"),
        Named("Ansan", "place"),
        Named("1923", "date"),
        Named("$3 million", "money"),
    ]
    assert READERS["entities"](answer, TEXT, []) == expected


def test_a_korean_name_stands_in_the_text_with_its_particle() -> None:
    assert READERS["entities"]("person | 김철수\nplace | 안산", TEXT, []) == [
        Named("김철수", "person"),
        Named("안산", "place"),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        "When was the harbour opened?\n항구는 언제 열렸나요?",
        "1) When was the harbour opened?\n2) 항구는 언제 열렸나요?",
        '```json\n{"questions": ["When was the harbour opened?", "항구는 언제 열렸나요?"]}\n```',
        "Questions:\nWhen was the harbour opened?\n항구는 언제 열렸나요?\nThese are the most important ones.",
    ],
)
def test_questions_are_read_and_what_asks_nothing_is_left_out(answer: str) -> None:
    assert READERS["questions"](answer, TEXT, []) == ["When was the harbour opened?", "항구는 언제 열렸나요?"]


@pytest.mark.parametrize(
    ("answer", "label", "score"),
    [
        ("positive | 0.7", "positive", 0.7),
        ("negative | -0.4", "negative", -0.4),
        ("**Positive** | +0.7", "positive", 0.7),
        ("label: negative, score: −0.5", "negative", -0.5),
        ('{"label": "mixed", "score": 0.1}', "mixed", 0.1),
        ("부정적 | -0.3", "negative", -0.3),
        ("neutral", "neutral", 0.0),
        ("positive", "positive", 0.6),
        ("positive | 7", "positive", 1.0),
        ("The sentiment is:\npositive | 0.2", "positive", 0.2),
    ],
)
def test_a_sentiment_is_a_label_and_a_score(answer: str, label: str, score: float) -> None:
    assert READERS["sentiment"](answer, TEXT, []) == [Mood(label, score)]


@pytest.mark.parametrize(
    "answer", ["Trade\nlaw", "- trade\n- LAW.", '["trade", "law"]', "1. Trade\n2. Law\n3. Cookery"]
)
def test_of_the_callers_labels_only_those_are_chosen_and_spelled_as_the_caller_does(answer: str) -> None:
    assert READERS["categories"](answer, TEXT, ["law", "Trade", "science"]) == ["Trade", "law"]


def test_labels_that_the_caller_did_not_give_are_no_answer() -> None:
    with pytest.raises(Unreadable):
        READERS["categories"]("cookery", TEXT, ["law", "trade"])


@pytest.mark.parametrize(
    "answer",
    [
        "Repair the pier | Mayor Kim | 2027\nCount the ships | - | -",
        "- Repair the pier | Mayor Kim | 2027\n- Count the ships | none | not said",
        "1. Repair the pier | Mayor Kim | 2027\n2. Count the ships | |",
        '[{"action": "Repair the pier", "who": "Mayor Kim", "due": "2027"}, {"action": "Count the ships", "who": null}]',
        '[{"what": "Repair the pier", "who": "Mayor Kim", "deadline": "2027"}, {"task": "Count the ships"}]',
    ],
)
def test_action_items_have_who_and_when_where_that_is_said(answer: str) -> None:
    expected = [Action("Repair the pier", "Mayor Kim", "2027"), Action("Count the ships", "", "")]
    assert READERS["action_items"](answer, TEXT, []) == expected


def test_an_answer_of_a_thousand_items_gives_no_more_than_was_asked_for() -> None:
    answer = "\n".join(f"What is number {number}?" for number in range(1_000))
    assert len(READERS["questions"](answer, TEXT, [])) == 20
