"""`precis evaluate`: compare models and lengths on one's own documents that have reference summaries.

A folder holds cases: `NAME.EXT` with its reference `NAME.reference.txt`, or a folder of documents that are summarised
together, with its `reference.txt`. Several references are numbered: `NAME.reference.2.txt`. All runs go through the
ledger: what was paid for once is not paid for again.
"""

import asyncio
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from app.api.acceptance import accept
from app.api.batch import BatchDocument, batch_of
from app.api.showing import show_run
from app.api.titles import one_line
from app.bootstrap import Services, bootstrap
from app.errors import DocumentError, PrecisError
from app.plot import Bar, draw_bars
from app.settings import Settings
from app.work.notifier import wait
from graphs.evidence import Rouge, interval, rouge_of, rouge_tokens
from graphs.summarize import Options

WHAT_ROUGE_IS = (
    "ROUGE tells how much of the wording of the references a summary shares: R-1 words, R-2 pairs of words, R-L the "
    "longest sequence in common (F1 in percent; English stemmed; Korean, Chinese and Japanese by pairs of characters). "
    "It knows nothing of truth or style, and good summaries in other words score low: compare rows, and read some."
)
PIPE_COLUMNS = 160  # of a table that nobody looks at in a terminal
_REFERENCE = re.compile(r"(?:(?P<name>.+)\.)?reference(?:\.\d+)?\.(?:txt|md)")

errors = Console(stderr=True, highlight=False)


class Case(NamedTuple):
    """Documents that are summarised together, and what people wrote of them."""

    name: str
    paths: list[Path]
    references: list[str]


class Contender(NamedTuple):
    """A model, and the words it may use; None: as many as the references have in the mean."""

    model: str | None
    words: int | None

    @property
    def title(self) -> str:
        """How a table names it."""
        length = f"{self.words} words" if self.words else "as long as the references"
        return f"{self.model or 'default model'}, {length}"


class Outcome(NamedTuple):
    """What one contender reached with one case."""

    shared: Rouge
    """With the reference that it shares most with."""
    words: int
    calls: int
    usd: float | None


def evaluate(folder: Path, contenders: Sequence[Contender], settings: Settings, plot: Path | None) -> int:
    """Run every contender on every case, print a table and draw a plot; return the exit code."""
    cases = find_cases(folder)
    if not cases:
        errors.print("[red]precis:[/] no document has a reference: a.txt needs a.reference.txt, a folder reference.txt")
        return 2
    try:
        found = asyncio.run(_evaluate(cases, contenders, settings))
    except PrecisError as error:
        errors.print(f"[red]precis:[/] {escape(str(error))}")
        return 1
    except KeyboardInterrupt:
        errors.print("\nprecis: stopped. What was finished is kept: run the same command again to go on.")
        return 130
    _print(cases, found)
    if plot:
        plot.write_text(
            draw_bars("Mean of ROUGE-1 and ROUGE-2, with its 95 % interval", _bars(found)), encoding="utf-8"
        )
        errors.print(f"precis: the plot is in {escape(str(plot))}")
    return 0 if all(len(outcomes) == len(cases) for outcomes in found.values()) else 3


def contenders_of(models: Sequence[str], words: Sequence[int]) -> list[Contender]:
    """Every model with every length; the default where none is given."""
    return [Contender(model, length) for model in models or (None,) for length in words or (None,)]


def find_cases(folder: Path) -> list[Case]:
    """The cases of a folder, by name; what has no reference is left out."""
    cases = []
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
            references = [file for file in files if _REFERENCE.fullmatch(file.name)]
            documents = [file for file in files if file not in references]
        elif not _REFERENCE.fullmatch(path.name) and not path.name.startswith("."):
            references = [file for file in sorted(folder.iterdir()) if _belongs(file.name, path)]
            documents = [path]
        else:
            continue
        if documents and references:
            texts = [file.read_text(encoding="utf-8", errors="replace") for file in references]
            cases.append(Case(path.name, documents, texts))
    return cases


def _belongs(name: str, document: Path) -> bool:
    match = _REFERENCE.fullmatch(name)
    return match is not None and match["name"] in {document.name, document.stem}


