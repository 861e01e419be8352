"""Drafts: whatever is rewritten or left out, each sentence stays where its offsets say, under its own heading."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.evidence.citations import Place
from graphs.models import Answer
from graphs.summarize import Document, Documents
from graphs.summarize.drafts import MOST_CITATIONS, Draft, DraftSentence, draft_of
from graphs.summarize.state import Cited, Result
from tests.graphs.test_authors import step

SOURCE = "The pier was opened in 1923. It burned down in 1929. The town rebuilt it. Boats came again."
DOCUMENTS = Documents([Document("a", "Pier", SOURCE)])

# How lines begin and what parts sentences, as summaries have them.
GAPS = st.sampled_from(
    [" ", "\n", "\n\n", "\n- ", "\n\n- ", "\n2. ", "\n\n## Head\n\n", "\n\n## Head\n\n- ", "\n---\n"]
)
FIRST = st.sampled_from(["", "- ", "1. ", "## Head\n\n", "## Head\n\n- "])
WORDS = st.sampled_from(["Alpha came.", "Beta went!", "감마가 왔다.", "Delta?", "E", "Zeta said: no."])


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    number = draw(st.integers(1, 7))
    text = ""
    sentences = []
    for place in range(number):
        text += draw(FIRST) if place == 0 else draw(GAPS)
        start = len(text)
        text += f"{place} {draw(WORDS)}"
        sentences.append(DraftSentence(start, len(text), (Place("a", place, place + 1),)))
    return Draft(step(), text, tuple(sentences))


def said(draft: Draft) -> list[str]:
    return [draft.sentence(number) for number in range(len(draft.sentences))]


@given(drafts(), st.text(st.sampled_from("ab가 .\n"), min_size=1, max_size=20), st.data())
def test_a_rewritten_sentence_moves_the_others_and_changes_none(draft: Draft, text: str, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(draft.sentences) - 1))
    changed = draft.rewritten(number, text)
    expected = said(draft)
    expected[number] = " ".join(text.split())
    assert said(changed) == expected
    assert [sentence.places for sentence in changed.sentences] == [sentence.places for sentence in draft.sentences]
    first, last = draft.sentences[number].start, draft.sentences[number].end
    assert changed.text == draft.text[:first] + text + draft.text[last:]


@given(drafts(), st.sets(st.integers(0, 6)))
def test_what_is_left_of_a_draft_stands_where_its_offsets_say(draft: Draft, numbers: set[int]) -> None:
    left = draft.without(numbers)
    stays = [place for place in range(len(draft.sentences)) if place not in numbers]
    assert said(left) == [draft.sentence(place) for place in stays]
    assert [sentence.places for sentence in left.sentences] == [draft.sentences[place].places for place in stays]
    for place in numbers & set(range(len(draft.sentences))):
        assert draft.sentence(place) not in left.text
    if not stays:
        assert left.text == ""
    if len(stays) == len(draft.sentences):
        assert left == draft


def list_mark(draft: Draft, number: int) -> str:
    """The mark at the beginning of a sentence's line."""
    text, start = draft.text, draft.sentences[number].start
    line = text[text.rfind("\n", 0, start) + 1 :]
    found = re.match(r"- |\d\. ", line)
    return found[0] if found else ""


def section_of(draft: Draft, number: int) -> int:
    """Where the last heading or rule above a sentence stands; -1: there is none."""
    above = "\n" + draft.text[: draft.sentences[number].start]
    return max(above.rfind("\n## Head\n"), above.rfind("\n---\n"))


@given(drafts(), st.sets(st.integers(0, 6)))
def test_a_sentence_that_stays_keeps_its_list_mark_and_shares_a_section_with_the_same_ones(
    draft: Draft, numbers: set[int]
) -> None:
    left = draft.without(numbers)
    stays = [place for place in range(len(draft.sentences)) if place not in numbers]
    assert [list_mark(left, new) for new in range(len(stays))] == [list_mark(draft, old) for old in stays]
    assert [section_of(left, new) >= 0 for new in range(len(stays))] == [section_of(draft, old) >= 0 for old in stays]
    for new, (old, later) in enumerate(pairwise(stays)):
        shared = section_of(draft, old) == section_of(draft, later)
        assert (section_of(left, new) == section_of(left, new + 1)) == shared


