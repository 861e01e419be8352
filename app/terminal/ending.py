"""How a command ends: its exit code, and the one sentence that says what went wrong and what to do."""

from collections.abc import Mapping
from typing import Any

SUCCEEDED = 0
FAILED = 1  # no summary that can be trusted, or the result could not be written
USAGE = 2  # wrong arguments, options or settings
PARTIAL = 3  # there is a summary, and it says what it lacks
CANCELLED = 4
UNREACHABLE = 5  # the service does not answer, or what answers is not Precis
INTERRUPTED = 130  # by Ctrl-C

BY_STATUS = {"succeeded": SUCCEEDED, "failed": FAILED, "partial": PARTIAL, "cancelled": CANCELLED}

MOST_NAMED = 10  # documents or fields that one complaint names

_TYPE_PREFIX = "urn:precis:problem:"
_USAGE_TYPES = {"invalid-fields", "unknown-model", "plan-impossible", "too-many-documents"}
_LATER_TYPES = {"shutting-down", "storage-unavailable", "memory-short", "worker-gone"}
# What a caller may say instead, where the rule alone does not tell.
_HINTS = {
    "--language": "Say a language tag such as en or ko, or auto.",
    "--length": "Say short, medium or long, or a number of words.",
    "--facet": "Say key_terms, questions, entities, sentiment, categories, action_items, synthesis, translation:LANG.",
    "--model": "Say embedded:extractive, or openai:NAME.",
}
# Flags that are repeated, one value each, for a list.
_SINGULAR = {"facets": "facet", "categories": "category"}


class CommandFailed(Exception):
    """The command cannot go on; the message is all that its user is told."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def refused(problem: Mapping[str, Any]) -> CommandFailed:
    """Return the failure that a problem (RFC 9457) of the service stands for."""
    kind = str(problem.get("type", "")).removeprefix(_TYPE_PREFIX)
    if fields := problem.get("fields"):
        return wrong_fields([(str(field["field"]), str(field["message"])) for field in fields])
    parts = [str(problem.get("title") or "The service refuses."), str(problem.get("detail") or "")]
    documents = problem.get("documents") or []
    parts += [
        f"\n  {document.get('id')}: {document.get('title', '')} {document.get('detail', '')}".rstrip()
        for document in documents[:MOST_NAMED]
    ]
    if kind == "unknown-model" and parts[1].startswith("'openai:") and "among" in parts[1]:
        parts.append("A model behind OpenAI's protocol needs OPENAI_API_KEY or OPENAI_BASE_URL where it is to run.")
    if kind in _LATER_TYPES:
        parts.append("Try again in a moment.")
    if kind == "run-is-active":
        parts.append("`precis runs cancel` does.")
    if kind == "run-not-found":
        parts.append("`precis runs` lists those that are there.")
    message = " ".join(part for part in parts if part).replace(" \n", "\n")
    return CommandFailed(message, USAGE if kind in _USAGE_TYPES else FAILED)


def wrong_fields(fields: list[tuple[str, str]]) -> CommandFailed:
    """Return the failure that names wrong options by their flags; `fields` are places such as `options.budget.usd`, and
    what is wrong there.
    """
    said = []
    for place, message in fields[:MOST_NAMED]:
        flag = flag_of(place)
        said.append(" ".join(part for part in (f"{flag}: {_sentence(message)}", _HINTS.get(flag)) if part))
    return CommandFailed("\n  ".join(["wrong options:", *said]) if len(said) > 1 else said[0], USAGE)


def flag_of(place: str) -> str:
    """Return the flag of a field of the options, such as `--max-usd` of `options.budget.usd`."""
    names = place.removeprefix("options.").split(".")
    if names[0] == "budget" and len(names) > 1:
        return f"--max-{names[1]}"
    name = _SINGULAR.get(names[0], names[0])
    return f"--{name.replace('_', '-')}"


def _sentence(message: str) -> str:
    if message == "Extra inputs are not permitted":
        message = "there is no such option"
    return message if message.endswith(".") else f"{message}."
