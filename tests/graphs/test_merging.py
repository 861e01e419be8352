"""The embedded model through the graph: however a document is cut, its summary is the one of the whole."""

import json
from itertools import pairwise

import pytest

from graphs.summarize import Context, Document, Documents, Output
from tests.graphs.summaries import run
from tests.model_server import ROOT

REPORTS = [
    json.loads(line)["documents"][0]["text"][:20_000]
    for line in (ROOT / "tests" / "fixtures" / "summaries" / "gov_report.jsonl").read_text().splitlines()
]


async def summarised(strategy: str, chunk_tokens: int, *texts: str) -> Output:
    documents = Documents(Document(str(place), f"Report {place}", text) for place, text in enumerate(texts))
    return await run(Context(documents=documents, strategy=strategy, chunk_tokens=chunk_tokens, length="medium"))


@pytest.mark.parametrize(("strategy", "chunk_tokens"), [("map_reduce", 400), ("refine", 1_000)])
async def test_a_summary_by_chunks_and_merges_is_that_of_the_whole_document(strategy: str, chunk_tokens: int) -> None:
    whole = await summarised("single", 100_000, REPORTS[0])
    cut = await summarised(strategy, chunk_tokens, REPORTS[0])
    assert cut["usage"]["calls"] > whole["usage"]["calls"] == 1
    assert cut["summary"] == whole["summary"]


async def test_a_summary_of_all_may_quote_what_the_summaries_of_each_do_not() -> None:
    whole = await summarised("single", 100_000, *REPORTS)
    cut = await summarised("map_reduce", 1_000, *REPORTS)
    assert cut["summary"] is not None
    assert cut["summary"] == whole["summary"]
    citations = [found for sentence in cut["summary"]["sentences"] for found in sentence["citations"]]
    assert {found["document"] for found in citations} == {"0", "1"}
    places = [(found["document"], found["start"]) for found in citations]
    assert all(one < other for one, other in pairwise(places))
