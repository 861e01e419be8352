"""Chunks: exact spans, nothing lost, nothing twice, within the limit, borders where a reader sees them."""

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.text.chunking import Chunk, chunk_document, halves
from graphs.text.sentences import split_sentences
from graphs.text.tokens import CharacterTokens, OpenAITokens, TokenCounter

COUNTERS: dict[str, TokenCounter] = {
    "characters": CharacterTokens(),
    "o200k": OpenAITokens("o200k_base"),
    "cl100k": OpenAITokens("cl100k_base"),
    "other vendor": OpenAITokens("o200k_base", margin=1.3),
}
NON_SPACE = re.compile(r"\S")

PIECES = st.one_of(
    st.sampled_from(
        [
            "The council met on Monday. ",
            "It rained. ",
            "Dr. Kim paid 3.50 euros for it! ",
            "시 의회는 새 도서관을 짓는 계획을 승인했다. ",
            "委員会は計画を承認した。そして閉会した。",
            "\n\n",
            "\n",
            "\r\n",
            "\r\n \r\n",
            "\t",
            "# A heading\n",
            "- an item\n",
            "| a | b |\n",
            "```\ncode = 1\n```\n",
            "word ",
            "a" * 90,
            "한" * 70,
            "۱۲۳ ",
            "👩‍👩‍👧‍👦",
            "é" * 9,
            "\ufeff",
            "\u2028",
            "\ud800",
            "\x00",
            "...",
            "?!",
            '"Yes." ',
        ]
    ),
    st.text(max_size=30),
)
TEXTS = st.lists(PIECES, max_size=60).map("".join)
LONG_TEXTS = st.tuples(TEXTS, st.integers(1, 12), TEXTS).map(lambda parts: parts[0] * parts[1] + parts[2])
PROSE = st.lists(st.integers(1, 7), min_size=1, max_size=150).map(
    lambda lengths: " ".join(
        f"Sentence {number} of the town " + "went on " * length + "there." for number, length in enumerate(lengths)
    )
)


def size(text: str, counter: TokenCounter) -> int:
    (count,) = counter.count([text])
    return count


def assert_nothing_is_lost_or_twice(text: str, chunks: list[Chunk]) -> None:
    assert all(0 <= chunk.start < chunk.end <= len(text) for chunk in chunks)
    assert all(left.end <= right.start for left, right in pairwise(chunks))
    held = "".join(text[chunk.start : chunk.end] for chunk in chunks)
    assert NON_SPACE.findall(held) == NON_SPACE.findall(text)


@given(TEXTS, st.sampled_from(sorted(COUNTERS)), st.integers(1, 120))
@settings(deadline=None, max_examples=200)
def test_every_character_that_is_no_space_is_in_exactly_one_chunk(text: str, name: str, limit: int) -> None:
    assert_nothing_is_lost_or_twice(text, chunk_document(text, COUNTERS[name], limit))


@given(LONG_TEXTS, st.sampled_from(sorted(COUNTERS)), st.integers(100, 400))
@settings(deadline=None, max_examples=150)
def test_a_chunk_says_how_many_tokens_it_has_and_keeps_the_limit(text: str, name: str, limit: int) -> None:
    counter = COUNTERS[name]
    for chunk in chunk_document(text, counter, limit):
        span = text[chunk.start : chunk.end]
        assert chunk.tokens == size(span, counter)
        assert chunk.tokens <= limit


@given(TEXTS, st.sampled_from(sorted(COUNTERS)), st.integers(20, 120))
@settings(deadline=None, max_examples=200)
def test_a_chunk_ends_inside_a_sentence_only_if_that_sentence_does_not_fit_one(
    text: str, name: str, limit: int
) -> None:
    sentences = split_sentences(text)
    until = [start for start, _ in sentences[1:]] + [len(text)]
    counter = COUNTERS[name]
    for chunk in chunk_document(text, counter, limit):
        for place in (chunk.start, chunk.end):
            cut = [
                (start, behind) for (start, end), behind in zip(sentences, until, strict=True) if start < place < end
            ]
            assert all(size(text[start:behind], counter) > limit for start, behind in cut)


@given(PROSE, st.integers(100, 300))
@settings(deadline=None, max_examples=100)
def test_chunks_of_prose_are_few_and_of_about_equal_size(text: str, limit: int) -> None:
    counter = COUNTERS["o200k"]
    sizes = [chunk.tokens for chunk in chunk_document(text, counter, limit)]
    sentences = split_sentences(text)
    longest = max(size(text[start:end], counter) + 1 for start, end in sentences)
    # A border may lie a sentence before the ideal one, and a sentence is weighed with the space behind it.
    assert len(sizes) <= (sum(sizes) + len(sentences)) / (limit - longest) + 1
    assert min(sizes) >= 0.4 * max(sizes)


@pytest.mark.parametrize("paragraph", [1, 3, 7, 105])
def test_a_text_of_three_and_a_bit_chunks_has_no_small_rest(paragraph: int) -> None:
    sentences = [f"The keeper of lamp {number} saw the ship come in before noon." for number in range(105)]
    text = "\n\n".join(" ".join(sentences[at : at + paragraph]) for at in range(0, len(sentences), paragraph))
    counter = COUNTERS["o200k"]
    limit = int(size(text, counter) / 3.2)
    sizes = [chunk.tokens for chunk in chunk_document(text, counter, limit)]
    assert 4 <= len(sizes) <= (5 if paragraph < 7 else 4)  # ending with short paragraphs may cost one more
    assert min(sizes) >= 0.6 * max(sizes)


