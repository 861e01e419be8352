"""`precis runs`: list them; show, watch, cancel, retry, delete one."""

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.flags import EXIT_CODES, Citations, DataDir, Output, Overwrite, RunId, Server
from app.cli.options import STATUSES, Status

runs = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


@runs.callback(invoke_without_command=True)
def list_runs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=500)] = 20,
    status: Status = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
    server: Server = None,
    data_dir: DataDir = None,
) -> None:
    """List runs; show, watch, cancel, retry, delete one.

    Asks the service at --server, else the one on this machine; when none answers there, the runs in the data directory
    are listed, shown and deleted. The id `latest` is the newest run.
    """
    if context.invoked_subcommand is not None:  # it asks where these say, unless it is told otherwise
        given = {"server": server, "data_dir": data_dir}
        context.default_map = {
            context.invoked_subcommand: {name: value for name, value in given.items() if value is not None}
        }
        return
    from app.terminal import commands

    if status is not None and status not in STATUSES:
        raise typer.BadParameter(f"{status!r} is none of {', '.join(STATUSES)}.", param_hint="--status")
    form = commands.Form(as_json)

    def work() -> Any:
        return commands.list_runs(_shelf(server, data_dir), limit, status, form)

    raise typer.Exit(commands.finish(work))


@runs.command()
def show(
    run_id: RunId,
    as_json: Annotated[bool, typer.Option("--json", help="Print the run as JSON.")] = False,
    output: Output = None,
    overwrite: Overwrite = False,
    citations: Citations = "none",
    server: Server = None,
    data_dir: DataDir = None,
) -> None:
    """Show a run and its summaries.

    The summaries go to standard output, how it stands goes to standard error.
    """
    from app.terminal import commands

    def work() -> Any:
        form = commands.Form(as_json, output, overwrite, citations=citations)
        return commands.show_run(_shelf(server, data_dir), run_id, form)

    raise typer.Exit(commands.finish(work))


@runs.command(epilog=EXIT_CODES)
def watch(
    run_id: RunId,
    as_json: Annotated[bool, typer.Option("--json", help="Print the run as JSON when it has ended.")] = False,
    output: Output = None,
    overwrite: Overwrite = False,
    citations: Citations = "none",
    server: Server = None,
) -> None:
    """Follow a run to its end and show it.

    It must be a service's. Ctrl-C leaves the run alone.
    """
    from app.terminal import commands

    def work() -> Any:
        form = commands.Form(as_json, output, overwrite, citations=citations)
        return commands.watch_run(commands.service(server), run_id, form)

    goes_on = f"the run goes on; `precis runs cancel {run_id}` stops it."
    raise typer.Exit(commands.finish(work, when_stopped=goes_on))


@runs.command()
def cancel(run_id: RunId, server: Server = None) -> None:
    """Stop a run.

    It must be a service's. What it has finished is kept.
    """
    from app.terminal import commands

    def work() -> Any:
        return commands.cancel_run(commands.service(server), run_id)

    raise typer.Exit(commands.finish(work))


@runs.command()
def retry(run_id: RunId, server: Server = None) -> None:
    """Try again what a run lacks.

    It must be a service's, and have failed, be partial or cancelled. Only what is missing is paid.
    """
    from app.terminal import commands

    def work() -> Any:
        return commands.retry_run(commands.service(server), run_id)

    raise typer.Exit(commands.finish(work))


@runs.command()
def delete(
    run_ids: Annotated[list[str], typer.Argument(metavar="ID", help="Their ids.")],
    server: Server = None,
    data_dir: DataDir = None,
) -> None:
    """Delete runs that have ended.

    Their documents, their summaries and the model calls that no other run uses go with them.
    """
    from app.terminal import commands

    def work() -> Any:
        return commands.delete_runs(_shelf(server, data_dir), run_ids)

    raise typer.Exit(commands.finish(work))


def _shelf(server: str | None, data_dir: Path | None) -> Any:
    """Return where runs are looked at: the service that is named, the folder that is named, or what is there."""
    from app.terminal import commands

    if data_dir is not None:
        return commands.data_directory(data_dir=data_dir)
    address = commands.address_of(server)
    return commands.service(address) if address else commands.service_or_data_directory()
