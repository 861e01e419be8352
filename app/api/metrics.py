"""What is going on, for Prometheus: read from where it stands when it is asked for, nothing is counted twice."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from app.api.dependencies import ServicesDep
from app.bootstrap import Services
from app.store import queue
from app.store.models import Status

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus' text."}},
)
async def get_metrics(services: ServicesDep) -> Response:
    """Return runs by status, the queue, what calls were paid and remembered, the gate of each provider, how long the
    event loop stood still, memory, and the sizes of the files.
    """
    async with services.database.read() as session:
        counts = await queue.counts(session)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures([*_of_runs(counts), *_of_gates(services), *_of_process(services)]))
    ProcessCollector(registry=registry)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Figures(Collector):
    """Hands out figures that were read before."""

    def __init__(self, figures: Iterable[Metric]) -> None:
        self._figures = list(figures)

    def collect(self) -> Iterable[Metric]:
        return self._figures


def _of_runs(counts: queue.Counts) -> Iterator[Metric]:
    by_status = GaugeMetricFamily("precis_runs", "Runs that are kept, by status.", labels=["status"])
    for status in Status:
        by_status.add_metric([status], counts.by_status.get(status, 0))
    yield by_status
    yield GaugeMetricFamily("precis_queue_bytes", "Bytes of text of the runs that wait.", counts.queue_bytes)
    yield GaugeMetricFamily("precis_run_bytes", "Bytes of text of all runs that are kept.", counts.bytes)
    yield GaugeMetricFamily("precis_queue_seconds", "How long the oldest run has waited.", counts.queue_seconds)


def _of_gates(services: Services) -> Iterator[Metric]:
    gates = services.resources.calls.gates
    shown = {
        "limit": ("Calls in flight at most, as much as the provider bears at present.", "limit"),
        "in_flight": ("Calls in flight.", "in_flight"),
        "waiting": ("Calls that wait for their turn.", "waiting"),
        "paused_seconds": ("How long the provider still asks for a pause.", "paused_seconds"),
    }
    for name, (what, attribute) in shown.items():
        family = GaugeMetricFamily(f"precis_gate_{name}", what, labels=["provider"])
        for provider, gate in gates.items():
            family.add_metric([provider], float(getattr(gate, attribute)))
        yield family
    for name, what, attribute in (
        ("precis_calls", "Model calls that were made since the start, hedges included.", "calls"),
        ("precis_hedges", "Of these, second ones, made because the first took unusually long.", "hedges"),
    ):
        counter = CounterMetricFamily(name, what, labels=["provider"])
        for provider, gate in gates.items():
            counter.add_metric([provider], float(getattr(gate, attribute)))
        yield counter
    steps = CounterMetricFamily("precis_steps", "Steps of runs since the start, by how they ended.", labels=["outcome"])
    for outcome, number in services.resources.tally.steps.items():
        steps.add_metric([outcome], number)
    yield steps
    tokens = CounterMetricFamily("precis_tokens", "Tokens that were paid for since the start.", labels=["kind"])
    for kind, number in services.resources.tally.tokens.items():
        tokens.add_metric([kind], number)
    yield tokens


def _of_process(services: Services) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "precis_stall_seconds",
        "The longest time that the event loop let anyone wait in the last ten to twenty seconds.",
        services.pulse.worst_seconds,
    )
    memory = services.resources.memory
    yield GaugeMetricFamily("precis_memory_share", "Of the memory that may be used, what is in use.", memory.share)
    yield GaugeMetricFamily(
        "precis_lease_sure", "1 while it is sure whose the runs are.", float(services.worker.lease.is_sure)
    )
    sizes = GaugeMetricFamily("precis_file_bytes", "Sizes of the databases' files.", labels=["file"])
    for path in _files(services.settings.data_dir):
        sizes.add_metric([path.name], path.stat().st_size)
    yield sizes


def _files(folder: Path) -> list[Path]:
    names = [f"{name}{log}" for name in ("precis.db", "checkpoints.db") for log in ("", "-wal")]
    return [folder / name for name in names if (folder / name).exists()]
