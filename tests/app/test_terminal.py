"""The parts of the command line that need no process: arguments, names of files, figures, complaints."""

import json
import os
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from app.cli.summaries import summarize
from app.errors import InvalidFields, PlanImpossible, RunIsActive, RunNotFound, UnknownModel, UnreadableDocuments
from app.terminal.ending import CommandFailed, refused
from app.terminal.folder import NAME_BYTES, SUFFIX, safe_names
from app.terminal.options import options_of
from app.terminal.progress import State, about, last_lines
from app.terminal.showing import clean
from app.terminal.sources import by_folder, gather
from graphs.summarize import Budget, Options


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"The text of {name}.")


def found(*arguments: str) -> list[str]:
    return [source.name for source in gather(arguments).found]


def grouped(*arguments: str) -> dict[str, str]:
    return {source.name: source.group for source in by_folder(gather(arguments).found)}


# ---------------------------------------------------------------- arguments


def test_a_folder_gives_its_documents_in_order_without_hidden_and_foreign_ones(here: Path) -> None:
    write(here, "d/b.txt", "d/a.md", "d/deep/er/c.HTML", "d/.hidden.txt", "d/.git/x.txt", "d/picture.png", "d/data.csv")
    sources = gather(["d"])
    assert [source.name for source in sources.found] == ["d/a.md", "d/b.txt", "d/deep/er/c.HTML"]
    assert sources.passed_over == {".png": 1, ".csv": 1}


def test_numbers_in_names_are_sorted_as_numbers(here: Path) -> None:
    write(here, "d/chapter 10.txt", "d/chapter 2.txt", "d/2.txt", "d/preface.txt")
    assert found("d") == found("d/*.txt") == ["d/2.txt", "d/chapter 2.txt", "d/chapter 10.txt", "d/preface.txt"]


