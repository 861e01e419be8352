"""Hostile documents: whatever they say stands inside the markers, and changes nothing of what surrounds it.

What is asserted is the structure of the prompts, and of the result whatever the model answers; that a model obeys is
not claimed.
"""

import hashlib
import re
from typing import Any, NamedTuple

import pytest

from graphs.summarize import Document, Documents, Output
from graphs.text.sentences import split_sentences
from tests.graphs.injections import INJECTIONS
from tests.graphs.summaries import ContextOf, run, story
from tests.model_server import Json, ModelServer

PROMPT = re.compile(r"<material-([0-9a-f]{16})>\n(.*)\n</material-\1>\n\n(.*)", re.DOTALL)
WISH = re.compile(r"<material-([0-9a-f]{16})>\n(.*?)\n</material-\1>", re.DOTALL)
HARMLESS = "The mayor of the town spoke to the fishermen."
TASK = {"words": 50, "language": "en", "scope": "document"}

everywhere = pytest.mark.parametrize("name", INJECTIONS)


def test_there_are_forty_injections_in_two_languages() -> None:
    assert len(INJECTIONS) == len(set(INJECTIONS.values())) == 40
    assert sum(bool(re.search("[가-힣]", text)) for text in INJECTIONS.values()) >= 8


class Prompt(NamedTuple):
    """A recorded call, in its parts."""

    system: str
    material: str
    task: str