@pytest.mark.parametrize(
    ("text", "gone", "left"),
    [
        ("Lead.\n\n- One.\n- Two.\n\nEnd.", {1, 2}, "Lead.\n\nEnd."),
        ("Lead.\n\n- One.\n- Two.\n\nEnd.", {2}, "Lead.\n\n- One.\n\nEnd."),
        ("Lead.\n\n- One.\n- Two.\n\nEnd.", {1}, "Lead.\n\n- Two.\n\nEnd."),
        ("Lead.\n\n- One.\n- Two.\n\nEnd.", {0}, "- One.\n- Two.\n\nEnd."),
        ("Lead.\n\n- One.\n- Two.\n\nEnd.", {0, 3}, "- One.\n- Two."),
        ("- One. More.\n- Two.", {0}, "- More.\n- Two."),
        ("One. Two. Three.", {1}, "One. Three."),
        ("One. Two.\n\nThree. Four.", {1}, "One.\n\nThree. Four."),
        ("One. Two.\n\nThree. Four.", {2}, "One. Two.\n\nFour."),
        ("## A\n\n- One.\n\n## B\n\n- Two.\n\n## C\n\n- Three.", {1}, "## A\n\n- One.\n\n## C\n\n- Three."),
        ("## A\n\n- One.\n- Two.", {0}, "## A\n\n- Two."),
        ("- One.\n\n---\n\nTwo.", {0}, "---\n\nTwo."),
    ],
)
def test_sentences_leave_with_their_own_marks_and_no_others(text: str, gone: set[int], left: str) -> None:
    assert written(text).without(gone).text == left


def written(text: str, cites: Sequence[Cited] = (), **changes: Any) -> Draft:
    result = Result(step="0.0", document="a", part=0, parts=1, key="k", cites=list(cites), words=100)
    return draft_of(step(**changes), result, Answer(text), DOCUMENTS)


def cited(number: int) -> Cited:
    return Cited(number=number, document="a", start=number, end=number + 5)


def test_an_answer_is_read_as_sentences_with_the_places_that_they_cite() -> None:
    draft = written("The pier burned [1][2]. It stands again [2].", [cited(1), cited(2)])
    assert draft.text == "The pier burned. It stands again."
    assert said(draft) == ["The pier burned.", "It stands again."]
    assert [sentence.places for sentence in draft.sentences] == [
        (Place("a", 1, 6), Place("a", 2, 7)),
        (Place("a", 2, 7),),
    ]


def test_a_sentence_has_no_more_than_so_many_citations() -> None:
    draft = written("The pier burned [1-8].", [cited(number) for number in range(1, 9)])
    assert len(draft.sentences[0].places) == MOST_CITATIONS


@pytest.mark.parametrize(
    "text",
    [
        "## Heading\n\n- The pier burned.\n\n---\n\n* * *\n\n1. It stands.",
        "The pier burned.\n\n***\n\n# End\n\nIt stands.",
    ],
)
def test_headings_rules_and_list_marks_are_no_sentences(text: str) -> None:
    assert said(written(text)) == ["The pier burned.", "It stands."]


def test_the_agreed_word_for_no_contradictions_is_no_sentence_of_a_conclusion() -> None:
    assert said(written("NONE\n---\nThe pier stands.", document=None)) == ["The pier stands."]
    assert said(written("None.", document="a")) == ["None."]


@pytest.mark.parametrize("parted", ["\n", " ", "\n\n"])
def test_quotations_stand_at_their_own_places_also_when_one_is_part_of_another(parted: str) -> None:
    documents = Documents([Document("a", "A", "It burned. It burned. It  burned\nagain.")])
    spans = (("a", 0, 10), ("a", 11, 21), ("a", 22, 39))
    answer = Answer(parted.join(["It burned.", "It burned.", "It burned again."]), spans=spans)
    result = Result(step="0.0", document="a", part=0, parts=1, key="k", cites=[], words=100)
    draft = draft_of(step(), result, answer, documents)
    assert said(draft) == ["It burned.", "It burned.", "It burned again."]
    assert [sentence.places for sentence in draft.sentences] == [(Place(*span),) for span in spans]
    assert draft.is_quoted