def test_a_pattern_is_looked_up_here_when_no_shell_has_done_so(here: Path) -> None:
    write(here, "d/a.txt", "d/e/b.txt", "d/c.md")
    assert found("d/**/*.txt") == ["d/a.txt", "d/e/b.txt"]
    assert found(f"{here}/d/?.md") == [f"{here}/d/c.md"]
    assert found("d/*") == ["d/a.txt", "d/c.md", "d/e/b.txt"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(here: Path) -> None:
    write(here, "[1].txt", "1.txt")
    assert found("[1].txt") == ["[1].txt"]


def test_a_file_that_is_named_twice_is_read_once(here: Path) -> None:
    write(here, "d/a.txt", "b.txt")
    (here / "link.txt").symlink_to("b.txt")
    assert found("d/a.txt", "d", "b.txt", "./b.txt", "link.txt") == ["d/a.txt", "b.txt"]


def test_a_folder_that_links_to_itself_is_walked_once(here: Path) -> None:
    write(here, "d/a.txt")
    (here / "d/loop").symlink_to(here / "d")
    assert found("d") == ["d/a.txt"]


@pytest.mark.parametrize(
    "argument", ["absent.txt", "*.absent", "a\0b", "x" * 5000, "http://example.org/a", "/dev/null"]
)
def test_what_is_no_document_is_named_in_one_line(argument: str, here: Path) -> None:
    with pytest.raises(CommandFailed) as failed:
        gather([argument])
    assert failed.value.code == 2
    assert "\n" not in str(failed.value)
    assert "\0" not in str(failed.value)


def test_an_empty_folder_is_no_batch(here: Path) -> None:
    with pytest.raises(CommandFailed, match=r"no document was found in \.\.$"):
        gather(["."])
    write(here, "data.csv")
    with pytest.raises(CommandFailed, match="name files of other kinds one by one"):
        gather(["."])


def test_each_of_several_folders_is_a_group_and_a_file_that_is_named_is_in_none(here: Path) -> None:
    write(here, "in/port/a.txt", "in/port/old/b.txt", "in/council/c.txt", "d.txt")
    assert grouped("in/port", "in/council/", "d.txt") == {
        "in/port/a.txt": "port",
        "in/port/old/b.txt": "port",
        "in/council/c.txt": "council",
        "d.txt": "",
    }


def test_of_a_single_folder_each_folder_in_it_is_a_group(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(here, "in/port/a.txt", "in/port/old/b.txt", "in/council/c.txt", "in/d.txt")
    groups = {"port/a.txt": "port", "port/old/b.txt": "port", "council/c.txt": "council", "d.txt": ""}
    assert grouped("in") == {f"in/{name}": group for name, group in groups.items()}
    monkeypatch.chdir(here / "in")
    assert grouped(".") == groups


def test_folders_that_are_no_groups_are_refused_where_groups_are_wanted(here: Path) -> None:
    write(here, "in/a.txt", "b.txt")
    with pytest.raises(CommandFailed, match="name several folders"):
        grouped("in", "b.txt")


def test_a_name_that_is_no_text_or_would_steer_the_terminal_is_made_printable(here: Path) -> None:
    names = [b"latin-\xe9.txt", b"esc-\x1b[31m.txt", b"line\nbreak.txt"]
    for name in names:
        Path(os.fsdecode(name)).write_text("text")
    assert all(source.name.isprintable() and source.name.encode() for source in gather(["."]).found)
    assert len(gather(["."]).found) == 3


# ---------------------------------------------------------------- options

EXAMPLES: dict[str, Any] = {
    "model": "openai:gpt-4o-mini",
    "strategy": "single",
    "scope": "batch",
    "language": "ko",
    "length": "short",
    "words": 33,
    "focus": "What does it cost?",
    "min_coverage": 0.5,
    "budget": {"calls": 3, "usd": 0.5},
}


def test_every_option_of_the_api_can_be_given_by_its_name() -> None:
    values = {
        name: EXAMPLES.get(name, field.get_default(call_default_factory=True))
        for name, field in Options.model_fields.items()
    }
    named = [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in values.items()]
    assert Options.model_validate(options_of({}, named)) == Options.model_validate(values)


def test_every_option_of_the_api_has_a_flag() -> None:
    flags = set(signature(summarize).parameters)
    named = {"words": "length", "facets": "facet", "categories": "category"}
    wanted = {named.get(name, name) for name in Options.model_fields} - {"budget"}
    assert wanted | {f"max_{name}" for name in Budget.model_fields} <= flags


def test_flags_and_names_make_the_same_options() -> None:
    flags = {"model": None, "length": "33", "max_calls": 3, "max_usd": 0.5, "max_tokens": None, "min_coverage": 0.5}
    named = ["words=33", "budget.calls=3", "budget.usd=0.5", "min-coverage=0.5"]
    assert options_of(flags, []) == options_of({}, named)
    options = Options.model_validate(options_of(flags, []))
    assert (options.words, options.budget) == (33, Budget(calls=3, usd=0.5))


def test_a_name_that_is_repeated_makes_a_list() -> None:
    assert options_of({}, ["facets=entities", "facets=key_terms"]) == {"facets": ["entities", "key_terms"]}


@pytest.mark.parametrize("text", ["strategy", "=single", "budget.calls.more=1"])
def test_an_option_that_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(CommandFailed) as failed:
        options_of({}, ["budget.calls=1", text])
    assert failed.value.code == 2


# ---------------------------------------------------------------- names of files


@given(st.lists(st.text(max_size=300), max_size=20))
def test_names_of_files_are_distinct_plain_and_short_whatever_documents_are_called(names: list[str]) -> None:
    safe = safe_names(names)
    assert len(safe) == len(names)
    assert len({name.casefold() for name in [*safe, "summary.md"]}) == len(names) + 1
    for name in safe:
        assert name.endswith(SUFFIX)
        assert Path(name).name == name
        assert not name.startswith((".", " ", "-"))
        assert name.isprintable()
        assert len(name.encode()) <= NAME_BYTES + 30


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("reports/2024/annual.pdf", "annual.pdf.summary.md"),
        ("../../etc/passwd", "passwd.summary.md"),
        ("..", "_.summary.md"),
        ("연차 보고서.hwp", "연차 보고서.hwp.summary.md"),
        ("a<b>:c|d?.txt", "a_b__c_d_.txt.summary.md"),
        ("CON.txt", "_CON.txt.summary.md"),
        ("\x1b]0;title\x07.md", "__0_title_.md.summary.md"),
    ],
)
def test_the_name_of_a_file_is_that_of_its_document(name: str, file: str) -> None:
    assert safe_names([name]) == [file]


