"""The ledger of finished model calls, in the database."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import JSON, LargeBinary, Row, Select, String, bindparam, cast, delete, func, or_, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import OperationalError, SQLAlchemyError, StatementError

from app.store.database import UNSTORABLE, Database, group_seconds
from app.store.models import CallRow, EventRow, Run, Status, now
from graphs.models import Answer, AnswerMalformed, Call, LedgerUnavailable

TRIM_ROWS = 500  # that are deleted in one transaction

_KEEP = insert(CallRow.__table__).on_conflict_do_nothing()  # type: ignore[arg-type]  # a mapped class's table is a Table


class CallStore:
    """Keeps finished calls: each is durable before its answer is used."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._query = _finding(database.dialect)
        self._asked: list[tuple[Sequence[str], asyncio.Future[dict[str, Answer]]]] = []
        self._finding: asyncio.Task[None] | None = None
        self._find_at = 0.0  # by the loop's clock: the next query begins no earlier

    async def find(self, keys: Sequence[str]) -> dict[str, Answer]:
        """Return the answers that are kept under these keys.

        One that comes alone is looked up at once; of many, those of some milliseconds become one query. Raises
        `LedgerUnavailable`.
        """
        found: asyncio.Future[dict[str, Answer]] = asyncio.get_running_loop().create_future()
        self._asked.append((keys, found))
        if self._finding is None or self._finding.done():
            self._finding = asyncio.create_task(self._find())
        return await found

    async def keep(self, call: Call, answer: Answer) -> None:
        """Store an answer; return when it is durable. Raises `LedgerUnavailable`."""
        row = {
            "key": call.key,
            "owner": call.owner,
            "run_id": call.run or None,
            "model": call.model,
            "created_at": now(),
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "seconds": answer.seconds,
            "spans": [list(span) for span in answer.spans],
            "text": answer.text,
        }
        try:
            await self._database.write(_KEEP, [row])
        except (StatementError, *UNSTORABLE) as error:
            if isinstance(error, OperationalError):
                raise LedgerUnavailable(str(error.__cause__ or error)) from error
            raise AnswerMalformed("It cannot be stored.") from error  # nor ever will be
        except (SQLAlchemyError, MemoryError) as error:
            raise LedgerUnavailable(str(error.__cause__ or error)) from error

    async def _find(self) -> None:
        loop = asyncio.get_running_loop()
        while self._asked:
            await asyncio.sleep(self._find_at - loop.time())  # at least one turn of the loop, to let others join
            asked, self._asked = self._asked, []
            self._find_at = loop.time() + group_seconds(len(asked))
            wanted = {key for keys, _ in asked for key in keys}
            try:
                rows = await self._database.fetch(self._query, {"keys": json.dumps(list(wanted))})
                answers = {row.key: _answer(row) for row in rows}
            except Exception as error:  # noqa: BLE001  # whatever it is: else their askers wait for ever
                for _, found in asked:
                    if not found.done():  # its asker may have been cancelled meanwhile
                        found.set_exception(LedgerUnavailable(str(error.__cause__ or error)))
            else:
                for keys, found in asked:
                    if not found.done():
                        found.set_result({key: answers[key] for key in keys if key in answers})


async def trim(database: Database, *, days: float, most_bytes: int) -> int:
    """Forget the calls that are older than so many days, and the oldest where all texts together have more bytes than
    allowed; return how many. What a run under way rests on stays.
    """
    newer = func.sum(func.length(cast(CallRow.text, LargeBinary))).over(
        order_by=(CallRow.created_at.desc(), CallRow.key)
    )
    sized = select(CallRow.key, CallRow.created_at, newer.label("with_newer")).subquery()
    under_way = (
        select(EventRow.call_key)
        .join(Run, Run.id == EventRow.run_id)
        .where(Run.status.in_([Status.QUEUED, Status.RUNNING]), EventRow.call_key == sized.c.key)
        .exists()
    )
    is_old = sized.c.created_at < now() - timedelta(days=days)
    rows = await database.fetch(select(sized.c.key).where(or_(is_old, sized.c.with_newer > most_bytes), ~under_way))
    keys = [row.key for row in rows]
    for start in range(0, len(keys), TRIM_ROWS):  # in steps, so that other writes come in between
        async with database.begin() as session:
            await session.execute(delete(CallRow).where(CallRow.key.in_(keys[start : start + TRIM_ROWS])))
    return len(keys)


def _finding(dialect: str) -> Select[*tuple[Any, ...]]:
    """Return the query for any number of keys, handed over as one JSON array: an IN list is compiled anew for each
    length, and SQLite bounds it.
    """
    keys = bindparam("keys", type_=String)
    listed = func.json_each(keys) if dialect == "sqlite" else func.json_array_elements_text(cast(keys, JSON))
    wanted = select(listed.table_valued("value").c.value)
    columns = (
        CallRow.key,
        CallRow.text,
        CallRow.spans,
        CallRow.prompt_tokens,
        CallRow.completion_tokens,
        CallRow.seconds,
    )
    return select(*columns).where(CallRow.key.in_(wanted))


def _answer(row: Row[*tuple[Any, ...]]) -> Answer:
    return Answer(
        text=row.text,
        spans=tuple((document, start, end) for document, start, end in row.spans),
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        seconds=row.seconds,
        key=row.key,
    )
