"""The head start: what is begun while the batch is still being planned is what the plan has in the end."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import settings as property_settings

from graphs.models import Answer, Calls, Limits, RunStopped
from graphs.models.catalog import model_facts
from graphs.models.failures import AnswerEmpty, CallFailed, Unauthorized
from graphs.summarize import HeadStart, Options, StepReport, make_plan
from graphs.summarize.ahead import UNDER_WAY
from graphs.summarize.state import Step
from graphs.summarize.written import Tally, Written
from tests.graphs.summaries import ContextOf, batch, run
from tests.graphs.test_plan import CHUNKS, LABELS, OPTIONS, SHAPES
from tests.graphs.test_plan import batch as titled_batch
from tests.model_server import ModelServer

LIMIT = 3
FACTS = model_facts("openai:gpt-4o")
WRITTEN = Written(Answer("A summary.", key="k"), [])


@pytest.fixture
def steps() -> list[Step]:
    """Steps that read a chunk."""
    plan = make_plan(batch(Ansan=200), Options(strategy="map_reduce"), FACTS, 100)
    return [step for step in plan["steps"].values() if step["kind"] == "map"]


class Reader:
    """Does steps when it is told to, and counts."""

    def __init__(self) -> None:
        self.under_way: list[str] = []
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def do(self, step: Step, tally: Tally) -> Written:
        self.under_way.append(step["id"])
        tally.bill.calls += 1
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return WRITTEN


async def turns() -> None:
    """Let every task that can go on go on."""
    for _ in range(200):
        await asyncio.sleep(0)


@given(SHAPES, OPTIONS, CHUNKS, LABELS)
@property_settings(deadline=None, max_examples=60)
def test_what_is_begun_is_as_the_plan_has_it_in_the_end_and_never_what_people_watch_being_written(
    shapes: list[tuple[str, int, str]], options: Options, chunk_tokens: int, labels: list[str]
) -> None:
    begun: list[Step] = []

    def begin(steps: Sequence[Step]) -> None:
        begun.extend(step.copy() for step in steps)

    plan = make_plan(titled_batch(shapes, labels), options, model_facts("openai:gpt-4o"), chunk_tokens, begin)
    for step in begun:
        known = plan["steps"][step["id"]].copy()
        known.pop("group", None)  # of which no prompt of a chunk knows
        assert step == known
        assert step["kind"] == "map"
        assert not step["inputs"]
        assert "is_final" not in known
    reading = [step for step in plan["steps"].values() if step["kind"] == "map"]
    others = len(reading) - len(begun)
    assert len({step["id"] for step in begun}) == len(begun)
    assert others <= (len(shapes) if options.scope == "document" else 1 + options.variants)


async def test_a_few_steps_at_a_time_are_begun_in_order_and_the_rest_as_these_end(steps: list[Step]) -> None:
    reader = Reader()
    async with HeadStart(Calls(limits=Limits(most=LIMIT))) as head_start:
        head_start.begin(steps, reader.do)
        await turns()
        most = UNDER_WAY * LIMIT
        assert reader.under_way == [step["id"] for step in steps[:most]]
        reader.go.set()
        await turns()
        assert reader.under_way == [step["id"] for step in steps]


async def test_a_step_is_handed_out_once_with_its_bill_and_one_that_was_not_begun_is_left_to_whoever_asks(
    steps: list[Step],
) -> None:
    reader = Reader()
    async with HeadStart(Calls(limits=Limits(most=LIMIT))) as head_start:
        head_start.begin(steps, reader.do)
        assert head_start.take(steps[-1]) is None
        begun = head_start.take(steps[0])
        assert begun is not None
        assert head_start.take(steps[0]) is None
        reader.go.set()
        assert await begun.written() == WRITTEN
        assert await begun.written() == WRITTEN  # when its task has ended, too
        assert begun.tally.bill.calls == 1
        await turns()
    assert steps[-1]["id"] not in reader.under_way


async def test_leaving_it_ends_what_nobody_has_asked_for_and_begins_nothing_more(steps: list[Step]) -> None:
    reader = Reader()
    async with HeadStart(Calls(limits=Limits(most=LIMIT))) as head_start:
        head_start.begin(steps, reader.do)
        begun = head_start.take(steps[0])
        left = head_start.take(steps[1])
        await turns()
    head_start.begin(steps, reader.do)
    await turns()
    assert len(reader.under_way) == UNDER_WAY * LIMIT
    assert begun is not None
    assert left is not None
    asking = [asyncio.ensure_future(taken.written()) for taken in (begun, left)]
    await turns()
    assert not any(task.done() for task in asking)  # they are somebody else's by now
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)
    assert all(task.cancelled() for taken in (begun, left) for task in taken.end())


@pytest.mark.parametrize(("error", "goes_on"), [(AnswerEmpty(), True), (Unauthorized(), False)])
async def test_a_step_that_fails_is_told_to_whoever_asks_and_what_stops_the_run_begins_no_other(
    steps: list[Step], error: CallFailed | RunStopped, goes_on: bool
) -> None:
    reader = Reader()
    reader.error = error
    reader.go.set()
    async with HeadStart(Calls(limits=Limits(most=LIMIT))) as head_start:
        head_start.begin(steps, reader.do)
        await turns()
        assert (len(reader.under_way) == len(steps)) is goes_on
        begun = head_start.take(steps[0])
        assert begun is not None
        with pytest.raises(type(error)):
            await begun.written()


@pytest.mark.parametrize("scope", ["both", "document", "batch"])
@pytest.mark.parametrize("faults", [[], [{"kind": "500", "share": 0.2, "times": -1}]])
async def test_a_run_gives_the_same_at_the_same_price_with_a_head_start(
    context_of: ContextOf, model_server: ModelServer, scope: str, faults: list[dict[str, object]]
) -> None:
    found = []
    for has_start in (False, True):
        model_server.reset()
        if faults:
            model_server.faults(*faults)
        reports: list[StepReport] = []
        context = context_of(batch(Ansan=60, Busan=5, Cheonan=30), scope=scope, report=reports.append)
        async with HeadStart(context.calls) as head_start:
            output = await run(context.model_copy(update={"head_start": head_start if has_start else None}))
        stats = model_server.stats()
        assert output["usage"]["remembered"] == 0
        assert stats["repeats"] == 0
        assert sorted(report["step"] for report in reports) == sorted({report["step"] for report in reports})
        found.append((output, {report["step"] for report in reports}))
    assert found[0] == found[1]


async def test_no_call_is_made_ahead_of_a_budget_that_the_plan_may_not_fit(
    context_of: ContextOf, model_server: ModelServer
) -> None:
    context = context_of(batch(Ansan=60, Busan=60), budget={"calls": 1})
    async with HeadStart(context.calls) as head_start:
        with pytest.raises(RunStopped):
            await run(context.model_copy(update={"head_start": head_start}))
    assert model_server.stats()["calls"] == 0
