"""The ledger of finished model calls, in the database."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError

from app.store.database import Database
from app.store.models import CallRow, now
from graphs.models import Answer, Call, LedgerUnavailable

KEYS_PER_QUERY = 500  # SQLite binds a bounded number of values

_KEEP = insert(CallRow.__table__).on_conflict_do_nothing()  # type: ignore[arg-type]  # a mapped class's table is a Table


class CallStore:
    """Keeps finished calls: each is durable before its answer is used."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wanted: dict[str, asyncio.Future[Answer | None]] = {}
        self._finding: asyncio.Task[None] | None = None

    async def find(self, keys: Sequence[str]) -> dict[str, Answer]:
        """Return the answers that are kept under these keys.

        Look-ups of many tasks at one moment become one query. Raises `LedgerUnavailable`.
        """
        loop = asyncio.get_running_loop()
        futures = {key: self._wanted.setdefault(key, loop.create_future()) for key in keys}
        if self._finding is None or self._finding.done():
            self._finding = asyncio.create_task(self._find())
        answers = {key: await asyncio.shield(future) for key, future in futures.items()}
        return {key: answer for key, answer in answers.items() if answer is not None}

    async def keep(self, call: Call, answer: Answer) -> None:
        """Store an answer; return when it is durable. Raises `LedgerUnavailable`."""
        row = {
            "key": call.key,
            "owner": call.owner,
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
        except SQLAlchemyError as error:
            raise LedgerUnavailable(str(error.__cause__ or error)) from error

    async def _find(self) -> None:
        await asyncio.sleep(0)  # let every task that is ready add its keys
        while self._wanted:
            wanted, self._wanted = self._wanted, {}
            keys = list(wanted)
            try:
                async with self._database.read() as session:
                    for start in range(0, len(keys), KEYS_PER_QUERY):
                        batch = keys[start : start + KEYS_PER_QUERY]
                        rows = await session.scalars(select(CallRow).where(CallRow.key.in_(batch)))
                        for row in rows:
                            wanted.pop(row.key).set_result(_answer(row))
            except SQLAlchemyError as error:
                for future in wanted.values():
                    future.set_exception(LedgerUnavailable(str(error.__cause__ or error)))
                    future.exception()  # its asker may have been cancelled meanwhile
            else:
                for future in wanted.values():
                    future.set_result(None)


def _answer(row: CallRow) -> Answer:
    return Answer(
        text=row.text,
        spans=tuple((document, start, end) for document, start, end in row.spans),
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        seconds=row.seconds,
        key=row.key,
    )
