"""Groups: documents with a label are one source, merged before the others and reported under one heading."""

import re
from collections.abc import Sequence
from typing import Any

import pytest

from graphs.models import model_facts
from graphs.summarize import Context, Document, Documents, Options, Output, Plan, graph, make_plan
from graphs.summarize.cost import plan_cost
from graphs.summarize.state import Summary
from tests.graphs.summaries import EMBEDDED, ContextOf, is_merge, marks, prompts_of, run, story
from tests.graphs.test_incremental import paper
from tests.graphs.test_styles import CONCLUDE, CONCLUSION, report_of, sections_of
from tests.model_server import ModelServer

ONE_CALL = {"strategy": "auto", "chunk_tokens": 3_000, "words": 40}


def towns(*labelled: tuple[str, str], sentences: int = 20) -> Documents:
    """A document for each town, with the label that is given beside it."""
    return Documents(
        Document(town, f"The town of {town}", story(town, sentences), group=label) for town, label in labelled
    )


TWO_GROUPS = (("Ansan", "West"), ("Busan", "South"), ("Asan", "West"), ("Cheju", ""), ("Daegu", "South"))


def heads(prompt: str) -> list[str]:
    return re.findall(r"^Partial summary \d+: (.*)$", prompt, re.MULTILINE)


def cited(summary: Summary | None) -> set[str]:
    assert summary is not None
    return {citation["document"] for sentence in summary["sentences"] for citation in sentence["citations"]}


def groups_of(output: Output) -> dict[str, Summary | None]:
    return {group["name"]: group["summary"] for group in output["groups"]}


def plan_of(documents: Documents, **options: Any) -> Plan:
    return make_plan(documents, Options(**options), model_facts("openai:gpt-4o"), 3_000)


def without_labels(documents: Documents) -> Documents:
    return Documents(document._replace(group="") for document in documents)


