"""What the test model server says: requests read, answers made up, bodies in the shape of OpenAI's chat completions.

An answer depends on nothing but the request's messages (and on `max_tokens`, its bound): no clock, no chance, no order.
"""

import hashlib
import json
import re
import time
from dataclasses import dataclass, replace
from typing import Any

Json = dict[str, Any]

ROLES = {"system", "developer", "user", "assistant", "tool", "function"}
CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
BORDER = re.compile(r"[.!?](?=\s)|[\u3002\uff01\uff1f\n]")
WINDOW = 400  # characters looked at for one sentence, so that an answer costs the same for a source of any length
WORDS = 12  # words taken of one sentence
FRAGMENT = 120  # characters of one sentence, for languages written without spaces
ASKED_WORDS = re.compile(r"about (\d+)(?: words|, from)")
SENTENCE = re.compile(r"[^\n.!?。！？]*(?:[.!?](?!\s)[^\n.!?。！？]*)*[.!?。！？\n]?")
NUMBERED = re.compile(r"\s*(?:\[(\d+)\] )?(.*)", re.DOTALL)
MARKED_END = re.compile(r"(.*?)((?:\s?\[\d+\])*)\.?$", re.DOTALL)
STATEMENT = re.compile(r"^Statement (\d+): (.*)\nPassages: (.*)(?:\nWrong: (.*))?$", re.MULTILINE)
LETTERS = str.maketrans("0123456789", "ghijklmnop")  # a hash without digits: nobody takes it for a number in the source