async def _evaluate(
    cases: Sequence[Case], contenders: Sequence[Contender], settings: Settings
) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    async with bootstrap(settings) as services:
        batches = [await asyncio.gather(*[_read(path, services) for path in case.paths]) for case in cases]
        with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
            task = progress.add_task("evaluating", total=len(cases) * len(contenders))
            for contender in contenders:
                own = found.setdefault(contender.title, [])
                for case, documents in zip(cases, batches, strict=True):
                    outcome = await _outcome(case, documents, contender, services)
                    if outcome:
                        own.append(outcome)
                    progress.advance(task)
    return found


async def _read(path: Path, services: Services) -> BatchDocument:
    document = BatchDocument(path.name, path.name)
    try:
        document.read = await services.reader.read(path.name, await asyncio.to_thread(path.read_bytes))
    except DocumentError as error:
        document.error = error
        errors.print(f"[yellow]{escape(path.name)}:[/] {escape(str(error))}")
    else:
        document.title = one_line(document.read.title) or path.name
    return document


async def _outcome(
    case: Case, documents: list[BatchDocument], contender: Contender, services: Services
) -> Outcome | None:
    """Run one case; None, and a word on standard error, where no summary came of it."""
    words = contender.words or max(10, min(5_000, round(mean(len(text.split()) for text in case.references))))
    options = Options(model=contender.model, words=words, scope="document" if len(documents) == 1 else "batch")
    try:
        accepted, _ = await accept(batch_of(list(documents), options, services), services)
    except DocumentError:
        return None  # the case's only document, and its fault was told when it was read
    waiter = services.notifier.waiter(accepted.id)
    while (run := await show_run(services.database, accepted.id)).finished_at is None:
        await wait(waiter)
        waiter = services.notifier.waiter(accepted.id)
    summary = run.summary or next((document.summary for document in run.documents if document.summary), None)
    if summary is None:
        reason = run.error.title if run.error else "no summary"
        errors.print(f"[yellow]{escape(case.name)}, {escape(contender.title)}:[/] {escape(reason)}")
        return None
    own = rouge_tokens(summary.text)
    shared = max((rouge_of(own, rouge_tokens(text)) for text in case.references), key=lambda found: found.mean)
    return Outcome(shared, summary.words, run.usage.calls + run.usage.remembered, run.usage.cost_usd)


def _print(cases: Sequence[Case], found: dict[str, list[Outcome]]) -> None:
    title = "1 case" if len(cases) == 1 else f"{len(cases):,} cases"
    table = Table(box=None, header_style="bold", title=title, title_justify="left")
    table.add_column("model")
    for name in ("R-1", "R-2", "R-L", "mean of R-1, R-2", "95 %", "words", "calls", "US dollars", "done"):
        table.add_column(name, justify="right", no_wrap=True)
    for bar, outcomes in zip(_bars(found), found.values(), strict=True):
        if not outcomes:
            table.add_row(escape(bar.title), *["-"] * 8, "0")
            continue
        shares = [
            f"{100 * mean(getattr(outcome.shared, name).f1 for outcome in outcomes):.1f}"
            for name in ("one", "two", "longest")
        ]
        usd = [outcome.usd for outcome in outcomes if outcome.usd is not None]
        table.add_row(
            escape(bar.title),
            *shares,
            f"{bar.value:.1f}",
            f"{bar.low:.1f} to {bar.high:.1f}",
            f"{mean(outcome.words for outcome in outcomes):.0f}",
            str(sum(outcome.calls for outcome in outcomes)),
            f"{sum(usd):.4f}" if usd else "-",
            str(len(outcomes)),
        )
    console = Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS)
    console.print(table)
    console.print(WHAT_ROUGE_IS)


def _bars(found: dict[str, list[Outcome]]) -> list[Bar]:
    bars = []
    for title, outcomes in found.items():
        means = [100 * outcome.shared.mean for outcome in outcomes]
        low, high = interval(means) if means else (0.0, 0.0)
        bars.append(Bar(title, mean(means) if means else 0.0, low, high))
    return bars
