"""Every command in the README works: each block of shell and of Python is run as it stands there.

Only what this machine cannot have is changed or left out: the installed commands become those of this tree, the service
that the reader has started is one on a free port, and `NOT_RUN` says of each other command why it is not run.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.cli.flags import EXIT_CODES
from tests.model_server import ROOT, ModelServer
from tests.service import Service

READMES = ("README.md", "README.ko.md")
ADDRESS = "http://127.0.0.1:8000"
READY = "precis: ready on "
START_SECONDS = 60.0

NOT_RUN = {
    "docker compose up --build": "it needs a container engine and the network; .dockerignore, Dockerfile and "
    "docker-compose.yml are checked by hand and by hadolint",
    ".venv/bin/precis evaluate DIR --model embedded:extractive --model openai:gpt-4o-mini --words 100 --plot plot.svg": (
        "it needs documents with references of the reader's own; tests/e2e/test_evaluate.py runs the command"
    ),
    ".venv/bin/precis backup precis-monday.db": "it needs a database of its own; tests/e2e/test_backup.py runs both",
    ".venv/bin/precis restore precis-monday.db": "it needs a folder without a database; as above",
}
# What `make` does before is to install what these tests run with.
MADE = {"make demo": f"{sys.executable} {ROOT}/samples/demo.py", "make serve": f"{sys.executable} -m app serve"}


def blocks(readme: str, language: str) -> list[str]:
    """The blocks of one language in a README."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / readme).read_text(), re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[str]:
    """The lines of a block without the remarks that people read."""
    return [line for line in (re.sub(r"\s+# .*$", "", line).rstrip() for line in block.splitlines()) if line]


SHELL = blocks("README.md", "sh")
SERVING = [line for block in SHELL for line in commands(block) if line.endswith("make serve")]
SCRIPTS = ["\n".join(line for line in commands(block) if line not in (*SERVING, *NOT_RUN)) for block in SHELL]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as the reader's: the tree's files without its data."""
    for name in ("samples", "graphs"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def environment(folder: Path, **more: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PRECIS_", "OPENAI_"))}
    # Where no service is said to be, there is none: the port of the README may be anybody's on this machine.
    return own | {"PYTHONPATH": str(ROOT), "PRECIS_DATA_DIR": str(folder / "data"), "PRECIS_PORT": "1"} | more


@pytest.mark.parametrize(
    "script", [script for script in SCRIPTS if script], ids=lambda script: script.splitlines()[-1][:60]
)
def test_the_commands_of_a_block_work_one_after_the_other(script: str, folder: Path, shared_service: Service) -> None:
    for written, made in {**MADE, ".venv/bin/precis": f"{sys.executable} -m app"}.items():
        script = script.replace(written, made)
    script = script.replace(ADDRESS, shared_service.base_url).replace(
        "curl -s ", "curl -sS --noproxy '*' --fail-with-body "
    )
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert done.stdout
    for target in re.findall(r"> (\S+)", script):
        assert (folder / target).read_text().startswith("# Summary")
    for target in re.findall(r"--output (\S+)", script):
        assert (folder / target / "summary.md").exists()


@pytest.mark.parametrize("line", SERVING)
def test_a_command_that_serves_serves(line: str, folder: Path, model_server: ModelServer) -> None:
    settings = dict(assignment.partition("=")[::2] for assignment in line.split()[:-2])
    wanted = settings.get("PRECIS_MODEL") or (
        "openai:gpt-4o-mini" if "OPENAI_API_KEY" in settings else "embedded:extractive"
    )
    if "OPENAI_BASE_URL" in settings:  # whoever the reader has there, or the provider, is the model server here
        settings["OPENAI_BASE_URL"] = model_server.base_url
    process = subprocess.Popen(
        ["bash", "-c", f"exec {MADE['make serve']}"],
        cwd=folder, env=environment(folder, **settings) | {"PRECIS_PORT": "0"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    alarm = threading.Timer(START_SECONDS, process.kill)
    alarm.start()
    with process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        alarm.cancel()
        try:
            assert ready.startswith(READY)
            address = ready.removeprefix(READY).strip()
            model = '"is_default":true'
            models = subprocess.run(
                ["curl", "-sS", "--noproxy", "*", f"{address}/v1/models"], capture_output=True, text=True, check=True
            ).stdout
            assert f'"name":"{wanted}",{model}' in models
            if "OPENAI_BASE_URL" in settings:
                done = subprocess.run(
                    [sys.executable, "-m", "app", "summarize", str(ROOT / "samples/orphans-of-the-void.txt"), "--server", address],
                    cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=60, check=False,
                )  # fmt: skip
                assert done.returncode == 0, done.stderr
                assert {call["model"] for call in model_server.calls()} == {wanted.partition(":")[2]}
        finally:
            process.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("block", blocks("README.md", "python"), ids=lambda block: block.strip().splitlines()[-1][:60])
def test_the_python_works(block: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block],
        cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) > 20


def test_what_is_not_run_is_in_the_readme() -> None:
    lines = [line for block in SHELL for line in commands(block)]
    assert set(NOT_RUN) <= set(lines)
    assert len(lines) > 20


def test_both_readmes_have_the_same_commands() -> None:
    english, korean = READMES
    assert [commands(block) for block in SHELL] == [commands(block) for block in blocks(korean, "sh")]
    assert blocks(english, "python") == blocks(korean, "python")
    assert blocks(english, "mermaid") == blocks(korean, "mermaid")


@pytest.mark.parametrize("readme", READMES)
def test_what_a_readme_links_to_is_there(readme: str) -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#\s]+)\)", (ROOT / readme).read_text())
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("readme", READMES)
def test_a_readme_names_the_exit_codes_of_the_command_line(readme: str) -> None:
    helped = re.findall(r"^ +(\d+)  ", EXIT_CODES.replace("\n", "\n "), re.MULTILINE)
    assert len(helped) > 5
    assert re.findall(r"^\| (\d+) \| \S", (ROOT / readme).read_text(), re.MULTILINE) == helped
