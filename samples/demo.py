"""The demo: start the service, post this folder's documents, follow the run, show the summaries."""

import json
import mimetypes
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parent
READY = "precis: ready on "
START_SECONDS = 60.0


def main() -> None:
    """Run the demo; raise `SystemExit` when the service does not start or the run does not succeed."""
    started = time.monotonic()
    files = sorted(
        path
        for path in SAMPLES.iterdir()
        if path.suffix in {".txt", ".md", ".html", ".pdf"} and path.name != "README.md"
    )
    with tempfile.TemporaryDirectory(prefix="precis-demo-") as data_dir:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
        environment |= {"PRECIS_PORT": "0", "PRECIS_DATA_DIR": data_dir, "PRECIS_LOG_LEVEL": "warning"}
        service = subprocess.Popen(
            [sys.executable, "-m", "app", "serve"], stdout=subprocess.PIPE, text=True, env=environment
        )
        try:
            address = _wait_until_ready(service)
            run = _summarise(address, files)
        finally:
            service.terminate()
            service.wait(20)
    calls, seconds = run["usage"]["calls"], time.monotonic() - started
    say(f"{run['status']}: {len(files)} documents, {calls} calls of the embedded model, {seconds:.1f} s in all")
    say("next: `make serve`, then open the docs page it names; or `.venv/bin/precis summarize FILES`")
    if run["status"] != "succeeded":
        raise SystemExit(1)


def say(text: str) -> None:
    """Print a remark, apart from the result."""
    print(f"\033[2m# {text}\033[0m" if sys.stderr.isatty() else f"# {text}", file=sys.stderr, flush=True)


def _wait_until_ready(service: "subprocess.Popen[str]") -> str:
    """Return the address of the service."""
    alarm = threading.Timer(START_SECONDS, service.kill)
    alarm.start()
    assert service.stdout is not None
    line = service.stdout.readline()
    alarm.cancel()
    if not line.startswith(READY):
        raise SystemExit("the service did not start")
    say(f"the service runs on {line.removeprefix(READY).strip()}, with no key and no network")
    return line.removeprefix(READY).strip()


def _summarise(address: str, files: list[Path]) -> dict[str, Any]:
    """Post the files, print what happens and then the summaries; return the run."""
    for path in files:
        say(f"posting {path.name} ({path.stat().st_size // 1024} KB)")
    body, kind = _multipart(files, {"words": 150})
    with _open(f"{address}/v1/runs", data=body, headers={"Content-Type": kind}) as answer:
        run = json.load(answer)
    say(f"accepted as run {run['id']}")
    with _open(f"{address}/v1/runs/{run['id']}/stream") as stream:
        _follow(stream)
    with _open(f"{address}/v1/runs/{run['id']}") as answer:
        finished: dict[str, Any] = json.load(answer)
    if finished["summary"] is None:
        raise SystemExit(f"the run has no summary: {finished['error']}")
    with _open(f"{address}/v1/runs/{run['id']}/summary", headers={"Accept": "text/markdown"}) as answer:
        print(answer.read().decode())
    _show_citation(finished)
    return finished


def _follow(stream: Any) -> None:
    """Print the run's events."""
    event = ""
    for raw in stream:
        line = raw.decode().rstrip("\n")
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data = json.loads(line.removeprefix("data: "))
            if event == "planned":
                say(f"planned: {data['maps']} chunks, {data['merges']} merges, {data['depth']} levels deep")
            elif event == "document":
                say(f"summary of {data['id']} is written")
            elif event == "progress" and data["progress"]["done"] % 10 == 0:
                progress = data["progress"]
                say(f"{progress['phase']}: {progress['done']} of {progress['total']}")


def _show_citation(run: dict[str, Any]) -> None:
    """Print where one sentence comes from."""
    for document in run["documents"]:
        for sentence in (document["summary"] or {"sentences": []})["sentences"]:
            for citation in sentence["citations"]:
                if citation["page"]:
                    place = f"characters {citation['start']} to {citation['end']}"
                    say(f"every sentence names its source, for example: {citation['quote'].splitlines()[0]!r}")
                    say(f"  stands on page {citation['page']} of {citation['document']}, {place}")
                    return


def _multipart(files: list[Path], options: dict[str, Any]) -> tuple[bytes, str]:
    """Return a multipart body and its content type."""
    mark = uuid.uuid4().hex
    parts = [f'--{mark}\r\nContent-Disposition: form-data; name="options"\r\n\r\n{json.dumps(options)}\r\n'.encode()]
    for path in files:
        kind = mimetypes.guess_type(path.name)[0] or "text/plain"
        head = f'Content-Disposition: form-data; name="files"; filename="{path.name}"\r\nContent-Type: {kind}'
        parts += [f"--{mark}\r\n{head}\r\n\r\n".encode(), path.read_bytes(), b"\r\n"]
    return b"".join([*parts, f"--{mark}--\r\n".encode()]), f"multipart/form-data; boundary={mark}"


def _open(url: str, **request: Any) -> Any:
    without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return without_proxy.open(urllib.request.Request(url, **request), timeout=300)


if __name__ == "__main__":
    main()
