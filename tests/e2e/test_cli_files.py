"""`precis summarize` on folders, pipes and hostile files; where its result goes; what a person sees in a terminal."""

import json
import os
import pty
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e import attempts_of, story
from tests.e2e.conftest import Precis, flat
from tests.forks import run_precis
from tests.model_server import ROOT, ModelServer

HOSTILE = [
    b"latin-\xe9.txt",
    b"esc-\x1b]0;owned\x07.txt",
    b"line\nbreak.txt",
    b'quote".txt',
    b"-rf.txt",
    b"..txt",
    "보고서.txt".encode(),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two towns, one of them beneath, and what is no document."""
    path = tmp_path / "towns"
    (path / "south").mkdir(parents=True)
    (path / "ansan.txt").write_text(story("Ansan", 30))
    (path / "south" / "busan.md").write_text(f"# Busan\n\n{story('Busan', 30)}")
    (path / "picture.png").write_bytes(b"\x89PNG")
    return path


def in_terminal(
    arguments: list[str],
    environment: dict[str, str],
    columns: int = 100,
    watch: Callable[[str], object] = len,
) -> tuple[int, str]:
    """Run `precis` in a terminal of its own; return its exit code and all that the terminal was sent, of which `watch`
    is told whenever there is more.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.clear()
        os.environ.update(environment | {"TERM": "xterm-256color", "COLUMNS": str(columns)})
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, "-m", "app", *arguments])
    shown = b""
    with suppress(OSError):  # the other end is closed
        while data := os.read(terminal, 65536):
            shown += data
            watch(shown.decode(errors="replace"))
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode(errors="replace")


# ---------------------------------------------------------------- what is read


def test_a_folder_is_read_with_all_that_is_beneath_it(precis: Precis, folder: Path) -> None:
    done = precis("summarize", folder, "--length", "short", "--json")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    assert [document["id"] for document in run["documents"]] == [f"{folder}/ansan.txt", f"{folder}/south/busan.md"]
    assert run["options"]["length"] == "short"
    assert "1 file of other kinds passed over (.png);" in flat(done.stderr)


def test_standard_input_is_a_document(precis: Precis) -> None:
    done = precis("summarize", "-", "--length", "short", input=story("Ansan", 30))
    assert done.returncode == 0, done.stderr
    assert "qAnsan" in done.stdout
    done = precis("summarize", "-", input="")
    assert done.returncode == 2
    assert "nothing came through standard input" in flat(done.stderr)


