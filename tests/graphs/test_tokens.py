"""Token counts: exactly tiktoken's for OpenAI's models, without a network, and honest where they are estimates."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.text.tokens import OpenAITokens, token_counter

TEXTS = [
    "antidisestablishmentarianism",
    "2 + 2 = 4",
    "お誕生日おめでとう",
    "",
    "시 의회는 월요일에 낡은 다리를 고치기로 했다.",
    "<|endoftext|> is a plain word here, and so is <|im_start|>.",
    'for (int i = 0; i < 10; ++i) { printf("%d\\n", i); }',
    "👩‍👩‍👧‍👦 \u0000 \ud800 e\u0301\r\n\t\u3000",
    "word " * 2_000,
]  # fmt: skip
# The first three as OpenAI's cookbook prints them ("How to count tokens with tiktoken").
PUBLISHED = {"gpt-4": [6, 7, 9], "gpt-4o": [6, 7, 8]}

# A process that can reach no network: any socket is an error.
OFFLINE = """
import json, socket, sys

def refuse(*arguments, **more):
    raise AssertionError("a socket was opened")

socket.socket = socket.create_connection = socket.getaddrinfo = refuse
from graphs.text.tokens import token_counter
import tiktoken

model, texts = json.load(sys.stdin)
counter = token_counter("openai:" + model)
own = counter.count(texts)
reference = tiktoken.encoding_for_model(model)
json.dump({"own": own, "exact": counter.exact, "tiktoken": [len(reference.encode_ordinary(text)) for text in texts]}, sys.stdout)
"""


def start_offline(model: str, cache: Path) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return subprocess.Popen(
        [sys.executable, "-c", OFFLINE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment | {"TIKTOKEN_CACHE_DIR": str(cache)},
    )


def counts_of(process: subprocess.Popen[str], model: str) -> dict[str, Any]:
    output, errors = process.communicate(json.dumps([model, TEXTS]), timeout=60)
    assert process.returncode == 0, errors
    found: dict[str, Any] = json.loads(output)
    return found


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4"])
def test_counts_are_exactly_those_of_tiktoken_on_a_machine_without_network(model: str, tmp_path: Path) -> None:
    found = counts_of(start_offline(model, tmp_path / "empty"), model)
    assert found["exact"] is True
    assert found["own"] == found["tiktoken"]
    assert found["own"][:3] == PUBLISHED[model]


def test_processes_that_start_at_once_do_not_spoil_each_others_vocabulary(tmp_path: Path) -> None:
    processes = [start_offline("gpt-4o", tmp_path / "empty") for _ in range(3)]
    counts = [counts_of(process, "gpt-4o")["own"] for process in processes]
    assert counts[0][:3] == PUBLISHED["gpt-4o"]
    assert counts == [counts[0]] * 3
    assert len(list((tmp_path / "empty").iterdir())) == 1


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4.1", "gpt-4-turbo", "gpt-3.5-turbo", "o3", "gpt-5"])
def test_models_of_openai_are_counted_exactly(model: str) -> None:
    assert token_counter(f"openai:{model}").exact


def test_other_models_are_estimated_from_above_and_said_to_be() -> None:
    estimate, exact = token_counter("openai:qwen3:8b"), OpenAITokens("o200k_base")
    assert not estimate.exact
    assert exact.exact
    for own, least in zip(estimate.count(TEXTS), exact.count(TEXTS), strict=True):
        assert own > 1.2 * least


def test_the_embedded_model_counts_three_characters_as_a_token() -> None:
    counter = token_counter("embedded:extractive")
    assert not counter.exact
    assert counter.count(["", "ab", "abc", "가나다라마바"]) == [1, 1, 2, 3]


def test_no_text_has_no_counts() -> None:
    for model in ("openai:gpt-4o", "openai:other", "embedded:extractive"):
        assert token_counter(model).count([]) == []


PIECES = st.sampled_from(
    [
        "word",
        "words,",
        "(a)",
        "12345",
        "don't",
        "https://example.org/a",
        "다리를",
        "고쳤다.",
        "漢字仮名",
        "é",
        "👩‍👩‍👧",
        "\x1cx",
        "/",
        "[3]",
        "X" * 60,
    ]
)
GAPS = st.sampled_from([" ", " ", " ", "  ", "\n", "\n\n", "\r\n  - ", "\t", "\u3000", "\xa0", "", "         "])


@pytest.mark.parametrize("model", ["openai:gpt-4o", "openai:gpt-4", "openai:qwen3", "embedded:extractive"])
@given(parts=st.lists(st.tuples(PIECES | st.text(max_size=8), GAPS), max_size=60), room=st.integers(-8, 8))
def test_what_fits_is_told_as_by_counting(model: str, parts: list[tuple[str, str]], room: int) -> None:
    text = "".join(piece + gap for piece, gap in parts)
    counter = token_counter(model)
    (count,) = counter.count([text])
    most = max(0, count + room)
    if counter.exact or len(text.encode(errors="replace")) > most:  # an estimate may be more than the bytes are
        assert counter.fits(text, most) is (count <= most)