class Malformed(Exception):
    """A request that OpenAI answers with 400."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.body = error(message, "invalid_request_error", param, code)


@dataclass(slots=True)
class Call:
    """One request, read."""

    model: str
    messages: list[Json]
    parameters: Json  # everything but model and messages
    texts: list[str]  # every text of the messages, in order
    source: str  # what the answer summarises
    digest: str  # sha256 of the messages
    key: str  # sha256 of the messages and the model
    limit: int | None  # characters that max_tokens allows
    stream: bool
    include_usage: bool


@dataclass(slots=True)
class Reply:
    """One answer before it is a body."""

    content: str | None
    finish_reason: str = "stop"
    refusal: str | None = None
    usage: Json | None = None
    choices: bool | None = True  # False: an empty list; None: null


def error(message: str, kind: str, param: str | None = None, code: str | int | None = None, **extra: Any) -> Json:
    return {"error": {"message": message, "type": kind, "param": param, "code": code, **extra}}


def tokens(characters: int) -> int:
    return -(-characters // 4)


def request_key(model: str, messages: list[Json]) -> str:
    """The key under which `/_stats` counts a request."""
    return _hashes(model, messages)[1]


def _hashes(model: str, messages: list[Json]) -> tuple[str, str]:
    hashed = hashlib.sha256(CANONICAL.encode(messages).encode())
    digest = hashed.hexdigest()
    hashed.update(b"\n" + model.encode(errors="replace"))
    return digest, hashed.hexdigest()


# Reading a request


def parse(raw: bytes) -> Call:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        raise Malformed("We could not parse the JSON body of your request.") from None
    if not isinstance(data, dict):
        raise Malformed("We expected the JSON body of your request to be an object.")
    model, messages = data.pop("model", None), data.pop("messages", None)
    if not isinstance(model, str) or not model:
        raise Malformed("you must provide a model parameter")
    _check_messages(messages)
    limit = _limit(data)
    options = data.get("stream_options") or {}
    digest, key = _hashes(model, messages)
    return Call(
        model=model,
        messages=messages,
        parameters=data,
        texts=[text for message in messages for text in _texts(message)],
        source=_source(messages),
        digest=digest,
        key=key,
        limit=limit,
        stream=bool(data.get("stream")),
        include_usage=bool(options.get("include_usage")) if isinstance(options, dict) else False,
    )


def _check_messages(messages: Any) -> None:
    if messages is None:
        raise Malformed("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    if not isinstance(messages, list):
        raise Malformed("Invalid type for 'messages': expected an array of objects.", "messages", "invalid_type")
    if not messages:
        raise Malformed("Invalid 'messages': empty array. Expected at least 1 element.", "messages", "empty_array")
    for place, message in enumerate(messages):
        name = f"messages[{place}]"
        if not isinstance(message, dict):
            raise Malformed(f"Invalid type for '{name}': expected an object.", name, "invalid_type")
        if message.get("role") not in ROLES:
            raise Malformed(f"Invalid value for '{name}.role'.", f"{name}.role", "invalid_value")
        if not isinstance(message.get("content"), str | list | None):
            raise Malformed(f"Invalid type for '{name}.content'.", f"{name}.content", "invalid_type")


def _limit(data: Json) -> int | None:
    limits = []
    for name in ("max_tokens", "max_completion_tokens"):
        value = data.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool):
            raise Malformed(f"Invalid type for '{name}': expected an integer.", name, "invalid_type")
        if value < 1:
            raise Malformed(f"Invalid '{name}': expected a value >= 1.", name, "integer_below_min_value")
        limits.append(value * 4)
    return min(limits, default=None)


def _texts(message: Json) -> list[str]:
    content = message.get("content")
    if isinstance(content, str):
        return [content]
    parts = content or []
    return [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]


def _source(messages: list[Json]) -> str:
    """The longest text a user wrote; of a text within tags, what stands between them."""
    texts = [text for message in messages if message["role"] == "user" for text in _texts(message)]
    text = max(texts, key=len, default="")
    close = text.rfind("</")
    tag = text[close + 2 :].split(">", 1)[0] if close >= 0 else ""
    start = text.find(">", text.find("<" + tag)) + 1 if tag else 0
    return text[start:close] if tag and start > 0 and (close - start) * 2 > len(text) else text


# Making an answer


def answer(call: Call) -> str:
    """What an obedient model would say: about as many words as were asked for, with the numbers of the sentences that
    they come from; a verdict or better words for numbered statements. Asked for nothing of that, the first words of the
    first, middle and last sentence and a hash. Never longer than the source.
    """
    text = call.source.strip()
    size = len(text) if call.limit is None else min(len(text), call.limit)
    if statements := STATEMENT.findall(text):
        return "\n".join(_verdict(*statement) for statement in statements)[:size]
    tail = f" (ref {call.digest[:8].translate(LETTERS)})"
    asked = (found for said in reversed(call.texts) for found in [*ASKED_WORDS.finditer(said)][-1:])
    wanted = next(asked, None)  # the last: what stands before it may be material
    if wanted and size >= 4 * len(tail):
        return _as_asked(text, int(wanted[1]), size, tail)
    parts = (_words(text[:WINDOW]), _words(_after_border(text, len(text) // 2)), _words(_last_sentence(text)))
    body = ". ".join(dict.fromkeys(part for part in parts if part))
    if size < 2 * len(tail):
        return body[:size]
    return body[: size - len(tail) - 1].rstrip() + tail + "."


def _as_asked(text: str, words: int, size: int, tail: str) -> str:
    """Whole sentences, spread evenly over the source, with a hash in the last."""
    sentences = [sentence for found in SENTENCE.finditer(text) if (sentence := _cited(found[0]))]
    sentences = [sentence for sentence in sentences if sentence.endswith("].")] or sentences  # the rest are titles
    counts = [len(sentence.split()) for sentence in sentences]
    share = min(1.0, words / max(1, sum(counts)))
    chosen: list[str] = []
    due = length = 0.0
    for sentence, count in zip(sentences, counts, strict=True):
        due += count * share
        if due < count / 2 or length + len(sentence) + 1 > size - len(tail):
            continue
        due -= count
        length += len(sentence) + 1
        chosen.append(sentence)
    if not chosen:
        return _words(text)[: size - len(tail)] + tail
    body, mark = MARKED_END.match(chosen[-1]).groups()  # type: ignore[union-attr]  # it matches anything
    return " ".join([*chosen[:-1], f"{body}{tail}{mark}."])


def _cited(sentence: str) -> str:
    """A sentence with the number that stood before it at its end; nothing for a line without words."""
    mark, words = NUMBERED.match(sentence).groups()  # type: ignore[union-attr]  # it matches anything
    words = " ".join(words.split()).rstrip(".!?。！？")
    return f"{words}{f' [{mark}]' if mark else ''}." if words else ""


def _verdict(number: str, statement: str, passages: str, wrong: str) -> str:
    """YES if most of the statement's words stand in its passages; of one that is wrong, the beginning of them."""
    if wrong:
        return f"{number}: {'DELETE' if passages == '(none)' else _words(passages)}."
    words = statement.casefold().split()
    there = set(passages.casefold().split())
    return f"{number}: {'YES' if 2 * sum(word in there for word in words) >= len(words) else 'NO, they do not say it.'}"