def test_a_chunk_ends_with_a_paragraph_where_one_ends_near() -> None:
    paragraphs = [f"Paragraph {number} begins. It goes on for a while. It ends here." for number in range(60)]
    text = "\n\n".join(paragraphs)
    chunks = chunk_document(text, COUNTERS["o200k"], 120)
    assert len(chunks) > 5
    assert all(text[chunk.start :].startswith("Paragraph") for chunk in chunks)


def test_a_text_that_fits_is_one_chunk_without_its_outer_space() -> None:
    assert chunk_document("\n\n  One. Two.\n\nThree. \n", COUNTERS["o200k"], 100) == [Chunk(4, 21, 6)]


@pytest.mark.parametrize("text", ["", " ", "\n\n\t", "\u3000\u2028\r\n"])
def test_a_text_without_a_character_has_no_chunk(text: str) -> None:
    assert chunk_document(text, COUNTERS["o200k"], 100) == []


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        chunk_document("One.", COUNTERS["o200k"], 0)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 20_000,
        "한글" * 10_000,
        "漢" * 10_000,
        "👩‍👩‍👧‍👦" * 2_000,
        "word " * 10_000,
        "\n".join("line without an end" for _ in range(3_000)),
        "." * 10_000,
        "a\n\n" * 5_000,
        "(((" * 3_000 + "[[[" * 3_000,
        "\ud800" * 5_000,
        "e\u0301" * 8_000,
        "A. " * 8_000,
        ("「はい」" * 2_000),
        "data:image/png;base64," + "QmFzZTY0" * 4_000,
    ],
    ids=lambda text: ascii(text[:8]),
)
@pytest.mark.parametrize("limit", [100, 3_000])
def test_pathological_texts_are_cut_within_the_limit(text: str, limit: int) -> None:
    for counter in (COUNTERS["o200k"], COUNTERS["characters"]):
        chunks = chunk_document(text, counter, limit)
        assert_nothing_is_lost_or_twice(text, chunks)
        assert all(chunk.tokens <= limit for chunk in chunks)


class Meter:
    """Counts like another counter, and how many characters it was asked to count."""

    def __init__(self, counter: TokenCounter) -> None:
        self.counter = counter
        self.exact = counter.exact
        self.characters = 0

    def count(self, texts: Sequence[str]) -> list[int]:
        self.characters += sum(map(len, texts))
        return self.counter.count(texts)

    def fits(self, text: str, most: int) -> bool:
        return self.count([text])[0] <= most


PLAIN = "".join(f"The keeper of lamp {number} saw the ship come in before noon. " for number in range(3_000))
DENSE = "漢字仮名交じり文" * 4_000
BASE64 = "QmFzZTY0" * 500


@pytest.mark.parametrize(
    ("text", "times"),
    [
        (PLAIN, 1.2),
        (PLAIN[:60_000] + DENSE + PLAIN[:60_000], 1.5),
        ((PLAIN[:9_000] + DENSE[:3_000]) * 10, 3),
        ((PLAIN[:2_000] + BASE64) * 20, 3),
        (("." * 50_000 + DENSE[:500]) * 4, 6),
        ((" " * 50_000 + DENSE[:500]) * 4, 3),
        ("\N{CUNEIFORM SIGN A}" * 20_000, 3),
    ],
    ids=["even", "two scripts", "changing scripts", "base64", "full stops", "white space", "cuneiform"],
)
@pytest.mark.parametrize("limit", [1, 100, 940])
def test_a_text_is_counted_about_once(text: str, times: float, limit: int) -> None:
    meter = Meter(COUNTERS["o200k"])
    chunks = chunk_document(text, meter, limit)
    assert_nothing_is_lost_or_twice(text, chunks)
    if limit > 1:
        assert all(chunk.tokens <= limit for chunk in chunks)
        assert meter.characters <= times * len(text)
    else:
        assert meter.characters <= 40 * len(text)  # each character is a chunk, and its sentence is tried first


def test_a_text_stays_whole_up_to_the_tokens_that_are_allowed_for_it() -> None:
    counter = COUNTERS["o200k"]
    tokens = size(PLAIN.strip(), counter)
    whole = [Chunk(0, len(PLAIN) - 1, tokens)]
    assert chunk_document(PLAIN, counter, 300, whole_tokens=tokens) == whole
    assert chunk_document(PLAIN, counter, tokens) == whole
    assert len(chunk_document(PLAIN, counter, 300, whole_tokens=tokens - 1)) > tokens / 300


def test_equal_texts_get_equal_chunks() -> None:
    text = "The tide rose. 바다가 높아졌다. " * 400
    assert chunk_document(text, COUNTERS["o200k"], 90) == chunk_document(text, OpenAITokens("o200k_base"), 90)


def test_a_span_is_halved_at_the_sentence_border_nearest_to_its_middle() -> None:
    text = "Before. It rained. The council met on Monday. Ships left. Behind."
    start, end = text.index("It rained"), text.index("Behind")
    border = text.index("Ships left")
    assert halves(text, start, end) == [(start, border), (border, end)]
    assert halves("a" * 9, 2, 9) == [(2, 5), (5, 9)]  # one sentence
    assert halves("ab", 1, 2) == [(1, 2)]
    assert halves("ab", 1, 1) == []
