"""`precis` as a process: the result on standard output, everything else beside it, and an exit code that tells."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from app.cli import app as cli
from tests.e2e import attempts_of, story
from tests.e2e.conftest import Precis, flat
from tests.forks import PrecisProcess, run_precis
from tests.model_server import ROOT, ModelServer
from tests.service import wait_until

SAMPLES = ROOT / "samples"


# ---------------------------------------------------------------- what it prints


def test_markdown_is_on_standard_output_alone(precis: Precis, town: Path, tmp_path: Path) -> None:
    other = tmp_path / "busan.md"
    other.write_text(f"# Busan\n\n{story('Busan', 40)}")
    done = precis("summarize", town, other, "--length", "short")
    assert done.returncode == 0, done.stderr
    headings = re.findall(r"^#.*$", done.stdout, re.MULTILINE)
    assert headings[0] == "# Summary"
    assert [heading.startswith("## ") for heading in headings[1:]] == [True, True]
    assert len(re.findall(r"q(?:Ansan|Busan)\d{4}", done.stdout)) >= 3
    assert "\x1b" not in done.stdout
    assert "succeeded" not in done.stdout
    assert re.search(r"run [0-9a-f-]{36}: succeeded, \d+ model calls, 0 remembered", flat(done.stderr))
    assert "Traceback" not in done.stderr


def test_the_options_reach_the_model(precis: Precis, town: Path, model_server: ModelServer) -> None:
    done = precis(
        "summarize", town, "--model", "openai:fake", "--length", "33", "--language", "ko", "--focus", "How many boats?"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    prompts = [call["messages"][1]["content"] for call in model_server.calls()]
    assert prompts
    assert all("Write in Korean (ko)" in prompt and "How many boats?" in prompt for prompt in prompts)
    assert "in about 33 words" in prompts[-1]
    assert {call["model"] for call in model_server.calls()} == {"fake"}


def test_a_budget_that_is_too_small_is_told_before_anything_is_paid(
    precis: Precis, town: Path, model_server: ModelServer
) -> None:
    done = precis("summarize", town, "--model", "openai:gpt-4o-mini", "--max-tokens", "20")
    assert done.returncode == 1
    assert "budget" in flat(done.stderr)
    assert model_server.stats()["calls"] == 0
    done = precis("summarize", town, "--model", "openai:gpt-4o-mini", "--max-usd", "0.5", "--max-calls", "50")
    assert done.returncode == 0, done.stderr
    assert re.search(r"remembered, 0\.\d+ US dollars", flat(done.stderr))


def test_the_same_file_a_second_time_costs_nothing_and_runs_lists_both(
    precis: Precis, town: Path, model_server: ModelServer
) -> None:
    outputs = [precis("summarize", town, "--model", "openai:fake") for _ in range(2)]
    assert outputs[0].returncode == 0, outputs[0].stderr
    assert outputs[0].stdout == outputs[1].stdout
    assert "0 model calls" in flat(outputs[1].stderr)
    assert model_server.stats()["repeats"] == 0
    done = precis("runs")
    assert done.returncode == 0, done.stderr
    head, newest, oldest = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert head == ["run", "created", "status", "model", "documents", "calls"]
    assert newest[0] > oldest[0]
    assert [row[-4:-1] for row in (newest, oldest)] == [["succeeded", "openai:fake", "1"]] * 2
    assert int(newest[-1]) == 0 < int(oldest[-1])


def test_files_of_every_format_and_encoding_are_read(precis: Precis) -> None:
    names = ["culture-act-euc-kr.txt", "judicial-nominations-report.pdf", "dropout-probes-paper.html"]
    done = precis("summarize", *[SAMPLES / name for name in names], "--length", "80")
    assert done.returncode == 0, done.stderr
    korean, report, paper = done.stdout.split("\n## ")[1:]
    assert "문화" in korean
    assert "\ufffd" not in korean
    assert re.search("judicial|nominat|courts", report, re.IGNORECASE)
    assert re.search("probe|syntax|dropout", paper, re.IGNORECASE)
    assert "culture-act-euc-kr.txt: read as" in flat(done.stderr)


# ---------------------------------------------------------------- how it ends


def test_an_unreadable_file_beside_a_good_one_makes_it_partial(precis: Precis, town: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnothing of a PDF follows")
    done = precis("summarize", town, broken)
    assert done.returncode == 3
    assert "qAnsan" in done.stdout
    assert "Not summarised: The PDF is damaged." in done.stdout
    assert "broken.pdf: The PDF is damaged." in flat(done.stderr)


def test_a_file_that_cannot_be_read_ends_with_one(precis: Precis, tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"\x7fELF\x00\x01\x02\x00\x00")
    done = precis("summarize", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "precis:" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_key_ends_with_one_and_says_so(precis: Precis, town: Path, model_server: ModelServer) -> None:
    model_server.fault("401", times=-1)
    done = precis("summarize", town, "--model", "openai:fake")
    assert (done.returncode, done.stdout) == (1, "")
    assert "The provider does not accept the API key." in flat(done.stderr)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["summarize"], "files"),
        (["summarize", "absent.txt"], "absent.txt"),
        (["summarize", "--colour", "blue", "FILE"], "--colour"),
        (["summarize", "--language", "no such", "FILE"], "--language"),
        (["frobnicate"], "frobnicate"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_ends_with_two_and_names_what_is_wrong(
    arguments: list[str], complaint: str, precis: Precis, town: Path
) -> None:
    done = precis(*[str(town) if argument == "FILE" else argument for argument in arguments])
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in flat(done.stderr)
    assert "Traceback" not in done.stderr


def test_an_unknown_model_is_refused_before_anything_is_stored(precis: Precis, town: Path, tmp_path: Path) -> None:
    done = precis("summarize", town, "--model", "mystery:model")
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert "mystery:model" in flat(done.stderr)
    assert "Traceback" not in done.stderr
    assert attempts_of(tmp_path / "data") == {}


def test_a_wrong_setting_is_named(precis: Precis, town: Path, environment: dict[str, str]) -> None:
    environment["PRECIS_CHUNK_TOKENS"] = "many"
    done = precis("summarize", town)
    assert done.returncode == 2
    assert "chunk_tokens" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupted_run_keeps_what_was_finished(
    precis: Precis, town: Path, environment: dict[str, str], model_server: ModelServer
) -> None:
    model_server.hold(after=3)
    command = ["summarize", town, "--model", "openai:fake", "--length", "short"]
    environment |= {"PRECIS_CONCURRENCY": "1", "PRECIS_CHUNK_TOKENS": "100"}
    process = PrecisProcess(*command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    model_server.wait_for(lambda counts: counts["finished"] == 3 and counts["held"] == 1)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (130, "")
    assert "What was finished is kept" in flat(errors)
    assert "Traceback" not in errors
    model_server.release()
    done = precis(*command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# Summary")
    assert model_server.stats()["repeats"] <= 1


def test_a_reader_who_has_seen_enough_causes_no_trace(town: Path, environment: dict[str, str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)  # as `head` does when it has its lines
    try:
        done = run_precis("summarize", town, env=environment, stdout=writing)
    finally:
        os.close(writing)
    assert "Traceback" not in done.stderr
    assert "BrokenPipeError" not in done.stderr


# ---------------------------------------------------------------- the other commands


def test_migrate_makes_the_database_and_says_so(precis: Precis, tmp_path: Path) -> None:
    done = precis("migrate")
    assert (done.returncode, done.stdout) == (0, "")
    assert "up to date" in done.stderr
    assert (tmp_path / "data" / "precis.db").exists()


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    code = """
import sys
import time
from app.cli import app
try:
    app(["--help"], standalone_mode=True)
