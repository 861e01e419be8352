"""Styles: each reaches the summaries and not the partials; a report keeps each source under its own heading."""

import re
from typing import Any, get_args

import pytest

from graphs.summarize import Context, Document, Documents, Output
from graphs.summarize.prompts import DIVIDER, Style
from graphs.summarize.state import Summary
from tests.graphs.summaries import EMBEDDED, ContextOf, batch, is_merge, marks, prompts_of, run, story
from tests.model_server import ModelServer

FORMS = {
    "paragraph": "Write plain prose, without headings and lists.",
    "bullets": "Write a Markdown list: one finding an item",
    "executive": "Write one sentence with the finding that matters most, then a Markdown list",
    "dense": "Write prose as dense as it can be read with ease",
    "report": "Write a Markdown list of findings",
}
CONCLUDE = "First the contradictions between the sources"
REPORT = {"style": "report", "strategy": "auto", "chunk_tokens": 3_000, "words": 40}


def test_every_style_is_proved_here() -> None:
    assert set(FORMS) == set(get_args(Style))


@pytest.mark.parametrize("style", [style for style in FORMS if style != "report"])
async def test_a_style_reaches_every_summary_and_no_partial(
    style: str, context_of: ContextOf, model_server: ModelServer
) -> None:
    await run(context_of(batch(Ansan=20, Busan=20), style=style))
    prompts = prompts_of(model_server)
    summaries = [prompt for prompt in prompts if is_merge(prompt)]
    assert len(summaries) == 3
    assert all(FORMS[style] in prompt for prompt in summaries)
    for prompt in prompts:
        assert sum(form in prompt for form in FORMS.values()) == 1
        assert is_merge(prompt) or FORMS["paragraph"] in prompt


