"""Read the answers of models, which keep to the form that was asked for more or less.

The form is lines, with fields divided by "|". Read as well: JSON, in a code fence or with prose around it; bullets and
numbers in front of lines; quotation marks and Markdown emphasis around them; a sentence before and after them.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from graphs.facets.counting import Haystack
from graphs.facets.prompts import NOTHING

LONGEST = {"key_terms": 100, "questions": 300, "entities": 120, "categories": 100, "action_items": 500}
"""Characters of an item; a longer one is prose, and left out."""
MOST = {"key_terms": 30, "questions": 20, "entities": 100, "categories": 5, "action_items": 40}
"""Items that are taken from one answer."""
OPENINGS = 500  # brackets that are looked behind for JSON: more are no list that was asked for

_OPENING = re.compile(r"[\[{]")
_FENCE = re.compile(r"^\s*(?:```|~~~).*$", re.MULTILINE)
_MARKER = re.compile(r"^\s*(?:[-*+•‣◦▪●○–—·]|\(?\d{1,3}[.):]|\[\d{1,3}\]|[①-⑳])\s+")
_AROUND = "*_`\"'“”‘’「」『』 "  # quotation marks and emphasis of Markdown
_ASKS = re.compile(r"[?？؟;]$|(?:까|나요|가요|인가|는가|은가|던가)[.。]?$|か[。.]?$|吗[。.]?$")
_NUMBER = re.compile(r"[-+−]?\d+(?:[.,]\d+)?")
_TYPES = {
    "person": "person people name human individual 사람 인물 인명 이름",
    "organisation": "organisation organization org company institution agency 조직 기관 단체 기업 회사",
    "place": "place location gpe loc country city 장소 지명 지역 위치 국가 도시",
    "date": "date time year period 날짜 일자 시간 연도 기간",
    "number": "number quantity percent percentage cardinal 숫자 수량 수 수치 비율",
    "money": "money sum amount currency price 금액 돈 화폐",
    "email": "email e-mail mail 이메일 메일",
}
_TYPE_OF = {word: type for type, words in _TYPES.items() for word in words.split()}
_MOODS = {
    "positive": "positive 긍정 긍정적",
    "negative": "negative 부정 부정적",
    "neutral": "neutral 중립 중립적",
    "mixed": "mixed 혼합 복합 복합적",
}
_SENTIMENT_OF = {word: label for label, words in _MOODS.items() for word in words.split()}
_PLAIN_SCORE = {"positive": 0.6, "negative": -0.6, "neutral": 0.0, "mixed": 0.0}  # of a label without a number


Item = TypeVar("Item", bound=Hashable)


class Unreadable(ValueError):
    """The answer does not have the form that was asked for."""


class Named(NamedTuple):
    """An entity as a model names it."""

    name: str
    type: str


class Mood(NamedTuple):
    """A sentiment: its label, and a score from -1 to 1."""

    label: str
    score: float


class Action(NamedTuple):
    """Something that someone has to do; empty fields are not said."""

    action: str
    who: str
    due: str


def read_terms(answer: str, text: str, labels: Sequence[str] = ()) -> list[str]:
    """Return the terms that stand in the text, as given, without those that do not. Raises `Unreadable`."""
    source = Haystack(text)
    terms = [row[0] for row in _rows(answer, "key_terms", ("term", "name"))]
    return _kept(answer, terms, [term for term in terms if source.holds(term)], "key_terms")


def read_entities(answer: str, text: str, labels: Sequence[str] = ()) -> list[Named]:
    """Return the entities that stand in the text. Raises `Unreadable`."""
    source = Haystack(text)
    rows = _rows(answer, "entities", ("type", "name"))
    named = [_named(row) for row in rows if len(row) > 1]
    return _kept(answer, rows, [entity for entity in named if entity.name and source.holds(entity.name)], "entities")


def read_questions(answer: str, text: str, labels: Sequence[str] = ()) -> list[str]:
    """Return the questions. Raises `Unreadable`."""
    lines = [row[0] for row in _rows(answer, "questions", ("question",))]
    return _kept(answer, lines, [line for line in lines if _ASKS.search(line)], "questions")


def read_categories(answer: str, text: str, labels: Sequence[str] = ()) -> list[str]:
    """Return the categories: of the caller's labels, spelled as the caller does, or found ones. Raises
    `Unreadable`.
    """
    lines = [row[0].rstrip(".") for row in _rows(answer, "categories", ("category", "label", "name"))]
    if labels:
        known = {_folded(label): label for label in labels}
        return _kept(answer, lines, [known[_folded(line)] for line in lines if _folded(line) in known], "categories")
    return _kept(answer, lines, [line for line in lines if len(line.split()) <= 6], "categories")


def read_sentiment(answer: str, text: str, labels: Sequence[str] = ()) -> list[Mood]:
    """Return the one sentiment of the text. Raises `Unreadable`."""
    for row in _rows(answer, "sentiment", ("label", "score")):
        words = [word for word in re.split(r"[^\w]+", " ".join(row).lower()) if word in _SENTIMENT_OF]
        if not words:
            continue
        label = _SENTIMENT_OF[words[0]]
        number = _NUMBER.search(" ".join(row[1:]) or row[0])
        score = float(number[0].replace("−", "-").replace(",", ".")) if number else _PLAIN_SCORE[label]
        return [Mood(label, max(-1.0, min(1.0, score)))]
    raise Unreadable("it names no sentiment")


def read_actions(answer: str, text: str, labels: Sequence[str] = ()) -> list[Action]:
    """Return what is to be done. Raises `Unreadable`."""
    rows = _rows(answer, "action_items", ("action", "what", "who", "due"))
    divided = [row for row in rows if len(row) > 1]
    actions = [Action(row[0], *[_said(field) for field in [*row[1:3], "", ""][:2]]) for row in divided]
    return _kept(answer, rows, actions, "action_items")


READERS: dict[str, Callable[[str, str, Sequence[str]], Sequence[Any]]] = {
    "key_terms": read_terms,
    "questions": read_questions,
    "entities": read_entities,
    "sentiment": read_sentiment,
    "categories": read_categories,
    "action_items": read_actions,
}
"""By facet: what an answer gives for the text that was asked about."""


def _kept(answer: str, given: Sequence[object], kept: Iterable[Item], facet: str) -> list[Item]:
    """Return what can be used of an answer, once each; nothing of something means that it was misunderstood."""
    items = list(dict.fromkeys(kept))[: MOST[facet]]
    if not items and (given or not _says_nothing(answer)):
        raise Unreadable(f"nothing in it can be used for {facet}")
    return items


def _says_nothing(answer: str) -> bool:
    said = _MARKER.sub("", _FENCE.sub("", answer).strip()).strip(".\"'*` ")
    return said.upper() in ("", "[]", "{}", NOTHING, "없음", "なし", "无", "N/A")


def _rows(answer: str, facet: str, fields: Sequence[str]) -> list[list[str]]:
    """Return the lines of an answer, or the items of its JSON, as fields."""
    if _says_nothing(answer):
        return []
    rows = _json_rows(answer, fields)
    if rows is None:
        rows = [_fields(line) for line in _lines(answer)]
    longest = LONGEST.get(facet, 200)
    return [row for row in rows if row and row[0] and len(" | ".join(row)) <= longest and not _says_nothing(row[0])]


def _lines(answer: str) -> list[str]:
    """Return the lines that hold an item: where some have bullets, numbers or fields, those alone."""
    lines = [line.strip() for line in _FENCE.sub("", answer).splitlines() if line.strip()]
    lines = [line for line in lines if not re.fullmatch(r"[|\s:–—-]+", line)]
    marked = [line for line in lines if _MARKER.match(line) or "|" in line]
    lines = marked or [line for line in lines if not line.endswith((":", "："))]
    return [_MARKER.sub("", line).removeprefix("|").removesuffix("|").strip() for line in lines]


def _fields(line: str) -> list[str]:
    return [_bare(field) for field in line.split("|")]


def _bare(field: str) -> str:
    return " ".join(unicodedata.normalize("NFC", field).split()).strip(_AROUND)


def _json_rows(answer: str, fields: Sequence[str]) -> list[list[str]] | None:
    """Return the items of an answer's JSON: lists, or objects one behind the other; None when it holds none."""
    rows: list[list[str]] = []
    position = 0
    for _ in range(OPENINGS):
        opening = _OPENING.search(answer, position)
        if opening is None:
            break
        try:
            data, position = json.JSONDecoder().raw_decode(answer, opening.start())
        except (ValueError, RecursionError):
            position = opening.end()
        else:
            rows += _items(data, fields)
    return rows or None


