"""`precis` against a running service: the same commands, the same results, and a service that is away, busy or none at all."""

import json
import os
import re
import resource
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e import Service, batch, post, story
from tests.e2e.conftest import Precis, flat
from tests.forks import PrecisProcess
from tests.model_server import ROOT, ModelServer
from tests.service import Service as SharedService
from tests.service import free_port, wait_until

Begin = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def remote(precis: Precis, environment: dict[str, str], shared_service: SharedService) -> Precis:
    """`precis` with PRECIS_SERVER set to a running service."""
    environment["PRECIS_SERVER"] = shared_service.base_url
    return precis


@pytest.fixture
def begin(environment: dict[str, str]) -> Iterator[Begin]:
    """Start `precis` and let it run, until the test's end at most."""
    begun: list[subprocess.Popen[str]] = []

    def run(*arguments: object) -> "subprocess.Popen[str]":
        begun.append(PrecisProcess(*arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return begun[-1]

    yield run
    for process in begun:
        with process:  # waits for it and closes its pipes
            process.kill()


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A document that no test before has sent: the shared service remembers finished calls."""
    path = tmp_path / "fresh.txt"
    path.write_text(story(f"Town{uuid.uuid4().hex}", 40))
    return path


# ---------------------------------------------------------------- the same as here


def test_a_service_gives_the_same_summary_as_this_process(
    precis: Precis, remote: Precis, town: Path, environment: dict[str, str]
) -> None:
    files = [town, ROOT / "samples" / "judicial-nominations-report.pdf", ROOT / "samples" / "culture-act-euc-kr.txt"]
    by_service = remote("summarize", *files, "--length", "short")
    assert by_service.returncode == 0, by_service.stderr
    here = precis("summarize", *files, "--length", "short", "--server", "")
    assert here.returncode == 0, here.stderr
    assert by_service.stdout == here.stdout
    assert re.search(r"run [0-9a-f-]{36}: succeeded, \d+ model calls", flat(by_service.stderr))


def test_folders_are_groups_here_and_at_a_service_alike(precis: Precis, remote: Precis, tmp_path: Path) -> None:
    for name in ("Port authority/a.txt", "Port authority/old/b.txt", "항만/c.txt", "loose.txt"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(story(f"Town{name[-5].upper()}", 30))
    wanted = ("summarize", tmp_path / "in", "--group-by", "folder", "--style", "report", "--length", "30")
    found = []
    for run in (remote(*wanted), precis(*wanted, "--server", "")):
        assert run.returncode == 0, run.stderr
        found.append(run.stdout)
    assert found[0] == found[1]
    assert re.findall("^## (.*)$", found[0], re.MULTILINE)[:4] == [
        *("loose.txt", "Port authority", "항만", "The most telling sentences")
    ]
    plan = remote("summarize", tmp_path / "in", "--group-by", "folder", "--plan", "--json")
    assert [document["group"] for document in json.loads(plan.stdout)["documents"]] == [
        *("", "Port authority", "Port authority", "항만")
    ]


def test_options_plans_and_output_reach_a_service_like_this_process(
    remote: Precis, fresh: Path, tmp_path: Path, model_server: ModelServer
) -> None:
    options = ("--model", "openai:gpt-4o-mini", "--strategy", "map_reduce", "--language", "ko", "--option", "words=33")
    plan = remote("summarize", fresh, *options, "--plan")
    assert plan.returncode == 0, plan.stderr
    assert re.search(r"in all \d+ calls, .* tokens\n.*US dollars", plan.stdout)
    assert model_server.stats()["calls"] == 0
    done = remote("summarize", fresh, *options, "--json", "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    assert [run["options"][name] for name in ("strategy", "language", "words")] == ["map_reduce", "ko", 33]
    assert run["usage"]["calls"] == model_server.stats()["calls"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"summary.md", "fresh.txt.summary.md"}
    assert (tmp_path / "out" / "summary.md").read_text().rstrip() == remote("runs", "show", run["id"]).stdout.rstrip()


def test_more_files_than_a_process_may_hold_open_are_sent(remote: Precis, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number:03}.txt").write_text(f"Town {number} counted {number + 3} boats. It was glad of them.")
    limits = (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    done = remote(
        "summarize", folder, "--scope", "document", "--json",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limits),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    documents = json.loads(done.stdout)["documents"]
    assert [document["id"] for document in documents] == [f"{number:03}.txt" for number in range(300)]


def test_a_file_of_a_hostile_name_is_sent(remote: Precis, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b'a"\r\nX-Evil: 1\r\n\x1b\xe9.txt')
    path.write_text(story("Ansan", 10))
    done = remote("summarize", path, "--json")
    assert done.returncode == 0, done.stderr
    (document,) = json.loads(done.stdout)["documents"]
    assert document["title"].isprintable()
    assert "\x1b" not in done.stderr


# ---------------------------------------------------------------- runs


def test_a_run_that_was_left_to_the_service_is_watched_shown_listed_and_deleted(remote: Precis, town: Path) -> None:
    left = remote("summarize", town, "--detach")
    assert left.returncode == 0, left.stderr
    id = left.stdout.strip()
    watched = remote("runs", "watch", id)
    assert watched.returncode == 0, watched.stderr
    assert "qAnsan" in watched.stdout
    assert remote("runs", "show", id).stdout == watched.stdout
    assert json.loads(remote("runs", "show", "latest", "--json").stdout)["id"] == id
    assert "\n## Sources\n\n1. **" in remote("runs", "show", "latest", "--citations", "footnotes").stdout
    assert id in remote("runs", "--status", "succeeded", "--limit", "3").stdout
    assert id not in remote("runs", "--status", "cancelled").stdout
    assert remote("runs", "delete", id).returncode == 0
    gone = remote("runs", "show", id)
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "No run has this id." in flat(gone.stderr)


def test_a_run_is_cancelled_and_who_watches_it_is_told(
    remote: Precis, fresh: Path, model_server: ModelServer, begin: Begin
) -> None:
    model_server.hold(after=1)
    id = remote("summarize", fresh, "--model", "openai:fake", "--strategy", "map_reduce", "--detach").stdout.strip()
    watching = begin("runs", "watch", id)
    model_server.wait_for(lambda counts: bool(counts["held"]))
    refused = remote("runs", "delete", id)
    assert refused.returncode == 1
    assert "`precis runs cancel` does." in flat(refused.stderr)
    cancelled = remote("runs", "cancel", id)
    assert cancelled.returncode == 0, cancelled.stderr
    assert "cancelled" in cancelled.stderr
    output, errors = watching.communicate(timeout=30)
    assert (watching.returncode, output) == (4, ""), errors
    model_server.release()


def test_ctrl_c_stops_the_run_at_the_service_and_the_same_command_goes_on(
    remote: Precis, fresh: Path, model_server: ModelServer, client: httpx.Client,
    begin: Begin,
) -> None:  # fmt: skip
    command = ("summarize", fresh, "--model", "openai:fake", "--strategy", "map_reduce")
    model_server.hold(after=2)
    process = begin(*command)
    model_server.wait_for(lambda counts: bool(counts["finished"] == 2 and counts["held"]))
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (130, ""), errors
    assert "What was finished is kept" in flat(errors)
    assert "Traceback" not in errors
    assert client.get("/v1/runs?limit=1").json()["runs"][0]["status"] == "cancelled"
    model_server.release()
    done = remote(*command, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["usage"]["remembered"] >= 2


def test_ctrl_c_leaves_a_run_alone_that_is_only_watched(
    remote: Precis, fresh: Path, model_server: ModelServer, client: httpx.Client,
    begin: Begin,
) -> None:  # fmt: skip
    model_server.hold()
    id = remote("summarize", fresh, "--model", "openai:fake", "--detach").stdout.strip()
    watching = begin("runs", "watch", id)
    model_server.wait_for(lambda counts: bool(counts["held"]))
    wait_until(lambda: is_connected(watching.pid))
    watching.send_signal(signal.SIGINT)
    output, errors = watching.communicate(timeout=30)
    assert (watching.returncode, output) == (130, ""), errors
    assert f"precis runs cancel {id}" in flat(errors)
    assert client.get(f"/v1/runs/{id}").json()["status"] == "running"
    model_server.release()
    assert client.get(f"/v1/runs/{id}/wait").json()["status"] == "succeeded"


def is_connected(pid: int) -> bool:
    """Tell whether a process speaks to a service, so that Ctrl-C finds it at its work: nothing but pipes is open before."""
    places = [place for place in Path(f"/proc/{pid}/net/tcp").read_text().split() if place]
    sockets = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # closed meanwhile
            sockets.append(Path(f"/proc/{pid}/fd/{name}").readlink().name)
    return any(name.startswith("socket:[") and name[8:-1] in places for name in sockets)


def test_a_run_that_cannot_be_retried_says_so_in_a_sentence(remote: Precis, town: Path) -> None:
    id = remote("summarize", town, "--detach").stdout.strip()
    assert remote("runs", "watch", id).returncode == 0
    done = remote("runs", "retry", id)  # it has succeeded: there is nothing to be retried
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("precis: ")
    assert len(done.stderr.splitlines()) == 1


# ---------------------------------------------------------------- a service that is away, busy or none


def test_a_service_that_is_killed_and_comes_back_is_waited_for(
    tmp_path: Path, town: Path, environment: dict[str, str], model_server: ModelServer,
    begin: Begin,
) -> None:  # fmt: skip
    settings: dict[str, Any] = {
        "OPENAI_API_KEY": "test", "OPENAI_BASE_URL": model_server.base_url, "chunk_tokens": 200, "port": free_port(),
    }  # fmt: skip
    with Service(tmp_path / "service", **settings) as service:
        model_server.hold(after=2)
        process = begin(
            "summarize", town, "--model", "openai:fake", "--strategy", "map_reduce", "--server", service.base_url
        )
        model_server.wait_for(lambda counts: bool(counts["finished"] == 2 and counts["held"]))
        service.kill()
        model_server.release()
        service.start()
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert output.startswith("# Summary")
        with service.client() as client:
            assert len(client.get("/v1/runs").json()["runs"]) == 1


@pytest.mark.parametrize("command", [["runs"], ["runs", "watch", "latest"], ["summarize", "FILE"]], ids=" ".join)
def test_where_nobody_listens_is_told_with_what_to_do(command: list[str], precis: Precis, town: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    done = precis(*[str(town) if part == "FILE" else part for part in command], "--server", address)
    assert (done.returncode, done.stdout) == (5, "")
    assert flat(done.stderr) == (
        f"precis: no service answers at {address} (Connection refused). "
        "Start one with `precis serve`, or name another with --server."
    )


def test_without_a_service_and_without_data_runs_says_what_is_missing(precis: Precis) -> None:
    done = precis("runs")
    assert (done.returncode, done.stdout) == (5, "")
    assert "no service answers at http://127.0.0.1:1" in flat(done.stderr)
    assert "there are no runs in" in flat(done.stderr)


def test_what_is_not_precis_is_not_taken_for_it(precis: Precis, town: Path, model_server: ModelServer) -> None:
    for command in (["runs"], ["summarize", str(town)], ["runs", "show", "x"]):
        done = precis(*command, "--server", model_server.url)
        assert (done.returncode, done.stdout) == (5, ""), done.stderr
        assert "is not a Precis service" in flat(done.stderr)


@pytest.mark.parametrize("address", ["127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://[::1", "nonsense"])
def test_an_address_that_is_none_is_wrong_usage(address: str, precis: Precis) -> None:
    done = precis("runs", "--server", address)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is no address of a service" in flat(done.stderr)


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["--option", "words=1"], "--words: Input should be greater than or equal to 10.", 2),
        (["--option", "colour=blue"], "--colour: there is no such option.", 2),
        (["--language", "no such"], "--language: ", 2),
        (["--length", "tall"], "Say short, medium or long, or a number of words.", 2),
        (["--max-usd", "-1"], "--max-usd: ", 2),
        (["--model", "mystery:model"], "This service has no such model.", 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_are_judged_alike_by_a_service_and_by_this_process(
    arguments: list[str], said: str, code: int, remote: Precis, town: Path
) -> None:
    by_service = remote("summarize", town, *arguments)
    assert (by_service.returncode, by_service.stdout) == (code, "")
    assert said in flat(by_service.stderr)
    here = remote("summarize", town, *arguments, "--server", "")
    assert (here.returncode, here.stderr) == (by_service.returncode, by_service.stderr)


def test_a_batch_that_is_too_large_for_the_service_is_refused_with_its_limit(remote: Precis, tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.write_text("A sentence of the large document. " * 300_000)
    done = remote("summarize", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "8,000,000 bytes" in flat(done.stderr)


def test_leaving_a_run_to_this_process_is_refused(precis: Precis, town: Path) -> None:
    done = precis("summarize", town, "--detach")
    assert done.returncode == 2
    assert "--detach" in done.stderr


def test_a_run_of_the_api_is_watched_to_its_end(remote: Precis, client: httpx.Client) -> None:
    id = post(client, batch("Ansan", "Busan", sentences=20))
    done = remote("runs", "watch", id, "--json")
    assert done.returncode == 0, done.stderr
    assert [document["id"] for document in json.loads(done.stdout)["documents"]] == ["Ansan", "Busan"]
