"""What the model server says when it is asked for facets."""

from typing import Any

from tests.model_server import ModelServer

# A piece of each facet's prompt that no other prompt has.
ASKS = {
    "key_terms": "List the 12 terms",
    "questions": "List the 6 questions",
    "entities": "List the 40 people",
    "sentiment": "Judge the attitude",
    "categories": "categories, at most, that this material belongs to",
    "labels": "Choose the 3 labels",
    "action_items": "someone has to do",
    "translation": "Translate the material",
    "synthesis": "Merge them into one answer",
}
SAYS = {
    "key_terms": "book\nboats\nthe moon",
    "questions": "How many boats were counted?\nWho wrote the book?",
    "entities": "place | Ansan\nplace | Busan\nother | book\nperson | Napoleon",
    "sentiment": "positive | 0.5",
    "categories": "transport\nhistory",
    "labels": "law",
    "action_items": "Count the boats | the town | every year",
    "translation": "마을은 해마다 배를 세어 책에 적었다. 항구에는 배가 많았고 사람들은 그것을 자랑스럽게 여겼다. 그 책은 지금도 마을에 남아 있다.",
    "synthesis": "The town counted its boats every year and wrote them into its book.",
}
SOURCE = ["key_terms", "questions", "entities", "sentiment", "categories", "action_items"]
ALL = [*SOURCE, "translation:ko", "synthesis"]
KOREAN = (
    "안산 항구는 1923년에 문을 열었다. 첫해에는 배 마흔 척이 들어왔고, 대부분은 섬에서 온 어선이었다. "
    "1929년 폭풍이 첫 부두를 무너뜨린 뒤 1931년에 두 번째 부두가 세워졌다. 오늘날 항구에는 여객선 항로 두 개와 작은 연구선단이 있다. "
)


def teach(server: ModelServer, **other: str) -> None:
    """Let the server answer every facet's prompt, for ever."""
    says: dict[str, Any] = SAYS | other
    server.faults(*[{"kind": "say", "times": -1, "match": ASKS[name], "content": says[name]} for name in says])


def statuses(facets: dict[str, Any]) -> dict[str, str]:
    return {name: facet["status"] for name, facet in facets.items()}