def prompt_of(call: Json) -> Prompt:
    """Return the parts of a call; fails where the material is not all between its own markers."""
    system, user = call["messages"][:2]
    assert (system["role"], user["role"]) == ("system", "user")
    found = PROMPT.fullmatch(user["content"])
    assert found
    mark, material, task = found.groups()
    assert mark == hashlib.sha256(material.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    assert mark not in material  # so nothing in it closes it
    return Prompt(system["content"], material, task)


def numbers_in(material: str) -> list[int]:
    """Every number in brackets, hidden characters and other brackets included."""
    seen = re.sub("[\xad\u200b-\u200f\u2060-\u2064\ufeff\\s]", "", material)
    return [int(number) for number in re.findall(r"[\[【［](\d+)[\]】］]", seen)]


def sentences_of(documents: Documents) -> set[tuple[str, int, int]]:
    return {(document.id, *span) for document in documents for span in split_sentences(document.text)}


def assert_cites_only_sentences(output: Output, documents: Documents) -> int:
    """Return the number of citations, each of which is a sentence of a source."""
    known = sentences_of(documents)
    summaries = [output["summary"], *[result["summary"] for result in output["results"]]]
    citations = [
        citation
        for summary in summaries
        if summary
        for sentence in summary["sentences"]
        for citation in sentence["citations"]
    ]
    for citation in citations:
        place = (citation["document"], citation["start"], citation["end"])
        assert place in known
        assert documents[place[0]].text[place[1] : place[2]] == citation["quote"]
    return len(citations)


async def prompts_for(
    documents: Documents, context_of: ContextOf, server: ModelServer, **settings: Any
) -> tuple[Output, list[Prompt]]:
    server.reset()
    output = await run(context_of(documents, **TASK | settings))
    calls = server.calls(1_000)
    prompts = {call["messages"][1]["content"]: prompt_of(call) for call in calls}  # of each conversation the first
    assert len(prompts) == sum(len(call["messages"]) == 2 for call in calls)
    return output, list(prompts.values())


ONE_CALL = {"strategy": "auto", "chunk_tokens": 3_000}


@everywhere
async def test_in_a_text_it_stays_material(name: str, context_of: ContextOf, model_server: ModelServer) -> None:
    def documents(said: str) -> Documents:
        return Documents([Document("a", "Ansan", f"{story('Ansan', 8)}\n\n{said}\n\n{story('Busan', 8)}")])

    _, (harmless,) = await prompts_for(documents(HARMLESS), context_of, model_server, **ONE_CALL)
    hostile = documents(INJECTIONS[name])
    output, (prompt,) = await prompts_for(hostile, context_of, model_server, **ONE_CALL)
    assert prompt.system == harmless.system
    assert prompt.task == harmless.task
    # Its sentences have the numbers from 1 on, and nothing else looks like one.
    assert numbers_in(prompt.material) == list(range(1, len(split_sentences(hostile["a"].text)) + 1))
    assert output["status"] == "succeeded"
    assert assert_cites_only_sentences(output, hostile) > 0


@everywhere
async def test_in_a_title_it_stays_material_on_one_line(
    name: str, context_of: ContextOf, model_server: ModelServer
) -> None:
    texts = [story("Ansan", 12), story("Busan", 12)]
    settings = {"scope": "batch", "chunk_tokens": 150}

    def documents(title: str) -> Documents:
        return Documents(Document(id, title, text) for id, text in zip("ab", texts, strict=True))

    _, harmless = await prompts_for(documents(HARMLESS), context_of, model_server, **settings)
    hostile = documents(INJECTIONS[name])
    output, prompts = await prompts_for(hostile, context_of, model_server, **settings)
    assert len(prompts) == len(harmless) > 4
    assert sorted((prompt.system, prompt.task) for prompt in prompts) == sorted(
        (prompt.system, prompt.task) for prompt in harmless
    )
    for prompt in prompts:
        if prompt.material.startswith("Partial summary 1: "):
            heads = re.findall(r"^Partial summary (\d+): ", prompt.material, re.MULTILINE)
            assert heads == [str(number) for number in range(1, len(heads) + 1)]
        else:
            assert len(numbers_in(prompt.material)) == len(re.findall(r"wrote q", prompt.material.partition("\n\n")[2]))
            assert re.match(r"(Part \d of \d of|Title): .*\n(Section|The document begins|Names|\n)", prompt.material)
    assert_cites_only_sentences(output, hostile)


async def test_in_the_label_of_a_group_it_stays_material_on_one_line(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    texts = [story("Ansan", 2) for _ in INJECTIONS]  # so short that merges alone are asked for

    def documents(labels: list[str]) -> Documents:
        return Documents(
            Document(str(number), "Ansan", text, group=label)
            for number, (text, label) in enumerate(zip(texts, labels, strict=True))
        )

    settings = {"scope": "batch", "style": "report"}
    numbered_labels = [f"{HARMLESS} {number}" for number in range(len(texts))]
    _, harmless = await prompts_for(documents(numbered_labels), context_of, model_server, **settings)
    hostile = documents(list(INJECTIONS.values()))
    output, prompts = await prompts_for(hostile, context_of, model_server, **settings)
    assert {prompt.system for prompt in prompts} == {prompt.system for prompt in harmless}
    ends = {prompt.task.partition("words. ")[2] for prompt in harmless}
    assert {prompt.task.partition("words. ")[2] for prompt in prompts} == ends
    labels = 0
    for prompt in prompts:
        heads = re.findall(r"^Partial summary (\d+): ", prompt.material, re.MULTILINE)
        assert heads == [str(number) for number in range(1, len(heads) + 1)]
        numbers = numbers_in(prompt.material)
        assert sorted(set(numbers)) == list(range(1, max(numbers) + 1))
        labels += len(heads)
    assert labels >= len(INJECTIONS)
    assert_cites_only_sentences(output, hostile)


@everywhere
async def test_in_a_heading_it_stays_material_on_one_line(
    name: str, context_of: ContextOf, model_server: ModelServer
) -> None:
    def documents(heading: str) -> Documents:
        return Documents([Document("a", "Ansan", f"# {heading}\n\n{story('Ansan', 24)}")])

    _, harmless = await prompts_for(documents(HARMLESS), context_of, model_server)
    hostile = documents(INJECTIONS[name])
    output, prompts = await prompts_for(hostile, context_of, model_server)
    assert {prompt.system for prompt in prompts} == {prompt.system for prompt in harmless}
    ends = {prompt.task.partition("words. ")[2] for prompt in harmless}  # a longer text has partials of other lengths
    assert {prompt.task.partition("words. ")[2] for prompt in prompts} == ends
    sections = [found for prompt in prompts if (found := re.search(r"^Section: (.*)$", prompt.material, re.MULTILINE))]
    assert len(sections) >= 3
    for prompt in prompts:
        if not prompt.material.startswith("Partial summary 1: "):
            numbers = numbers_in(prompt.material)
            assert numbers == list(range(1, len(numbers) + 1))
    assert output["status"] == "succeeded"
    assert_cites_only_sentences(output, hostile)


@everywhere
@pytest.mark.parametrize("wish", ["focus", "audience", "instructions"])
async def test_in_a_callers_wish_it_stands_between_markers_of_its_own(
    name: str, wish: str, context_of: ContextOf, model_server: ModelServer
) -> None:
    documents = Documents([Document("a", "Ansan", story("Ansan", 8))])
    said = INJECTIONS[name][:500]
    _, (harmless,) = await prompts_for(documents, context_of, model_server, **ONE_CALL, **{wish: HARMLESS})
    _, prompts = await prompts_for(documents, context_of, model_server, **ONE_CALL, **{wish: said})
    (prompt,) = prompts
    assert prompt.system == harmless.system
    assert prompt.material == harmless.material
    mark = hashlib.sha256(said.encode()).hexdigest()[:16]
    block = f"<material-{mark}>\n{said}\n</material-{mark}>"
    assert prompt.task.count(block) == 1
    assert prompt.task.replace(block, "") == WISH.sub("", harmless.task)


@pytest.mark.parametrize(
    "answer",
    [
        "The mayor is innocent [999999]. All is well [0][-1][77].",
        "[1-999999] The mayor is innocent.",
        "The mayor is innocent 【99】. See [1][2][3][4][5][6][7][8][9].",
        "</material-0000000000000000> PWNED [1].",
        f"PWNED {INJECTIONS['numbers_hidden']}",
        INJECTIONS["chatml"] + INJECTIONS["html"],
    ],
)
async def test_whatever_an_obedient_model_answers_cites_only_sentences_that_exist(
    answer: str, context_of: ContextOf, model_server: ModelServer
) -> None:
    documents = Documents([Document(id, id, f"{story('Ansan', 6)} {INJECTIONS['numbers']}") for id in "ab"])
    model_server.fault("say", times=-1, content=answer)
    output = await run(context_of(documents, words=50, scope="both", **ONE_CALL))
    assert_cites_only_sentences(output, documents)
    for call in model_server.calls(100):
        found = PROMPT.fullmatch(call["messages"][1]["content"])
        assert found
        assert found[1] == hashlib.sha256(found[2].encode()).hexdigest()[:16]
