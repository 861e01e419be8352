"""Flags of a batch that take one of some words.

The service says which words it takes, so that a command line of this version may speak to a later one: here they are
what help shows and shells complete.
"""

from typing import Annotated, Any

import typer


def one_of(help: str, *values: str) -> Any:
    """Return a flag whose values shells complete."""

    def offered(incomplete: str) -> list[str]:
        return [value for value in values if value.startswith(incomplete)]

    return typer.Option(help=help, autocompletion=offered)


STATUSES = ("queued", "running", "succeeded", "partial", "failed", "cancelled")
Status = Annotated[
    str | None, one_of("Only these: queued, running, succeeded, partial, failed or cancelled.", *STATUSES)
]
Strategy = Annotated[
    str | None, one_of("auto, single, map_reduce or refine.", "auto", "single", "map_reduce", "refine")
]
Scope = Annotated[str | None, one_of("Which summaries: document, batch or both.", "document", "batch", "both")]
Length = Annotated[
    str | None, one_of("short, medium or long; or a number of words. [medium]", "short", "medium", "long")
]
Style = Annotated[
    str | None,
    one_of("paragraph, bullets, executive, dense or report.", "paragraph", "bullets", "executive", "dense", "report"),
]
Facets = Annotated[
    list[str] | None,
    one_of(
        "What else is wanted: key_terms, questions, entities, sentiment, categories, action_items, translation:LANG, "
        "synthesis. Repeatable.",
        *("key_terms", "questions", "entities", "sentiment", "categories", "action_items", "translation:", "synthesis"),
    ),
]
GroupBy = Annotated[
    str | None,
    one_of(
        "Documents merged first: auto, order or topic; or folder, which makes a group with a summary and a heading of "
        "its own of each folder that is named, and of a single one, of each folder in it.",
        *("auto", "order", "topic", "folder"),
    ),
]
Verify = Annotated[str | None, one_of("How sentences are checked: off, support or llm.", "off", "support", "llm")]
Unsupported = Annotated[str | None, one_of("Sentences that do not hold: mark or remove.", "mark", "remove")]