def _items(data: Any, fields: Sequence[str]) -> list[list[str]]:
    if isinstance(data, dict) and not any(name in data for name in fields):
        lists = [value for value in data.values() if isinstance(value, list)]
        data = lists[0] if lists else []
    listed = data if isinstance(data, list) else [data]
    return [_record(item, fields) for item in listed if isinstance(item, str | dict | list)]


def _record(item: Any, fields: Sequence[str]) -> list[str]:
    if isinstance(item, str):
        return _fields(item)
    if isinstance(item, list):
        return [_bare(str(value)) for value in item]
    if "action" in fields:
        what = item.get("action") or item.get("what") or item.get("task") or ""
        return [_bare(str(value or "-")) for value in (what, item.get("who"), item.get("due") or item.get("deadline"))]
    return [_bare(str(item[name])) for name in fields if item.get(name) is not None]


def _named(row: Sequence[str]) -> Named:
    """Return the entity of a line, whichever way round its fields stand."""
    first, second = row[0], row[1]
    type = _TYPE_OF.get(first.lower()) or ("other" if first.lower() == "other" else None)
    if type is not None:
        return Named(second, type)
    type = _TYPE_OF.get(second.lower()) or ("other" if second.lower() == "other" else None)
    return Named(first, type) if type else Named(second, "other")


def _said(field: str) -> str:
    return "" if field.lower() in ("-", "–", "—", "none", "null", "n/a", "unknown", "not said", "없음") else field


def _folded(label: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", label).casefold().split())