except SystemExit as end:
    assert end.code == 0
heavy = {"fastapi", "starlette", "langgraph", "langchain_core", "langchain_openai", "openai", "sqlalchemy", "alembic",
         "numpy", "pydantic", "pydantic_settings", "uvicorn", "tiktoken", "aiohttp", "trafilatura", "asyncio", "httpx2"}
print(sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr.strip() == "[]"
    commands = [command.callback.__name__ for command in cli.registered_commands if command.callback is not None]
    groups = [str(group.name) for group in cli.registered_groups]
    assert len(commands) + len(groups) >= 4
    assert all(name in done.stdout for name in [*commands, *groups])


@pytest.mark.parametrize(("command", "loaded"), [("runs", []), ("summarize", ["fastapi"])])
def test_what_asks_no_language_model_loads_none(
    command: str, loaded: list[str], precis: Precis, environment: dict[str, str], town: Path
) -> None:
    assert precis("summarize", town).returncode == 0
    code = """
import sys
import time
from app.cli import app
app(sys.argv[1:], standalone_mode=False)
print(sorted({"fastapi", "uvicorn", "langchain_openai", "openai", "docx", "trafilatura"} & set(sys.modules)))
"""
    arguments = [sys.executable, "-c", code, command, *([str(town)] if command == "summarize" else [])]
    own = {name: value for name, value in environment.items() if not name.startswith("OPENAI_")}
    done = subprocess.run(arguments, cwd=ROOT, env=own, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines()[-1] == str(loaded), done.stderr


PAID_FOR = ("summarize", "--model", "openai:fake", "--length", "short")


class Begun(NamedTuple):
    """`precis summarize` in the middle of its work, and another process that does not let go of the database."""

    process: subprocess.Popen[str]
    outsider: sqlite3.Connection


@pytest.fixture
def begun(town: Path, tmp_path: Path, environment: dict[str, str], model_server: ModelServer) -> Iterator[Begun]:
    model_server.hold(after=3)
    environment |= {"PRECIS_CONCURRENCY": "1", "PRECIS_CHUNK_TOKENS": "100"}
    process = PrecisProcess(*PAID_FOR, town, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    model_server.wait_for(lambda counts: counts["finished"] == 3 and counts["held"] == 1)
    database = tmp_path / "data" / "precis.db"
    wait_until(lambda: steps_told(database) == 3)
    with closing(sqlite3.connect(database, isolation_level=None, timeout=30)) as outsider:
        outsider.execute("BEGIN IMMEDIATE")
        yield Begun(process, outsider)
    process.kill()
    process.communicate()


def steps_told(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT count(*) FROM events WHERE type = 'progress'").fetchone()[0])


def assert_the_next_one_goes_on(begun: Begun, precis: Precis, town: Path, server: ModelServer) -> None:
    begun.outsider.execute("ROLLBACK")
    server.release()
    done = precis(*PAID_FOR, town)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# Summary")
    assert server.stats()["repeats"] == 0


@pytest.mark.parametrize("most_seconds", [25.0, pytest.param(5.0, marks=pytest.mark.soak)])
def test_a_locked_database_does_not_keep_an_interrupted_command_from_ending_in_time(
    most_seconds: float, begun: Begun, precis: Precis, town: Path, model_server: ModelServer
) -> None:
    started = time.monotonic()
    begun.process.send_signal(signal.SIGINT)
    output, errors = begun.process.communicate(timeout=60)
    assert (begun.process.returncode, output) == (130, "")
    assert time.monotonic() - started < most_seconds  # the lock would be waited for thirty seconds
    assert flat(errors).count("What was finished is kept") == 1
    assert "Traceback" not in errors
    assert_the_next_one_goes_on(begun, precis, town, model_server)


def test_the_second_ctrl_c_ends_a_command_at_once(
    begun: Begun, precis: Precis, town: Path, model_server: ModelServer
) -> None:
    while begun.process.poll() is None:  # more than two: equal ones may come as one
        begun.process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    output, errors = begun.process.communicate()
    assert (begun.process.returncode, output) == (130, "")
    assert flat(errors).count("What was finished is kept") == 1
    assert "Traceback" not in errors
    assert_the_next_one_goes_on(begun, precis, town, model_server)
