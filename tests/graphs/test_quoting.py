"""How quoted sentences stand in a summary: as paragraphs, and as lists of what are items, rows and lines in the source."""

import pytest

from graphs.models.extractive import Sentence
from graphs.summarize import Context, Document, Documents
from graphs.summarize.quoting import quoting
from graphs.summarize.state import Summary
from graphs.text.sentences import split_sentences
from tests.graphs.summaries import EMBEDDED, batch, run

MINUTES = """# 회의록

- 박지영 과장: 인증이 2주 늦어져 출시일을 4월 29일로 미루자고 제안함. 모두 찬성함.
- 이도현 대리: 3월 13일까지 고객사에 공문을 보내기로 함
"""
TABLE = "| Item | Price |\n|---|---|\n| Anchor | 40 dollars |\n| Rope | 12 dollars |\n"
PROSE = "The harbour was opened in 1923. It took in forty vessels.\nA storm destroyed the pier in 1929."
LINES = "region,quarter,revenue\nSeoul,first,7311\nBusan,first,4867"
LONE = "The harbour was opened.\n\n- It is old\n\nNobody was hurt."


def written(text: str, *, as_list: bool = False) -> str:
    """What is written of all the sentences of a text that hold a word, but for its headings."""
    spans = [
        Sentence("a", *span)
        for span in split_sentences(text)
        if any(map(str.isalnum, text[slice(*span)])) and not text.startswith("#", span[0])
    ]
    answer = quoting(spans, lambda _: text, as_list=as_list)
    for _, start, end in answer.spans:
        assert " ".join(text[start:end].split()) in answer.text
        assert not text[start:end].startswith(("-", "|"))
    return answer.text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (MINUTES, MINUTES.partition("\n\n")[2].rstrip()),
        (TABLE, "- Item | Price\n- Anchor | 40 dollars\n- Rope | 12 dollars"),
        (LINES, "- region,quarter,revenue\n- Seoul,first,7311\n- Busan,first,4867"),
        (PROSE, PROSE.replace("\n", " ")),
        (LONE, "The harbour was opened.\n\nIt is old\n\nNobody was hurt."),
        ("-", ""),
    ],
)
def test_items_rows_and_lines_stay_a_list_and_sentences_a_paragraph(text: str, shown: str) -> None:
    assert written(text) == shown


def test_in_a_list_no_item_has_a_second_mark() -> None:
    assert written(TABLE, as_list=True) == written(TABLE)
    assert [line[:5] for line in written(MINUTES, as_list=True).splitlines()] == ["- 박지영", "- 모두 ", "- 이도현"]


def test_a_line_without_end_is_looked_at_from_near_by_alone() -> None:
    text = "- " + "word " * 5_000 + "end."
    start = text.index("word", 20_000)
    answer = quoting([Sentence("a", start, len(text))], lambda _: text, as_list=False)
    assert answer.text == " ".join(text[start:].split())


@pytest.mark.parametrize("style", ["paragraph", "bullets", "report"])
async def test_citations_of_items_lead_to_their_words_in_the_source(style: str) -> None:
    notes = "".join(f"- In year {year} the town counted {year * 7} boats and wrote it down.\n" for year in range(40))
    documents = Documents([Document("notes", "Notes", notes), *batch(Ansan=20)])
    output = await run(Context(documents=documents, **EMBEDDED, style=style))
    summary = output["summary"]
    assert summary is not None
    assert "- -" not in summary["text"]
    assert sorted({text for text, _ in quotes(summary)}) == sorted({quote for _, quote in quotes(summary)})
    assert any(text.startswith("In year") and text in notes for text, _ in quotes(summary))


def quotes(summary: Summary) -> list[tuple[str, str]]:
    """Each sentence with what its only citation quotes."""
    return [
        (sentence["text"], citation["quote"]) for sentence in summary["sentences"] for citation in sentence["citations"]
    ]


HARBOUR = (
    "The harbour of Ansan was opened in 1923 by the governor. It took in forty vessels in its first winter. "
    "A storm destroyed the northern pier in 1929. The town rebuilt it with granite from the hills. "
    "Fishermen paid half of the costs themselves. A lighthouse was added ten years later."
)
BREAD = (
    "Bread needs flour, water, salt and yeast. The dough rests for two hours in a warm kitchen. "
    "Bakers fold it three times so that it keeps its shape. The oven must be very hot at first. "
    "Steam gives the crust its shine. A loaf cools for an hour before it is cut."
)
TRAIN = (
    "The express to Busan leaves Seoul at nine. Its passengers see rice fields and tunnels. "
    "Tickets are sold at machines since last year. The track was laid for higher speeds than the engine reaches."
)
MOON = (
    "Astronauts brought rocks from the lunar surface. Their age surprised geologists everywhere. "
    "Craters preserve what rain would have washed away. New probes look for ice near the poles."
)
LAW = (
    "The parliament passed an act on copyright. Libraries may lend electronic books under it. "
    "Publishers had asked for a fee per reader. Judges will interpret the exceptions narrowly."
)


async def test_of_equal_documents_the_summary_of_all_quotes_the_first_alone() -> None:
    texts = {"a": HARBOUR, "copy": HARBOUR, "b": BREAD, "c": TRAIN, "d": MOON, "e": LAW}
    documents = Documents(Document(id, id, text) for id, text in texts.items())
    output = await run(Context(documents=documents, **EMBEDDED, words=120))
    assert output["summary"] is not None
    cited = {citation["document"] for each in output["summary"]["sentences"] for citation in each["citations"]}
    assert cited == set(texts) - {"copy"}
    assert [result["status"] for result in output["results"]] == ["succeeded"] * 6
