"""Merge what was read from chunks into the facet of a document, and those of documents into the batch's: by code, so
that the same answers always give the same facet.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from graphs.facets.answers import Action, Mood, Named
from graphs.facets.counting import Haystack

SHOWN = {"key_terms": 20, "questions": 20, "entities": 50, "categories": 10, "action_items": 50}
"""Items of one facet, at most."""
KEPT = {"key_terms": 60, "questions": 40, "entities": 200, "categories": 50, "action_items": 100}
"""Items of a document that go into the batch's."""
POLAR = 0.25  # from this score on, up or down, a sentiment is not called neutral

Item = dict[str, Any]


class Part(NamedTuple):
    """What was read from one chunk."""

    words: int  # of the chunk: what its voice counts
    found: Sequence[Any]


class Merged(NamedTuple):
    """A facet of one document: its items, best first or in the source's order, and the words that they are from."""

    items: list[Item]
    words: int


def merge_parts(facet: str, parts: Sequence[Part], document: str, text: str) -> Merged:
    """Return the facet of a document from what its chunks gave, in order; counts are taken from its whole text."""
    words = sum(part.words for part in parts)
    return Merged(_OF_PARTS[facet](parts, document, text)[: KEPT.get(facet, 1)], words)


def merge_documents(facet: str, merged: Sequence[Merged]) -> list[Item]:
    """Return the facet of a batch from those of its documents, in order."""
    return _OF_DOCUMENTS[facet](merged)[: SHOWN.get(facet, 1)]


def shown(facet: str, merged: Merged) -> list[Item]:
    """Return the items of a document's facet that are shown."""
    return merged.items[: SHOWN.get(facet, 1)]


# ---------------------------------------------------------------- chunks to a document


def _terms_of_parts(parts: Sequence[Part], document: str, text: str) -> list[Item]:
    """Each chunk gives its first term its number of words as weight, and less to each that follows."""
    weights: dict[str, float] = {}
    spelled: dict[str, str] = {}
    for part in parts:
        for place, term in enumerate(part.found):
            key = term.casefold()
            spelled.setdefault(key, term)
            weights[key] = weights.get(key, 0.0) + part.words * (1 - place / (len(part.found) + 1))
    source = Haystack(text)
    items = [
        {"term": spelled[key], "weight": weight, "count": source.count(spelled[key]), "documents": 1}
        for key, weight in weights.items()
    ]
    return _scaled(items)


def _entities_of_parts(parts: Sequence[Part], document: str, text: str) -> list[Item]:
    """A name that chunks give different types has the one that most of them say."""
    votes: dict[str, dict[str, int]] = {}
    spelled: dict[str, str] = {}
    for entity in chain.from_iterable(part.found for part in parts):
        assert isinstance(entity, Named)
        key = entity.name.casefold()
        spelled.setdefault(key, entity.name)
        types = votes.setdefault(key, {})
        types[entity.type] = types.get(entity.type, 0) + 1
    source = Haystack(text)
    items = [
        {"name": spelled[key], "type": _most(types), "count": source.count(spelled[key]), "documents": 1}
        for key, types in votes.items()
    ]
    return sorted(items, key=lambda item: -item["count"])


def _questions_of_parts(parts: Sequence[Part], document: str, text: str) -> list[Item]:
    questions = chain.from_iterable(part.found for part in parts)
    return [{"question": question, "document": document} for question in _once(questions, key=_plain)]


def _actions_of_parts(parts: Sequence[Part], document: str, text: str) -> list[Item]:
    actions: Iterable[Action] = chain.from_iterable(part.found for part in parts)
    return [
        {"action": action.action, "who": action.who or None, "due": action.due or None, "document": document}
        for action in _once(actions, key=lambda action: _plain(action.action))
    ]


def _categories_of_parts(parts: Sequence[Part], document: str, text: str) -> list[Item]:
    tally: dict[str, int] = {}
    spelled: dict[str, str] = {}
    for part in parts:
        for label in part.found:
            key = label.casefold()
            spelled.setdefault(key, label)
            tally[key] = tally.get(key, 0) + part.words
    return _shares({spelled[key]: words for key, words in tally.items()}, sum(part.words for part in parts))


def _sentiment_of_parts(parts: Sequence[Part], document: str, text: str) -> list[Item]:
    moods = [(mood, part.words) for part in parts for mood in part.found]
    return _mood([(mood.score, mood.label, words) for mood, words in moods if isinstance(mood, Mood)])


# ---------------------------------------------------------------- documents to a batch


def _terms_of_documents(merged: Sequence[Merged]) -> list[Item]:
    return _scaled(_joined(merged, "term", weigh=True))


