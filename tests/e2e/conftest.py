"""What tests of the command line share: `precis` as a process, and a document for it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import story
from tests.forks import run_precis
from tests.model_server import ModelServer

Precis = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path, model_server: ModelServer) -> dict[str, str]:
    """What the command line is told besides its arguments; the model server is there, but not the default."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PRECIS_", "OPENAI_"))}
    return own | {
        "PRECIS_DATA_DIR": str(tmp_path / "data"),
        "PRECIS_CHUNK_TOKENS": "200",
        "PRECIS_MODEL": "embedded:extractive",
        "PRECIS_PORT": "1",  # where no service of this machine listens
        "OPENAI_API_KEY": "test",
        "OPENAI_BASE_URL": model_server.base_url,
    }


@pytest.fixture
def precis(environment: dict[str, str]) -> Precis:
    def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        return run_precis(*arguments, env=environment, **options)

    return run


@pytest.fixture
def town(tmp_path: Path) -> Path:
    path = tmp_path / "ansan.txt"
    path.write_text(story("Ansan", 40))
    return path


def flat(text: str) -> str:
    """Standard error without its line breaks, which depend on the width of the terminal."""
    return " ".join(text.split())