def test_files_of_hostile_names_are_read_like_others_and_steer_no_terminal(
    precis: Precis, tmp_path: Path, environment: dict[str, str]
) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in HOSTILE:
        (folder / os.fsdecode(name)).write_text(f"\x1b]0;owned\x07 {story('Ansan', 10)}")
    done = precis("summarize", folder, "--length", "short", "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stderr
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert len(written) == len(HOSTILE) + 1 - 1  # `..txt` is a hidden file, and none of a folder's documents
    assert all(re.fullmatch(r"[\w. -]+\.md", name) for name in written), written
    assert all("\x1b" not in path.read_text() for path in (tmp_path / "out").iterdir())
    code, shown = in_terminal(["summarize", str(folder), "--length", "short"], environment)
    assert code == 0
    assert "qAnsan" in shown
    assert "\x1b]" not in shown
    assert "\x07" not in shown


def test_ten_times_more_bytes_than_are_taken_at_once_are_refused_before_they_are_read(
    precis: Precis, tmp_path: Path, environment: dict[str, str]
) -> None:
    environment["PRECIS_MAX_BODY_BYTES"] = "1000"
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(10**13)  # ten terabytes, of which the disk holds nothing
    done = precis("summarize", path)
    assert done.returncode == 1
    assert "PRECIS_MAX_BODY_BYTES" in flat(done.stderr)


# ---------------------------------------------------------------- where it goes


def test_output_holds_a_file_a_document_and_one_for_all(precis: Precis, folder: Path, tmp_path: Path) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing of a PDF follows")
    out = tmp_path / "out" / "deep"
    done = precis("summarize", folder, "--length", "short", "--output", out)
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    texts = {path.name: path.read_text() for path in out.iterdir()}
    assert set(texts) == {
        "summary.md", "ansan.txt.summary.md", "broken.pdf.summary.md", "busan.md.summary.md",
    }  # fmt: skip
    assert texts["ansan.txt.summary.md"].startswith("# ansan.txt\n\n")
    assert "qAnsan" in texts["ansan.txt.summary.md"]
    assert "qBusan" not in texts["ansan.txt.summary.md"]
    assert "The PDF is damaged." in texts["broken.pdf.summary.md"]
    assert "qBusan" in texts["summary.md"]
    assert "4 files in" in flat(done.stderr)


def test_footnotes_are_written_where_they_are_asked_for(precis: Precis, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = precis("summarize", folder, "--length", "short", "--output", out, "--citations", "footnotes")
    assert done.returncode == 0, done.stderr
    for name in ("summary.md", "ansan.txt.summary.md", "busan.md.summary.md"):
        told, heading, sources = (out / name).read_text().partition("\n## Sources\n\n")
        assert heading, name
        assert "[1]" in told
        assert sources.startswith("1. **")
    assert "Busan" not in (out / "ansan.txt.summary.md").read_text()
    shown = precis("runs", "show", "latest", "--citations", "footnotes").stdout
    assert shown == (out / "summary.md").read_text()
    assert "## Sources" not in precis("runs", "show", "latest").stdout
    assert precis("summarize", folder, "--citations", "endnotes").returncode == 2


def test_files_that_are_there_are_kept_before_anything_is_paid(
    precis: Precis, folder: Path, tmp_path: Path, model_server: ModelServer
) -> None:
    source = (folder / "ansan.txt").read_text()
    command = ("summarize", folder / "ansan.txt", "--model", "openai:fake", "--output", folder)
    (folder / "summary.md").write_text("my own")
    done = precis(*command)
    assert done.returncode == 2
    assert "--overwrite" in flat(done.stderr)
    assert (folder / "summary.md").read_text() == "my own"
    assert model_server.stats()["calls"] == 0
    assert not (tmp_path / "data").exists()
    done = precis(*command, "--overwrite")
    assert done.returncode == 0, done.stderr
    assert (folder / "summary.md").read_text() != "my own"
    assert (folder / "ansan.txt").read_text() == source


def test_a_link_in_the_folder_leads_no_summary_out_of_it(precis: Precis, folder: Path, tmp_path: Path) -> None:
    out, outside = tmp_path / "out", tmp_path / "outside.md"
    out.mkdir()
    outside.write_text("not to be touched")
    (out / "summary.md").symlink_to(outside)
    (out / "ansan.txt.summary.md").symlink_to(outside)
    done = precis("summarize", folder / "ansan.txt", "--output", out, "--overwrite")
    assert done.returncode == 0, done.stderr
    assert outside.read_text() == "not to be touched"
    assert "qAnsan" in (out / "ansan.txt.summary.md").read_text()


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_run(
    precis: Precis, town: Path, tmp_path: Path
) -> None:
    done = precis("summarize", town, "--output", "/proc/precis")
    assert done.returncode == 2
    assert "cannot write in /proc/precis" in flat(done.stderr)
    assert not (tmp_path / "data").exists()


def test_a_full_disk_under_standard_output_is_told_and_loses_nothing(
    precis: Precis, town: Path, environment: dict[str, str]
) -> None:
    with Path("/dev/full").open("w") as full:
        done = run_precis("summarize", town, env=environment, stdout=full)
    assert done.returncode == 1
    assert "No space left on device" in flat(done.stderr)
    assert "Traceback" not in done.stderr
    again = re.search(r"`precis (runs show \S+)`", flat(done.stderr))
    assert again
    shown = precis(*again[1].split())
    assert shown.returncode == 0, shown.stderr
    assert "qAnsan" in shown.stdout


def test_runs_that_are_kept_here_are_shown_and_deleted_without_a_service(precis: Precis, town: Path) -> None:
    done = precis("summarize", town, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    shown = precis("runs", "show", "latest")
    assert shown.stdout == done.stdout
    run = json.loads(precis("runs", "show", "latest", "--json").stdout)
    assert run["status"] == "succeeded"
    deleted = precis("runs", "delete", run["id"])
    assert deleted.returncode == 0, deleted.stderr
    gone = precis("runs", "show", run["id"])
    assert gone.returncode == 1
    assert "No run has this id." in flat(gone.stderr)
    assert json.loads(precis("runs", "--json").stdout) == []


# ---------------------------------------------------------------- what is wrong


def test_data_that_are_no_database_are_told_in_a_sentence(precis: Precis, town: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precis.db").write_text("not a database at all " * 500)
    for command in (["summarize", str(town)], ["runs"]):
        done = precis(*command)
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        assert "file is not a database" in flat(done.stderr)
        assert "Traceback" not in done.stderr


def test_a_disk_that_is_full_under_the_data_is_told_in_a_sentence(precis: Precis, town: Path) -> None:
    limits = (8192, resource.getrlimit(resource.RLIMIT_FSIZE)[1])  # of any file, as if no more were free
    done = precis("summarize", town, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits))
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"precis: the database in \S+ cannot be used: .*(disk|full).*", flat(done.stderr))


def test_a_data_directory_that_cannot_be_made_is_told_in_a_sentence(precis: Precis, town: Path) -> None:
    done = precis("summarize", town, "--data-dir", "/proc/precis")
    assert (done.returncode, done.stdout) == (1, "")
    assert "/proc/precis" in flat(done.stderr)
    assert "Traceback" not in done.stderr


# ---------------------------------------------------------------- what is seen


def test_a_plan_is_shown_and_nothing_is_run(
    precis: Precis, folder: Path, model_server: ModelServer, tmp_path: Path
) -> None:
    command = ("summarize", folder, "--model", "openai:gpt-4o-mini", "--strategy", "map_reduce", "--plan")
    done = precis(*command)
    assert done.returncode == 0, done.stderr
    assert "plan for openai:gpt-4o-mini" in done.stdout
    assert re.search(r"── ansan\.txt +en +[\d,]+ words +\d+ chunks", done.stdout)
    assert re.search(r"in all \d+ calls, at most [\d,]+ \+ [\d,]+ tokens\n", done.stdout)
    assert re.search(r"at most 0\.\d{4} US dollars, about 0\.\d{4} US dollars\n", done.stdout)
    plan = json.loads(precis(*command, "--json").stdout)
    assert f"in all {plan['calls']} calls" in done.stdout
    assert model_server.stats()["calls"] == 0
    assert attempts_of(tmp_path / "data") == {}


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_shows_progress_and_then_the_summary_within_its_width(
    columns: int, folder: Path, environment: dict[str, str], model_server: ModelServer
) -> None:
    model_server.latency(0.1)
    environment["PRECIS_CONCURRENCY"] = "2"
    command = ["summarize", str(folder), "--model", "openai:gpt-4o-mini", "--strategy", "map_reduce"]
    code, shown = in_terminal(command, environment, columns)
    assert code == 0, shown
    assert re.search(r"reading.*\d+/\d+ calls · \d/2 doc", shown)
    last = shown[shown.rindex("\x1b[2K") :]  # what is left when the moving line was wiped away
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", last).replace("\r", "")
    assert re.match(r"\s*Summary *\n", plain)
    assert "succeeded" in plain
    assert max(len(line) for line in plain.splitlines()) <= columns


def test_the_summary_is_shown_while_it_is_written(
    town: Path, environment: dict[str, str], model_server: ModelServer
) -> None:
    model_server.hold()
    model_server.fault("pause", times=-1)  # half of the answer, and the rest when it is released
    environment["PRECIS_CALL_SECONDS"] = "20"  # so that a summary that is not shown ends as a failure

    def watch(shown: str) -> None:
        if "Ansan" in shown:
            model_server.release()

    command = ["summarize", str(town), "--model", "openai:fake", "--strategy", "single"]
    code, shown = in_terminal(command, environment, watch=watch)
    assert code == 0, shown[-500:]
    assert "Ansan" in shown[: shown.rindex("\x1b[2K")]
    assert model_server.stats()["calls"] == 1


def test_nothing_moves_where_nobody_looks_on(precis: Precis, folder: Path) -> None:
    done = precis("summarize", folder)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stderr + done.stdout
    assert "\r" not in done.stderr
    assert len(done.stderr.splitlines()) == 2  # what was passed over, and how it ended


# ---------------------------------------------------------------- the rest


def test_the_version_is_that_of_the_package(precis: Precis) -> None:
    done = precis("--version")
    stated = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert stated
    assert done.stdout == f"precis {stated[1]}\n"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("precis su", "summarize"),
        ("precis runs wa", "watch"),
        ("precis summarize --min", "--min-coverage"),
        ("precis summarize --style b", "bullets"),
    ],
)
def test_a_shell_completes_commands_options_and_values(typed: str, offered: str, environment: dict[str, str]) -> None:
    words = typed.split()
    done = subprocess.run(
        [sys.executable, "-c", "from app.cli import app; app(prog_name='precis')"],
        env=environment | {"_PRECIS_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)},
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == [offered], done.stderr


def test_help_names_every_exit_code(precis: Precis) -> None:
    done = precis("summarize", "--help")
    codes = re.findall(r"^ +(\d+)  ", done.stdout, re.MULTILINE)
    assert codes == ["0", "1", "2", "3", "4", "5", "130"]
