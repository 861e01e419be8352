"""Ways to choose sentences: the embedded model, the simplest ones that it must beat, and the best that there is."""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise

from bench.extracts.sets import OVERRUN, Item, batch
from graphs.evidence.rouge import rouge_tokens
from graphs.models.extractive import BatchIndex
from graphs.models.genres import LEAST_REVIEWS
from graphs.models.meaning import installed

DRAWS = 5  # of random sentences, averaged
Choose = Callable[[Item], list[list[int]]]
"""From an item to one or more selections, each as places in its sentences; figures are means over the selections."""


def fill(item: Item, order: Iterable[int]) -> list[int]:
    """Take sentences in the order of preference until the budget is used; one that would overrun it is left out.

    Where each would, the shortest is taken.
    """
    chosen: list[int] = []
    used, limit = 0, int(item.budget * (1 + OVERRUN))
    for place in order:
        if used >= item.budget:
            break
        words = item.sentences[place].words
        if used + words <= limit:
            chosen.append(place)
            used += words
    shortest = min(range(len(item.sentences)), key=lambda place: item.sentences[place].words)
    return sorted(chosen) or [shortest]


def embedded(item: Item) -> list[list[int]]:
    """The embedded model: the whole batch in one selection, by its terms."""
    return _chosen(item, BatchIndex.build(batch(item.texts)))


def with_meaning(item: Item) -> list[list[int]]:
    """The same with the embedding of the optional extra; none where it is not asked, so that nothing would change."""
    if len(item.texts) < LEAST_REVIEWS or not installed():
        return []
    return _chosen(item, BatchIndex.build(batch(item.texts), embedding=installed))


def _chosen(item: Item, index: BatchIndex) -> list[list[int]]:
    chosen = set(index.select(item.numbers, item.budget))
    return [[place for place, number in enumerate(item.numbers) if number in chosen]]


def lead(item: Item) -> list[list[int]]:
    """The first sentences, of each document in turn."""
    return [fill(item, _by_place(item))]


def lead_3(item: Item) -> list[list[int]]:
    """The first three sentences, whatever the budget."""
    return [sorted(_by_place(item)[:3])]


def at_random(item: Item) -> list[list[int]]:
    """Any sentences."""
    places = range(len(item.sentences))
    return [fill(item, random.Random(f"{item.id} {draw}").sample(places, len(places))) for draw in range(DRAWS)]


def oracle(item: Item) -> list[list[int]]:
    """The sentences that share most with the reference, chosen one by one by (ROUGE-1 + ROUGE-2) / 2: a bound."""
    units = [_units(rouge_tokens(sentence.text)) for sentence in item.sentences]
    wanted = _units(rouge_tokens(item.references[0]))
    have: tuple[Counter[object], Counter[object]] = (Counter(), Counter())
    chosen: list[int] = []
    used, limit, best = 0, int(item.budget * (1 + OVERRUN)), 0.0
    while True:
        scored = [
            (_f1(wanted, have, units[place]), -place)
            for place, sentence in enumerate(item.sentences)
            if place not in chosen and used + sentence.words <= limit
        ]
        score, place = max(scored, default=(0.0, 0))
        if score <= best:
            return [sorted(chosen)]
        best = score
        chosen.append(-place)
        used += item.sentences[-place].words
        for own, added in zip(have, units[-place], strict=True):
            own.update(added)


def _by_place(item: Item) -> list[int]:
    return sorted(range(len(item.sentences)), key=lambda place: (item.sentences[place].place, place))


def _units(tokens: list[str]) -> tuple[Counter[object], Counter[object]]:
    return Counter(tokens), Counter(pairwise(tokens))


def _f1(
    wanted: tuple[Counter[object], Counter[object]],
    have: tuple[Counter[object], Counter[object]],
    added: tuple[Counter[object], Counter[object]],
) -> float:
    total = 0.0
    for goal, own, more in zip(wanted, have, added, strict=True):
        common = sum(min(count, own[unit]) for unit, count in goal.items() if unit in own)
        gained = sum(
            min(goal[unit], own[unit] + count) - min(goal[unit], own[unit])
            for unit, count in more.items()
            if unit in goal
        )
        size = goal.total() + own.total() + more.total()
        total += 2 * (common + gained) / max(1, size)
    return total


CONTENDERS: dict[str, Choose] = {
    "embedded": embedded,
    "with meaning": with_meaning,
    "lead": lead,
    "lead-3": lead_3,
    "random": at_random,
    "oracle": oracle,
}
