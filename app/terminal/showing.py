"""Plans, runs and summaries as a person reads them in a terminal."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.markdown import Heading, Markdown
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from app.terminal.desk import Json

MOST_DOCUMENTS = 25  # of a plan that are named; `--json` has all
TITLE_COLUMNS = 40  # of a document in a plan
WIDE_COLUMNS = 110  # from which on a terminal has room for every column of the list of runs
PIPE_COLUMNS = 200  # of a table that nobody looks at in a terminal: nothing is cut off
TEXT_COLUMNS = 96  # of a summary: longer lines read badly

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """Return a text without characters that a terminal would obey; a document may hold them, and so its summary."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n"))


class _LeftHeading(Heading):
    LEVEL_ALIGN = dict.fromkeys(Heading.LEVEL_ALIGN, "left")


class _Summary(Markdown):
    elements = Markdown.elements | {"heading_open": _LeftHeading}


def summary_view(markdown: str) -> RenderableType:
    """Return a summary as it is shown in a terminal."""
    return _Summary(clean(markdown), hyperlinks=False)


def plan_tree(plan: Json) -> Tree:
    """Return a plan as a tree: what is read, what is merged, what it takes at most."""
    documents: list[Json] = plan["documents"]
    tree = Tree(Text.assemble("plan for ", (clean(plan["model"]), "bold")), guide_style="dim")
    readable = [document for document in documents if not document.get("error")]
    maps = tree.add(f"read {_count(len(readable), 'document')} in {_count(plan['maps'], 'call')}")
    branch, group = maps, ""
    for document, line in zip(documents, _planned(documents[:MOST_DOCUMENTS]), strict=False):
        if document.get("group", "") != group:
            group = document.get("group", "")
            branch = maps.add(Text(clean(group))) if group else maps
        branch.add(line)
    if len(documents) > MOST_DOCUMENTS:
        maps.add(Text(f"… {len(documents) - MOST_DOCUMENTS:,} more", style="dim"))
    if plan["merges"]:
        tree.add(f"merge in {_count(plan['merges'], 'call')}, {_count(plan['depth'], 'level')} deep with the reading")
    if plan.get("verbatim"):
        tree.add(f"pass {_count(plan['verbatim'], 'document')} on as they are, so short are they")
    if plan.get("facets"):
        tree.add(f"read facets in {_count(plan['facets'], 'call')}")
    if plan.get("extra_calls"):
        tree.add(f"mend language and length in at most {_count(plan['extra_calls'], 'call')} more")
    tree.add(f"in all {_count(plan['calls'], 'call')}{_tokens(plan)}")
    tree.add(_cost(plan))
    return tree


def _planned(documents: Sequence[Json]) -> Iterator[Text]:
    """Yield a line a document, in columns."""
    titles = [Text(clean(document["title"])) for document in documents]
    width = min(max((title.cell_len for title in titles), default=0), TITLE_COLUMNS)
    words = max((len(f"{document['words']:,}") for document in documents), default=0)
    for title, document in zip(titles, documents, strict=True):
        title.truncate(width, overflow="ellipsis", pad=True)
        if problem := document.get("error"):
            yield Text.assemble(title, "  ", (clean(problem["title"]), "yellow"))
        else:
            size = f"{document['words']:>{words},} words  {_count(document['chunks'], 'chunk')}"
            yield Text.assemble(title, f"  {document['language']:<3} {size}")


def _tokens(plan: Json) -> str:
    prompts, answers = plan["prompt_tokens"], plan["completion_tokens"]
    return f", at most {prompts:,} + {answers:,} tokens" if prompts else ""


def _cost(plan: Json) -> str:
    expected, most = plan.get("expected_usd"), plan["most_usd"]
    if most is None:
        return "what it costs is not known: PRECIS_PRICES tells"
    if not most:
        return "nothing to pay"
    return f"at most {dollars(most)}" + (f", about {dollars(expected)}" if expected is not None else "")


def dollars(usd: float) -> str:
    """Return an amount as a person reads it; a little is not nothing."""
    return f"{usd:.4f} US dollars" if usd < 1 else f"{usd:,.2f} US dollars"


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"


def run_line(run: Json) -> str:
    """Return a run in one line."""
    usage, progress = run["usage"], run["progress"]
    if run["finished_at"] is None:
        said = [f"{progress['phase']}, {progress['done']:,} of {progress['total']:,} calls"]
    else:
        said = [f"{usage['calls']} model calls", f"{usage['remembered']} remembered"]
    if usage.get("cost_usd"):
        said.append(dollars(usage["cost_usd"]))
    return f"run {run['id']}: {run['status']}, {', '.join(said)}"


def runs_table(runs: Sequence[Json], columns: int) -> Table:
    """Return a list of runs; a narrow terminal does without what can be asked of each."""
    is_wide = columns >= WIDE_COLUMNS
    names = (
        ("run", "created", "status", "model", "documents", "calls")
        if is_wide
        else ("run", "created", "status", "docs", "calls")
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        right = name in ("documents", "docs", "calls")
        table.add_column(name, no_wrap=True, overflow="ignore", justify="right" if right else "left")
    for run in runs:
        created = datetime.fromisoformat(run["created_at"]).astimezone()
        row: list[Any] = [run["id"], created.strftime("%Y-%m-%d %H:%M" if is_wide else "%b %d %H:%M")]
        row += [Text(run["status"], style=STYLES.get(run["status"], ""))]
        row += [Text(clean(str(run["options"]["model"])))] if is_wide else []
        table.add_row(*row, str(run["documents"]), str(run["usage"]["calls"]))
    return table


STYLES = {"succeeded": "green", "partial": "yellow", "failed": "red", "cancelled": "dim", "running": "cyan"}


def problem_line(problem: Json) -> str:
    """Return what is wrong, for a console that reads markup."""
    detail = f" {problem['detail']}" if problem.get("detail") else ""
    return escape(clean(f"{problem['title']}{detail}"))


def print_table(table: Table, *, is_terminal: bool) -> None:
    """Print a table on standard output, whole even where nobody looks on."""
    Console(highlight=False, width=None if is_terminal else PIPE_COLUMNS).print(table, crop=False)
