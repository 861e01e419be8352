"""`precis serve`."""

from typing import Annotated

import typer

from app.cli.flags import DatabaseUrl, DataDir, settings_of


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [PRECIS_HOST, 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0: a free one. [PRECIS_PORT, 8000]")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    model: Annotated[str | None, typer.Option(help="Model of runs that name none. [PRECIS_MODEL]")] = None,
    models: Annotated[
        str | None, typer.Option(help="Models that callers may name, separated by commas. [PRECIS_MODELS]")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Model calls in flight to one provider. [PRECIS_CONCURRENCY, 16]")
    ] = None,
    call_seconds: Annotated[
        float | None, typer.Option(help="Deadline of one attempt of a model call. [PRECIS_CALL_SECONDS, 120]")
    ] = None,
    chunk_tokens: Annotated[
        int | None, typer.Option(help="Most tokens of a chunk. [PRECIS_CHUNK_TOKENS, 3000]")
    ] = None,
    max_body_bytes: Annotated[
        int | None, typer.Option(help="Largest request body. [PRECIS_MAX_BODY_BYTES, 64 MiB]")
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(help="debug, info, warning or error. [PRECIS_LOG_LEVEL, info]")
    ] = None,
) -> None:
    """Run the service: REST, docs page at /docs."""
    settings = settings_of(
        host=host,
        port=port,
        data_dir=data_dir,
        database_url=database_url,
        model=model,
        models=models,
        concurrency=concurrency,
        call_seconds=call_seconds,
        chunk_tokens=chunk_tokens,
        max_body_bytes=max_body_bytes,
        log_level=log_level,
    )
    from app import server

    raise typer.Exit(server.serve(settings))