def test_documents_of_one_name_get_files_of_their_own() -> None:
    assert safe_names(["a/x.md", "b/x.md", "b/X.md"]) == [
        "x.md.summary.md",
        "x.md (2).summary.md",
        "X.md (3).summary.md",
    ]


# ---------------------------------------------------------------- what is said


def test_the_time_that_is_left_is_told_no_finer_than_it_can_be_known() -> None:
    assert [about(seconds) for seconds in (0, 1, 12, 59, 61, 3_000, 7_300)] == [
        "5 s", "5 s", "15 s", "60 s", "2 min", "50 min", "2 h 02 min",
    ]  # fmt: skip


def test_progress_holds_what_the_events_told_last() -> None:
    state = State(documents=3)
    assert state.title() == "waiting for its turn"
    progress = {"phase": "map", "done": 30, "total": 48, "failed": 2, "eta_seconds": 100.0}
    state.take("progress", {"progress": progress, "run_usage": {"cost_usd": 0.0123}})
    state.take("document", {"id": "a", "text": "…"})
    assert state.title() == "reading"
    assert state.details(80) == "30/48 calls · [yellow]2 failed[/] · 1/3 docs · $0.0123 · 2 min left"
    state.take("waiting", {})
    assert state.title() == "the service is away; waiting"


def test_the_time_that_is_left_is_not_guessed_from_the_first_calls() -> None:
    state = State(documents=1)
    progress = {"phase": "map", "done": 1, "total": 500, "failed": 0, "eta_seconds": 3600.0}
    state.take("progress", {"progress": progress})
    assert "left" not in state.details(120)


def test_what_is_being_written_is_shown_until_an_event_tells_it_or_another_begins() -> None:
    state = State(documents=2)
    for document, start, text in (("a", 0, "The pier"), ("b", 0, "The town"), ("a", 8, " was lost.")):
        state.take("draft", {"drafts": [{"document": document, "start": start, "text": text}]})
    assert state.draft == "The pier was lost."
    assert state.title() == "waiting for its turn"
    state.take("progress", {"progress": {"phase": "collapse", "done": 1, "total": 2}})
    assert state.title() == "writing"
    state.take("document", {"id": "a", "text": "The pier was lost."})
    assert state.draft == "The town"
    state.take("draft", {"drafts": [{"document": "b", "start": 0, "text": ""}]})
    assert state.draft == ""


def test_of_a_long_draft_the_end_is_shown_within_the_terminal() -> None:
    console = Console(width=40, height=10)
    shown = last_lines(f"\x1b[2J{'word ' * 500}end [bold]", console).plain.splitlines()
    assert (len(shown), shown[-1].endswith("end [bold]"), max(map(len, shown)) <= 40) == (6, True, True)
    assert last_lines("항구가 열렸다.", console).plain == "항구가 열렸다."


def test_characters_that_a_terminal_obeys_are_not_printed() -> None:
    assert clean("a\x1b[31mb\x07c\x9bd\r\ne\tf\x00") == "a[31mbcd\ne\tf"


@pytest.mark.parametrize(
    ("error", "said", "code"),
    [
        (InvalidFields("…", fields=[{"field": "options.budget.usd", "message": "too small"}]), "--max-usd: too small.", 2),
        (InvalidFields("…", fields=[{"field": "options.min_coverage", "message": "no"}]), "--min-coverage: no.", 2),
        (InvalidFields("…", fields=[{"field": "options.facets.0", "message": "no"}]), "--facet: no. Say key_terms", 2),
        (UnknownModel("'openai:x' is not among them."), "OPENAI_API_KEY", 2),
        (UnknownModel("'openai:' is not a model: say embedded:extractive or openai:NAME."), "openai:NAME.", 2),
        (PlanImpossible("It is too long."), "It is too long.", 2),
        (RunNotFound(), "`precis runs` lists", 1),
        (RunIsActive(), "`precis runs cancel`", 1),
        (
            UnreadableDocuments("All 2 failed.", documents=[{"id": "a.bin", "title": "Not text."}, {"id": "b.bin"}]),
            "\n  a.bin: Not text.\n  b.bin:",
            1,
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)  # fmt: skip
def test_a_problem_of_the_service_is_told_with_what_to_do(error: Any, said: str, code: int) -> None:
    failed = refused(error.problem())
    assert said in str(failed)
    assert failed.code == code
