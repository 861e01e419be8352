"""Ask the model whether statements hold, and to write anew those that do not: ten to a call, side by side."""

import re
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from graphs.evidence.marks import read_marks
from graphs.models.chat import Messages
from graphs.summarize import prompts
from graphs.summarize.asking import all_of, ask
from graphs.summarize.context import Context
from graphs.summarize.state import Step
from graphs.summarize.written import Tally

AT_ONCE = 10  # statements in one call
VERDICT_TOKENS = 48  # of an answer, for each statement
PASSAGE_CHARACTERS = 1_500  # of what a statement cites, in all
DELETE = "DELETE"

_LINE = re.compile(r"^\W*(?:statement\s+)?(\d{1,3})\W+(.+)$", re.MULTILINE | re.IGNORECASE)
_YES = re.compile(r"^\W*yes\b", re.IGNORECASE)
_NO = re.compile(r"^\W*no\b\W*", re.IGNORECASE)


class Statement(NamedTuple):
    """A sentence, what it cites, and what is wrong with it as far as is known."""

    text: str
    passages: list[str]
    remark: str = ""


class Checked(NamedTuple):
    """What a model says of a statement."""

    is_supported: bool | None  # None: it did not say
    remark: str = ""


async def check(statements: Sequence[Statement], step: Step, context: Context, tally: Tally) -> list[Checked]:
    """Return for each statement whether what it cites says it. Raises `CallFailed` and `RunStopped`."""
    packs = [statements[first : first + AT_ONCE] for first in range(0, len(statements), AT_ONCE)]
    return list(chain.from_iterable(await all_of(_check(pack, step, context, tally) for pack in packs)))


async def rewrite(statements: Sequence[Statement], step: Step, context: Context, tally: Tally) -> list[str | None]:
    """Return each statement in words that what it cites does support, None where there is nothing to say.

    Raises `CallFailed` and `RunStopped`.
    """
    packs = [statements[first : first + AT_ONCE] for first in range(0, len(statements), AT_ONCE)]
    return list(chain.from_iterable(await all_of(_rewrite(pack, step, context, tally) for pack in packs)))


async def _check(pack: Sequence[Statement], step: Step, context: Context, tally: Tally) -> list[Checked]:
    messages = prompts.check_messages([_shown(statement) for statement in pack])
    said = await _lines(messages, VERDICT_TOKENS * len(pack), step, context, tally)
    return [_verdict(said.get(number)) for number in range(1, len(pack) + 1)]


def _verdict(line: str | None) -> Checked:
    if line is None:
        return Checked(None)
    if no := _NO.match(line):
        return Checked(is_supported=False, remark=line[no.end() :].strip())
    return Checked(is_supported=True if _YES.match(line) else None)


async def _rewrite(pack: Sequence[Statement], step: Step, context: Context, tally: Tally) -> list[str | None]:
    messages = prompts.rewrite_messages([_shown(statement) for statement in pack], step["language"])
    most_tokens = sum(2 * len(statement.text) for statement in pack) + VERDICT_TOKENS * len(pack)
    said = await _lines(messages, most_tokens, step, context, tally)
    return [_new_words(said.get(number), statement) for number, statement in enumerate(pack, 1)]


def _new_words(line: str | None, statement: Statement) -> str | None:
    if line is None:
        return statement.text
    words = read_marks(line).text.strip()
    return None if not words or words.strip(".*\"'").upper() == DELETE else words


async def _lines(messages: Messages, most_tokens: int, step: Step, context: Context, tally: Tally) -> dict[int, str]:
    """Return the numbered lines of an answer."""
    answer = await ask(context.author.question_about(messages, step, most_tokens), context, tally)
    return {int(number): line.strip() for number, line in _LINE.findall(answer.text)}


def _shown(statement: Statement) -> prompts.Claimed:
    return prompts.Claimed(statement.text, " … ".join(statement.passages)[:PASSAGE_CHARACTERS], statement.remark)