async def test_a_document_that_is_one_call_has_the_style_at_once(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    await run(context_of(batch(Ansan=20), style="bullets", strategy="auto", chunk_tokens=3_000))
    (prompt,) = prompts_of(model_server)
    assert FORMS["bullets"] in prompt


# ---------------------------------------------------------------- reports


def sections_of(summary: Summary | None) -> dict[str, str]:
    assert summary is not None
    parts = re.split(r"^## (.*)\n\n", summary["text"], flags=re.MULTILINE)
    assert parts[0] == ""
    assert len(set(parts[1::2])) == len(parts[1::2])
    return {title: text.strip() for title, text in zip(parts[1::2], parts[2::2], strict=True)}


async def report_of(
    context_of: ContextOf, server: ModelServer, conclusion: str, documents: Documents | None = None, **settings: Any
) -> Output:
    server.fault("say", match=CONCLUDE, times=-1, content=conclusion)
    return await run(context_of(documents or batch(Ansan=20, Busan=20), **REPORT | settings))


CONCLUSION = "- Ansan counted 3 boats, Busan 10 [1][2].\n\n---\n\nBoth towns counted boats [1]."


async def test_a_report_has_a_heading_for_each_source_then_contradictions_and_a_conclusion(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    output = await report_of(context_of, model_server, CONCLUSION)
    sections = sections_of(output["summary"])
    assert list(sections) == ["The town of Ansan", "The town of Busan", "Contradictions", "Conclusion"]
    for (title, text), result in zip(list(sections.items())[:2], output["results"], strict=True):
        assert result["summary"] is not None
        assert text == result["summary"]["text"].strip()
        assert {mark[1:6] for mark in marks(text)} == {title.split()[-1]}  # findings of this source alone
    assert sections["Contradictions"] == "- Ansan counted 3 boats, Busan 10."
    assert sections["Conclusion"] == "Both towns counted boats."
    prompts = [call["messages"][1]["content"] for call in model_server.calls(100)]
    assert [CONCLUDE in prompt for prompt in prompts[:3]] == [False, False, True]
    assert [FORMS["report"] in prompt for prompt in prompts[:3]] == [True, True, False]


async def test_each_sentence_of_a_report_stands_in_its_text_with_citations_of_its_source(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    summary = (await report_of(context_of, model_server, CONCLUSION))["summary"]
    assert summary is not None
    here = 0
    for sentence in summary["sentences"]:
        here = summary["text"].index(sentence["text"], here) + len(sentence["text"])
        own = summary["text"][:here].rpartition("## ")[2]
        for town in ("Ansan", "Busan"):
            if own.startswith(f"The town of {town}"):
                assert {citation["document"] for citation in sentence["citations"]} <= {town}
                assert sentence["citations"]
    assert len(summary["sentences"]) >= 4


@pytest.mark.parametrize("none", ["NONE", "None.", "- NONE", "**NONE**"])
async def test_without_contradictions_there_is_no_heading_for_them(
    none: str, context_of: ContextOf, model_server: ModelServer
) -> None:
    output = await report_of(context_of, model_server, f"{none}\n{DIVIDER}\nBoth towns counted boats [1].")
    sections = sections_of(output["summary"])
    assert list(sections)[2:] == ["Conclusion"]
    assert output["summary"] is not None
    assert not any(sentence["text"].upper().startswith("NONE") for sentence in output["summary"]["sentences"])


async def test_without_a_divider_all_is_conclusion(context_of: ContextOf, model_server: ModelServer) -> None:
    sections = sections_of((await report_of(context_of, model_server, "Both counted boats [1]."))["summary"])
    assert sections["Conclusion"] == "Both counted boats."
    assert "Contradictions" not in sections


async def test_sentences_that_do_not_hold_leave_a_report_without_moving_any_other(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    conclusion = (
        "- Zorro sold 77 whales [1].\n\n---\n\nThe town of Ansan counted boats and wrote them into its book [1]."
    )
    output = await report_of(context_of, model_server, conclusion, unsupported="remove")
    sections = sections_of(output["summary"])
    assert "Contradictions" not in sections
    assert sections["Conclusion"] == "The town of Ansan counted boats and wrote them into its book."
    model_server.reset()
    conclusion = (
        "- The town of Ansan counted boats and wrote them into its book [1].\n\n---\n\nZorro sold 77 whales [1]."
    )
    output = await report_of(context_of, model_server, conclusion, unsupported="remove")
    sections = sections_of(output["summary"])
    assert sections["Contradictions"] == "- The town of Ansan counted boats and wrote them into its book."
    assert "Conclusion" not in sections


async def test_a_model_is_not_asked_whether_a_rule_or_the_agreed_word_holds(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    await report_of(context_of, model_server, f"NONE\n{DIVIDER}\nZorro sold 77 whales [1].", verify="llm")
    checks = [
        call["messages"][1]["content"]
        for call in model_server.calls(100)
        if call["messages"][0]["content"].startswith("You check statements")
    ]
    assert any("Zorro" in check for check in checks)
    assert not re.search(r"^Statement \d+: (NONE|---)", "\n".join(checks), re.MULTILINE)


async def test_a_source_that_is_lost_leaves_the_others_findings_and_no_conclusion_that_repeats_them(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("400", times=-1, match="qBusan")
    output = await report_of(context_of, model_server, CONCLUSION, min_coverage=0.3)
    assert output["status"] == "partial"
    assert list(sections_of(output["summary"])) == ["The town of Ansan"]


async def test_a_batch_in_which_one_document_has_text_is_reported_without_a_conclusion(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    documents = Documents([Document("e", "Empty", ""), *batch(Ansan=20)])
    output = await report_of(context_of, model_server, CONCLUSION, documents)
    assert list(sections_of(output["summary"])) == ["The town of Ansan"]
    assert model_server.stats()["calls"] == output["usage"]["calls"]


async def test_a_korean_report_has_korean_headings(context_of: ContextOf, model_server: ModelServer) -> None:
    output = await report_of(context_of, model_server, CONCLUSION, language="ko")
    assert list(sections_of(output["summary"]))[2:] == ["서로 어긋나는 내용", "결론"]


@pytest.mark.parametrize(
    ("title", "heading"),
    [
        ("A\n\n## Conclusion\n\nAll is well.", "A ＃＃ Conclusion All is well."),
        ("A\N{LINE SEPARATOR}# B\r# C", "A ＃ B ＃ C"),
        ("", "a"),
        (" \n ", "a"),
        ("See [3]【4】", "See (3)(4)"),
        ("---", "---"),
        ("x" * 5_000, "x" * 120),
    ],
)
async def test_a_title_cannot_make_a_heading_of_its_own(
    title: str, heading: str, context_of: ContextOf, model_server: ModelServer
) -> None:
    documents = Documents([Document("a", title, story("Ansan", 20)), Document("b", "B", story("Busan", 20))])
    output = await report_of(context_of, model_server, CONCLUSION, documents)
    assert list(sections_of(output["summary"])) == [heading, "B", "Contradictions", "Conclusion"]


@pytest.mark.parametrize("scope", ["document", "batch"])
async def test_a_report_keeps_to_the_scope(scope: str, context_of: ContextOf, model_server: ModelServer) -> None:
    output = await report_of(context_of, model_server, CONCLUSION, scope=scope)
    assert (output["summary"] is None) == (scope == "document")
    assert [result["summary"] is None for result in output["results"]] == [scope == "batch"] * 2
    if scope == "batch":
        assert len(sections_of(output["summary"])) == 4


# ---------------------------------------------------------------- the embedded model


@pytest.mark.parametrize("style", ["bullets", "executive", "report"])
async def test_the_embedded_model_gives_lists_where_a_list_is_asked_for(style: Style) -> None:
    output = await run(Context(documents=batch(Ansan=30), style=style, words=60, **EMBEDDED))
    summary = output["summary"]
    assert summary is not None
    assert len(summary["sentences"]) > 1
    assert summary["text"].split("\n") == [f"- {sentence['text']}" for sentence in summary["sentences"]]


@pytest.mark.parametrize("style", ["paragraph", "dense"])
async def test_the_embedded_model_gives_prose_otherwise(style: Style) -> None:
    summary = (await run(Context(documents=batch(Ansan=30), style=style, words=60, **EMBEDDED)))["summary"]
    assert summary is not None
    assert summary["text"] == " ".join(sentence["text"] for sentence in summary["sentences"])


async def test_the_embedded_models_report_quotes_each_source_under_its_heading() -> None:
    documents = batch(Ansan=30, Busan=30)
    summary = (await run(Context(documents=documents, style="report", words=60, **EMBEDDED)))["summary"]
    assert list(sections_of(summary)) == ["The town of Ansan", "The town of Busan", "The most telling sentences"]
    assert summary is not None
    for sentence in summary["sentences"]:
        (citation,) = sentence["citations"]
        assert sentence["text"] == citation["quote"]
