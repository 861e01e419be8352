"""Flags that say what of a batch is wanted: the options of the API.

The service says which words a flag takes, so that a command line of this version may speak to a later one: here they
are what help shows and shells complete.
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
Model = Annotated[str | None, typer.Option(help="embedded:extractive, or openai:NAME with OPENAI_API_KEY set.")]
Language = Annotated[
    str | None, typer.Option(help="Language to write in, such as en or ko. [auto: each document's own]")
]
Focus = Annotated[str | None, typer.Option(help="A question or topic to concentrate on.")]
Audience = Annotated[str | None, typer.Option(help="Who will read it, in a few words.")]
Instructions = Annotated[str | None, typer.Option(help="What else is wished, in your own words.")]
Categories = Annotated[
    list[str] | None, typer.Option(help="A label that the facet categories chooses from. Repeatable.")
]
Variants = Annotated[int | None, typer.Option(help="Summaries of the batch to choose the best from. [1]")]
MinCoverage = Annotated[
    float | None, typer.Option(help="Share of the text that must be summarised for the run not to fail. [0.9]")
]
MaxCalls = Annotated[int | None, typer.Option(help="Model calls that the run may make.")]
MaxTokens = Annotated[int | None, typer.Option(help="Tokens that it may use, prompts and answers.")]
MaxUsd = Annotated[float | None, typer.Option(help="US dollars that it may cost.")]
AnyOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="Any option of the API by its name; the value may be JSON. Repeatable."),
]