def _words(text: str) -> str:
    text = text.lstrip()
    border = BORDER.search(text)
    return " ".join(text[: border.start() if border else WINDOW].split(None, WORDS)[:WORDS])[:FRAGMENT]


def _after_border(text: str, start: int) -> str:
    border = BORDER.search(text, start, start + WINDOW)
    start = border.end() if border else start
    return text[start : start + WINDOW]


def _last_sentence(text: str) -> str:
    window = text[-WINDOW:].rstrip(".!?\u3002\uff01\uff1f")
    starts = [border.end() for border in BORDER.finditer(window)]
    return window[starts[-1] :] if starts else window


def reply(call: Call) -> Reply:
    return with_text(call, Reply(None), answer(call))


def with_text(call: Call, base: Reply, content: str | None) -> Reply:
    """The reply with another text, its usage counted anew."""
    prompt, completion = tokens(sum(map(len, call.texts))), tokens(len(content or ""))
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    return replace(base, content=content, usage=usage)


# Making a body


def content_type(call: Call) -> str:
    return "text/event-stream" if call.stream else "application/json"


def body(call: Call, said: Reply, number: int) -> bytes:
    head: Json = {
        "id": f"chatcmpl-{number:024x}",
        "object": "chat.completion.chunk" if call.stream else "chat.completion",
        "created": int(time.time()),
        "model": call.model,
        "system_fingerprint": "fp_test",
    }
    if call.stream:
        return b"".join(map(event, _chunks(call, said, head))) + b"data: [DONE]\n\n"
    return json.dumps(_completion(said, head)).encode()


def event(data: Json) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def _completion(said: Reply, head: Json) -> Json:
    message: Json = {"role": "assistant", "content": said.content, "refusal": said.refusal, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": said.finish_reason}
    choices = [choice] if said.choices else [] if said.choices is False else None
    return {**head, "choices": choices} | ({"usage": said.usage} if said.usage else {})


def _chunks(call: Call, said: Reply, head: Json) -> list[Json]:
    if not said.choices:
        return [{**head, "choices": [] if said.choices is False else None}]
    deltas: list[Json] = [{"role": "assistant", "content": None if said.content is None else ""}]
    deltas += [{"content": piece} for piece in _pieces(said.content or "")]
    if said.refusal is not None:
        deltas.append({"refusal": said.refusal})
    chunks = [{**head, "choices": [_delta(delta)]} for delta in deltas]
    chunks.append({**head, "choices": [_delta({}, said.finish_reason)]})
    if not call.include_usage:
        return chunks
    last = [{**head, "choices": [], "usage": said.usage}] if said.usage else []
    return [{**chunk, "usage": None} for chunk in chunks] + last


def _delta(delta: Json, finish_reason: str | None = None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _pieces(text: str) -> list[str]:
    """The text in at most about 50 pieces of some words."""
    size = max(20, len(text) // 50)
    return [text[start : start + size] for start in range(0, len(text), size)]