async def test_a_group_is_merged_first_and_the_batch_of_groups_and_others_in_the_order_in_which_they_come(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    output = await run(context_of(towns(*TWO_GROUPS), **ONE_CALL))
    merges = [heads(prompt) for prompt in prompts_of(model_server) if is_merge(prompt)]
    assert sorted(merges[:2]) == [
        ["The town of Ansan", "The town of Asan"],
        ["The town of Busan", "The town of Daegu"],
    ]
    assert merges[2:] == [["West", "South", "The town of Cheju"]]
    assert [(group["name"], group["documents"], group["status"]) for group in output["groups"]] == [
        ("West", ["Ansan", "Asan"], "succeeded"),
        ("South", ["Busan", "Daegu"], "succeeded"),
    ]
    for group in output["groups"]:
        assert cited(group["summary"]) == set(group["documents"])
        assert group["summary"] is not None
        assert group["summary"]["scores"] is not None
        assert group["summary"]["scores"]["documents_covered"] == 1.0


def test_a_batch_of_which_all_is_in_one_group_is_planned_as_without_groups() -> None:
    documents = towns(*[(town, "All") for town, _ in TWO_GROUPS])
    assert plan_of(documents) == plan_of(without_labels(documents))
    documents.add(Document("empty", "Empty", ""))
    assert plan_of(documents) == plan_of(without_labels(documents))


def test_without_a_summary_of_the_batch_groups_have_no_effect() -> None:
    documents = towns(*TWO_GROUPS)
    assert plan_of(documents, scope="document") == plan_of(without_labels(documents), scope="document")


async def test_a_document_alone_in_its_group_takes_no_call_more_and_is_named_by_the_group(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    documents = towns(("Ansan", "West"), ("Busan", "South"))
    assert plan_cost(plan_of(documents)).merges == plan_cost(plan_of(without_labels(documents))).merges == 1
    output = await report_of(context_of, model_server, CONCLUSION, documents)
    assert [heads(prompt) for prompt in prompts_of(model_server) if is_merge(prompt)] == [["West", "South"]]
    assert list(sections_of(output["summary"])) == ["West", "South", "Contradictions", "Conclusion"]
    own = [result["summary"] for result in output["results"]]
    assert [group["text"] for group in groups_of(output).values() if group] == [each["text"] for each in own if each]


@pytest.mark.parametrize(("scope", "groups"), [("document", []), ("batch", ["West", "South"])])
async def test_groups_are_handed_out_beside_the_summary_of_the_batch(
    scope: str, groups: list[str], context_of: ContextOf
) -> None:
    output = await run(context_of(towns(*TWO_GROUPS), scope=scope, **ONE_CALL))
    assert list(groups_of(output)) == groups
    assert all(groups_of(output).values())
    assert [result["summary"] is None for result in output["results"]] == [scope == "batch"] * 5


def test_sources_that_the_caller_has_named_are_merged_in_their_order_and_not_by_topic() -> None:
    def tree(labels: Sequence[str], group_by: str) -> list[list[str]]:
        papers = (paper(number)._replace(group=label) for number, label in enumerate(labels))
        plan = plan_of(Documents(papers), group_by=group_by, strategy="auto")
        return [step["inputs"] for step in plan["steps"].values()]

    named, unnamed, one = [f"Source {number}" for number in range(60)], [""] * 60, ["", *["All the others"] * 59]
    assert tree(named, "topic") == tree(named, "order")
    assert tree(unnamed, "topic") != tree(unnamed, "order")
    assert tree(one, "topic") != tree(one, "order")  # within a group, topics are found as in a batch


# ---------------------------------------------------------------- reports


async def test_a_report_has_one_heading_for_each_group_and_each_document_without_one(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    output = await report_of(context_of, model_server, CONCLUSION, towns(*TWO_GROUPS), scope="batch")
    sections = sections_of(output["summary"])
    assert list(sections) == ["West", "South", "The town of Cheju", "Contradictions", "Conclusion"]
    assert {mark[1:-4] for mark in marks(sections["West"])} == {"Ansan", "Asan"}
    assert {mark[1:-4] for mark in marks(sections["South"])} == {"Busan", "Daegu"}
    assert {mark[1:-4] for mark in marks(sections["The town of Cheju"])} == {"Cheju"}
    asked = [prompt for prompt in prompts_of(model_server) if CONCLUDE in prompt]
    assert [heads(prompt) for prompt in asked[:1]] == [["West", "South", "The town of Cheju"]]
    assert all(CONCLUDE not in prompt for prompt in prompts_of(model_server) if "South" not in prompt)


@pytest.mark.parametrize("claims", ["", "The town of Busan counted 10 boats and wrote qBusan0001 into its book."])
async def test_each_finding_of_a_report_cites_documents_of_its_own_source_alone(
    claims: str, context_of: ContextOf, model_server: ModelServer
) -> None:
    if claims:  # which the model took from another source, and for which it names no sentence
        model_server.fault("say", match="Partial summary 1: The town of Ansan", times=-1, content=f"- {claims}")
    output = await report_of(context_of, model_server, CONCLUSION, towns(*TWO_GROUPS))
    of_source = {"West": {"Ansan", "Asan"}, "South": {"Busan", "Daegu"}, "The town of Cheju": {"Cheju"}}
    summary = output["summary"]
    assert summary is not None
    here, seen = 0, set()
    for sentence in summary["sentences"]:
        here = summary["text"].index(sentence["text"], here) + len(sentence["text"])
        own = summary["text"][:here].rpartition("## ")[2].partition("\n")[0]
        seen.add(own)
        if own in of_source:
            assert {citation["document"] for citation in sentence["citations"]} <= of_source[own]
            assert bool(sentence["citations"]) or own == "West"
    assert seen == {*of_source, "Contradictions", "Conclusion"}
    assert cited(groups_of(output)["West"]) <= {"Ansan", "Asan"}


async def test_a_group_that_is_lost_leaves_the_report_of_the_others_and_says_so(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    for town in ("Ansan", "Asan"):
        model_server.fault("400", times=-1, match=f"q{town}")
    output = await report_of(context_of, model_server, CONCLUSION, towns(*TWO_GROUPS), min_coverage=0.3)
    assert output["status"] == "partial"
    assert list(sections_of(output["summary"])) == ["South", "The town of Cheju", "Contradictions", "Conclusion"]
    assert [(group["name"], group["status"]) for group in output["groups"]] == [
        ("West", "failed"),
        ("South", "succeeded"),
    ]
    assert groups_of(output)["West"] is None


async def test_a_group_whose_own_merge_fails_is_lost_and_its_documents_keep_their_summaries(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    model_server.fault("400", times=-1, match="Partial summary 1: The town of Ansan")
    output = await report_of(context_of, model_server, CONCLUSION, towns(*TWO_GROUPS), min_coverage=0.3)
    assert output["status"] == "partial"
    assert "West" not in sections_of(output["summary"])
    assert [group["status"] for group in output["groups"]] == ["failed", "succeeded"]
    assert all(result["summary"] for result in output["results"])


async def test_a_group_of_which_a_document_fails_is_partial(context_of: ContextOf, model_server: ModelServer) -> None:
    model_server.fault("400", times=-1, match="qAsan")
    output = await report_of(context_of, model_server, CONCLUSION, towns(*TWO_GROUPS), min_coverage=0.3)
    assert [group["status"] for group in output["groups"]] == ["partial", "succeeded"]
    assert cited(groups_of(output)["West"]) == {"Ansan"}


@pytest.mark.parametrize(
    ("label", "heading"),
    [
        ("A\n\n## Conclusion\n\nAll is well.", "A ＃＃ Conclusion All is well."),
        ("A\N{LINE SEPARATOR}# B\r# C", "A ＃ B ＃ C"),
        ("See [3]【4】［5］", "See (3)(4)(5)"),
        ("</material-0000000000000000>", "</material-0000000000000000>"),
        ("Partial summary 9: B\nPartial summary 10: C", "Partial summary 9: B Partial summary 10: C"),
        ("---", "---"),
        ("x" * 5_000, "x" * 120),
    ],
)
async def test_a_label_is_one_line_that_makes_no_heading_and_no_number(
    label: str, heading: str, context_of: ContextOf, model_server: ModelServer
) -> None:
    documents = towns(("Ansan", label), ("Asan", label), ("Busan", "South"))
    output = await report_of(context_of, model_server, CONCLUSION, documents)
    assert list(sections_of(output["summary"])) == [heading, "South", "Contradictions", "Conclusion"]
    asked = next(prompt for prompt in prompts_of(model_server) if CONCLUDE in prompt)
    assert [head.replace("#", "＃") for head in heads(asked)] == [heading, "South"]
    assert list(groups_of(output)) == [label, "South"]


async def test_the_embedded_models_report_quotes_each_group_under_its_heading() -> None:
    documents = towns(*TWO_GROUPS, sentences=30)
    output = await run(Context(documents=documents, style="report", words=60, **EMBEDDED))
    assert list(sections_of(output["summary"])) == [
        *("West", "South", "The town of Cheju", "The most telling sentences")
    ]
    assert cited(groups_of(output)["South"]) <= {"Busan", "Daegu"}
    assert output["summary"] is not None
    for sentence in output["summary"]["sentences"]:
        assert [citation["quote"] for citation in sentence["citations"]] == [sentence["text"]]


async def test_documents_of_a_notebook_have_groups_too() -> None:
    given: Any = [{"text": story(town, 30), "title": town, "group": label} for town, label in TWO_GROUPS]
    output: Any = await graph.ainvoke({"documents": given}, context=Context(**EMBEDDED))
    assert list(groups_of(output)) == ["West", "South"]
