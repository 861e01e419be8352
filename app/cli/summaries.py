"""`precis summarize` and `precis evaluate`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.flags import Citations, DataDir, Output, Overwrite, Server, settings_of
from app.cli.options import (
    AnyOption,
    Audience,
    Categories,
    Facets,
    Focus,
    GroupBy,
    Instructions,
    Language,
    Length,
    MaxCalls,
    MaxTokens,
    MaxUsd,
    MinCoverage,
    Model,
    Scope,
    Strategy,
    Style,
    Unsupported,
    Variants,
    Verify,
)

Files = Annotated[
    list[str],
    typer.Argument(
        help="Text, Markdown, HTML or PDF files; folders, with all that is beneath them; patterns such as "
        "'docs/**/*.pdf'; - for standard input.",
    ),
]
PlanOnly = Annotated[bool, typer.Option("--plan", help="Show calls, tokens and cost at most, and stop.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the run, or the plan, as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but what is wrong.")]
Detach = Annotated[bool, typer.Option("--detach", help="Print the run's id and leave; the service goes on with it.")]


def summarize(
    files: Files,
    model: Model = None,
    strategy: Strategy = None,
    scope: Scope = None,
    length: Length = None,
    language: Language = None,
    focus: Focus = None,
    style: Style = None,
    audience: Audience = None,
    instructions: Instructions = None,
    facet: Facets = None,
    category: Categories = None,
    group_by: GroupBy = None,
    verify: Verify = None,
    unsupported: Unsupported = None,
    variants: Variants = None,
    min_coverage: MinCoverage = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_usd: MaxUsd = None,
    option: AnyOption = None,
    plan: PlanOnly = False,
    output: Output = None,
    overwrite: Overwrite = False,
    citations: Citations = "none",
    as_json: AsJson = False,
    quiet: Quiet = False,
    server: Server = None,
    detach: Detach = False,
    data_dir: DataDir = None,
) -> None:
    """Summarise files, here or by a service.

    Markdown goes to standard output, everything else to standard error. Ctrl-C stops the run. Finished model calls are
    kept, so the same command again goes on where it stopped.
    """
    from app.terminal import commands
    from app.terminal.options import options_of

    is_by_folder = group_by == "folder"
    flags = {
        "model": model,
        "strategy": strategy,
        "scope": scope,
        "length": length,
        "language": language,
        "focus": focus,
        "style": style,
        "audience": audience,
        "instructions": instructions,
        "facets": facet or None,
        "categories": category or None,
        "group_by": None if is_by_folder else group_by,
        "verify": verify,
        "unsupported": unsupported,
        "variants": variants,
        "min_coverage": min_coverage,
        "max_calls": max_calls,
        "max_tokens": max_tokens,
        "max_usd": max_usd,
    }
    form = commands.Form(as_json, output, overwrite, quiet, citations)

    def work() -> Any:
        options = options_of(flags, option or [])
        found = commands.read(files, form, is_by_folder=is_by_folder)
        address = commands.address_of(server)
        place = commands.service(address) if address else commands.this_process(data_dir=data_dir)
        if plan:
            return commands.plan(place, found, options, form)
        return commands.summarize(place, found, options, form, is_detached=detach)

    again = "stopped. What was finished is kept: run the same command again to go on."
    raise typer.Exit(commands.finish(work, when_stopped=again))


def evaluate(
    folder: Annotated[
        Path, typer.Argument(help="Documents with references: a.txt and a.reference.txt.", exists=True, file_okay=False)
    ],
    model: Annotated[list[str] | None, typer.Option(help="A model to compare; may be given several times.")] = None,
    words: Annotated[
        list[int] | None, typer.Option(help="A length to compare; by default as long as the references.", min=10)
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Where to write a plot, as SVG.", dir_okay=False)] = None,
    data_dir: DataDir = None,
) -> None:
    """Compare models and lengths by summaries that people wrote.

    Exit code: 0 all was summarised, 3 part of it, 1 it failed, 2 wrong usage or nothing to compare.
    """
    settings = settings_of(data_dir=data_dir)
    from app import evaluation

    contenders = evaluation.contenders_of(model or (), words or ())
    raise typer.Exit(evaluation.evaluate(folder, contenders, settings, plot))