def _entities_of_documents(merged: Sequence[Merged]) -> list[Item]:
    return sorted(_joined(merged, "name", weigh=False), key=lambda item: (-item["count"], -item["documents"]))


def _joined(merged: Sequence[Merged], name: str, *, weigh: bool) -> list[Item]:
    """Return the items of all documents, those of one name as one, with their counts added up."""
    joined: dict[str, Item] = {}
    for own, words in merged:
        for item in own:
            known = joined.get(item[name].casefold())
            weight = {"weight": item["weight"] * words} if weigh else {}
            if known is None:
                joined[item[name].casefold()] = {**item, **weight}
                continue
            for number in ("count", "documents"):
                known[number] += item[number]
            if weigh:
                known["weight"] += weight["weight"]
    return list(joined.values())


def _lists_of_documents(facet: str, name: str) -> Callable[[Sequence[Merged]], list[Item]]:
    def merge(merged: Sequence[Merged]) -> list[Item]:
        """Take the first item of every document before the second of any, and show them in the documents' order."""
        placed = [(rank, document, item) for document, own in enumerate(merged) for rank, item in enumerate(own.items)]
        placed.sort(key=lambda place: place[:2])
        chosen = list(_once(placed, key=lambda place: _plain(place[2][name])))[: SHOWN[facet]]
        return [item for _, _, item in sorted(chosen, key=lambda place: (place[1], place[0]))]

    return merge


def _categories_of_documents(merged: Sequence[Merged]) -> list[Item]:
    tally: dict[str, float] = {}
    spelled: dict[str, str] = {}
    for own, words in merged:
        for item in own:
            key = item["category"].casefold()
            spelled.setdefault(key, item["category"])
            tally[key] = tally.get(key, 0.0) + item["share"] * words
    return _shares({spelled[key]: words for key, words in tally.items()}, sum(own.words for own in merged))


def _sentiment_of_documents(merged: Sequence[Merged]) -> list[Item]:
    return _mood([(item["score"], item["label"], own.words) for own in merged for item in own.items])


# ---------------------------------------------------------------- what both share


def _mood(voices: Sequence[tuple[float, str, int]]) -> list[Item]:
    """Return the mean score, each weighed by its words; mixed is what is neutral only because it is both."""
    total = sum(words for _, _, words in voices)
    if not voices:
        return []
    score = sum(score * words for score, _, words in voices) / total if total else 0.0
    both = any(score >= POLAR for score, _, _ in voices) and any(score <= -POLAR for score, _, _ in voices)
    if abs(score) >= POLAR:
        label = "positive" if score > 0 else "negative"
    else:
        label = "mixed" if both or any(label == "mixed" for _, label, _ in voices) else "neutral"
    return [{"label": label, "score": round(score, 2)}]


def _shares(tally: dict[str, Any], words: int) -> list[Item]:
    ordered = sorted(tally.items(), key=lambda entry: -entry[1])  # stable: of equals the first that was named
    return [{"category": label, "share": round(own / max(1, words), 2)} for label, own in ordered]


def _scaled(items: list[Item]) -> list[Item]:
    """Return items by weight, the greatest as 1."""
    ordered = sorted(items, key=lambda item: (-item["weight"], -item["count"]))
    most = max((item["weight"] for item in ordered), default=0.0) or 1.0
    return [{**item, "weight": round(item["weight"] / most, 3)} for item in ordered]


def _once(items: Iterable[Any], key: Callable[[Any], str]) -> Iterable[Any]:
    """Yield items in order, of those that say the same the first."""
    seen: set[str] = set()
    for item in items:
        said = key(item)
        if said not in seen:
            seen.add(said)
            yield item


def _plain(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _most(votes: dict[str, int]) -> str:
    return max(votes, key=lambda named: (votes[named], named != "other"))


_OF_PARTS: dict[str, Callable[[Sequence[Part], str, str], list[Item]]] = {
    "key_terms": _terms_of_parts,
    "questions": _questions_of_parts,
    "entities": _entities_of_parts,
    "sentiment": _sentiment_of_parts,
    "categories": _categories_of_parts,
    "action_items": _actions_of_parts,
}
_OF_DOCUMENTS: dict[str, Callable[[Sequence[Merged]], list[Item]]] = {
    "key_terms": _terms_of_documents,
    "questions": _lists_of_documents("questions", "question"),
    "entities": _entities_of_documents,
    "sentiment": _sentiment_of_documents,
    "categories": _categories_of_documents,
    "action_items": _lists_of_documents("action_items", "action"),
}
